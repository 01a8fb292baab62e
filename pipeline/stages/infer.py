"""A teacher's logits for all target images, on a coarse grid."""

from __future__ import annotations

from collections.abc import Iterator

from lightning_fabric import Fabric
from pydantic import Field

from pipeline import artifacts, model, predict, process, progress
from pipeline.compute import Compute, launch
from pipeline.params import Section, load, root
from pipeline.samples import Domain


class Params(Section):
    """`rounds.<round>.infer` over `infer`, with `compute`."""

    stride: int = Field(8, ge=1)
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    batch: int = Field(4, ge=1)
    compute: Compute = Compute()


def run(
    params: Params, teacher: model.Model, target: Domain, fabric: Fabric
) -> Iterator[artifacts.Prediction]:
    """A prediction for each target image, in the index's order."""
    network = fabric.setup_module(teacher).eval()
    width, height = target.size
    for indices, images in predict.images(target, params.batch, params.compute.workers):
        logits = predict.scores(network, fabric.to_device(images), params.flip, params.scales)
        grid = predict.grid(logits, height, width, params.stride).cpu().numpy()
        for index, cells in zip(indices, grid, strict=True):
            yield artifacts.Prediction(target.samples[index].image, height, width, cells)


def main() -> None:
    """Open, run, write."""
    at = process.paths("teacher", "target", "predictions", item=True)
    params = load(Params, "infer", f"rounds.{at.item}.infer")
    target = artifacts.read_domain(at.target, root("target"))
    fabric = launch(params.compute)
    predictions = run(params, model.load(at.teacher), target, fabric)
    shown = progress.track(predictions, f"infer {at.item}", len(target))
    artifacts.write_predictions(at.predictions, shown)


if __name__ == "__main__":
    process.stage(main)
