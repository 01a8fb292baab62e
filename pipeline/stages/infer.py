"""A teacher's logits for all target images, on a coarse grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lightning_fabric import Fabric

from pipeline.checks import plan
from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.inference import predict, predictions, publishing
from pipeline.model import model
from pipeline.model.grids import averaged
from pipeline.runtime import cluster, process, progress, resume
from pipeline.runtime.compute import UNTRACKED
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.runtime.params import load, read, root
from pipeline.runtime.ranks import wait
from pipeline.sections.infer import Params


def run(
    params: Params,
    teacher: model.Model,
    target: Domain,
    fabric: Fabric,
    files: Iterable[range],
) -> Iterator[predictions.Prediction]:
    """A prediction for each image of `files`, in their order.

    No batch holds images of two files: what a file holds depends on nothing but its own images.
    """
    network = fabric.setup_module(teacher).eval()
    width, height = target.size
    batches = [batch for file in files for batch in predict.batches(file, params.batch)]
    for indices, images in predict.images(target, batches, params.compute.workers):
        views = predict.views(network, fabric.to_device(images), params.flip, params.scales)
        logits, over = averaged(views)
        flips = predict.unlike(logits, *views[:2]) if params.flip else [None] * len(indices)
        grid, over = predict.grid(logits, height, width, params.stride, over)
        for index, cells, apart in zip(indices, grid.cpu().numpy(), flips, strict=True):
            name = target.samples[index].image
            yield predictions.Prediction(name, height, width, cells, over, apart)


@dataclass(frozen=True)
class Writer:
    """Writes a file of predictions into `folder`, wherever it is called."""

    params: Params
    teacher: model.Model
    target: Domain
    folder: Path

    @cached_property
    def _fabric(self) -> Fabric:
        return launch(self.params.compute, alone=True)

    def __call__(self, file: tuple[str, range]) -> range:
        """One, given by its name and its images, which it returns."""
        name, images = file
        found = run(self.params, self.teacher, self.target, self._fabric, [images])
        predictions.write(self.folder, {name: images}, found)
        return images


def shard(text: str | None) -> tuple[int, int]:
    """(which, of how many) from `which/of`, counted from 1. Raises BadInput."""
    number, _, of = (text or "1/1").partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise BadInput(f"--shard {text}: must be as 2/5, the second of five")
    return int(number) - 1, int(of)


def main() -> None:
    """Open, run, write: a file at a time, so that an interrupted run goes on after the last.

    With `--shard 2/5` one process of five, on whatever machine, leaves its files for the run
    without, which makes those that are missing and publishes all.
    """
    at = process.paths(
        "teacher", "target", "predictions", "unfinished", item=True, options=("shard",)
    )
    params = load(Params, "infer", f"rounds.{at.item}.infer")
    plan.check(read(), at.item)  # of the whole round, before any of it runs
    publishing.check_place(at.predictions)
    which, of = shard(at.shard)
    target = artifacts.read_domain(at.target, root("target"))
    teacher = model.of_task(at.teacher)
    fabric = launch(params.compute, alone=params.compute.cluster is not None)
    inputs, alone = [at.teacher, at.target], at.shard is None  # another build of torch has its own
    made = resume.folder(at.unfinished, inputs, params, alone=alone, compute=UNTRACKED)
    all_files = predictions.files(len(target))
    names = list(all_files)[which::of][fabric.global_rank :: fabric.world_size]
    missing = {name: all_files[name] for name in names if not (made / name).exists()}
    total = sum(map(len, missing.values()))
    if params.compute.cluster is None:
        found = run(params, teacher, target, fabric, missing.values())
        shown = progress.track(found, f"infer {at.item}", total)
        predictions.write(made, missing, shown)
    else:
        write = Writer(params, teacher, target, made)
        done = cluster.actors(write, missing.items(), params.compute)
        for _ in progress.track((i for images in done for i in images), f"infer {at.item}", total):
            pass
    wait(fabric)
    if at.shard is None and fabric.is_global_zero:
        publishing.publish(made, at.predictions, all_files)


if __name__ == "__main__":
    process.stage(main)
