"""A data set and seed in one process: the stages' own `run`s, one after the other, without DVC.

What methods share (worlds, the source's models, the target's batch norm) is kept in data/ablation.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from lightning_fabric import Fabric
from rows import ROOT, alone

from pipeline.domain import pictures
from pipeline.domain.samples import Domain
from pipeline.inference.predictions import Prediction, files
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model import model
from pipeline.runtime.compute import Compute
from pipeline.runtime.contents import overlay
from pipeline.runtime.launch import launch
from pipeline.runtime.lineage import members
from pipeline.runtime.names import DOMAINS
from pipeline.runtime.params import SHARED, derived_seed, read, validate
from pipeline.runtime.progress import Log
from pipeline.stages import (
    evaluate,
    generate,
    infer,
    prepare,
    pretrain,
    prior,
    pseudo_label,
    retrain,
    source,
    split,
    warmup,
)

KEPT = ROOT / "data" / "ablation"  # worlds and models that methods share
DATA = {"streets": "streets", "camvid": "camvid-dusk-small"}  # others are presets of their own
BASELINE, ORACLE = "source-long", "oracle"


@dataclass(frozen=True)
class World:
    """One data set and seed."""

    data: str
    seed: int
    content: Mapping[str, Any]
    prepared: prepare.Prepared
    sources: Mapping[str, Domain]
    known: prior.Prior
    fabric: Fabric

    def of(self, name: str) -> list[Domain]:
        """A source, or those of a mix, which take turns."""
        return [self.sources[own] for own in members(self.content, name)]

    @property
    def source(self) -> list[Domain]:
        """The only one of most presets."""
        return self.of(next(iter(self.sources)))

    def section(self, kind: type[Any], name: str, *over: Mapping[str, Any]) -> Any:
        """A stage's Params from the preset's sections and `over`."""
        merged: dict[str, Any] = {}
        for each in over:
            merged = overlay(merged, each)
        for field in kind.model_fields.keys() & {*SHARED} & self.content.keys() - merged.keys():
            merged[field] = self.content[field]
        return validate(kind, merged, f"ablation: {name}")


def build(
    data: str, seed: int, threads: int, over: Mapping[str, Any] = MappingProxyType({})
) -> World:
    """The preset's data, made once for all seeds; `over` lies on top of the preset."""
    content = dict(read(ROOT / "presets" / f"{DATA.get(data, data)}.yaml"))
    content = overlay(content, over)
    content |= {"seed": seed, "compute": {**content["compute"], "threads": threads}}
    with alone():
        for name, item in content["generate"].items():
            drawn(KEPT / "streets" / name, item)
    for domain in (*(content["prepare"][role] for role in DOMAINS), *content["source"].values()):
        root = Path(domain["root"])
        domain["root"] = str(KEPT / "streets" / root.name if content["generate"] else ROOT / root)
    prepared = prepare.run(validate(prepare.Params, content["prepare"], "prepare"))
    memory = {"memory": content["compute"]["memory"]}
    prepared = replace(
        prepared, **{role: replace(getattr(prepared, role), **memory) for role in DOMAINS}
    )
    kept = {role: getattr(prepared, role) for role in DOMAINS}
    sources = {}
    for name, item in content["source"].items():
        checked = source.run(validate(source.Params, item, name), name, prepared.taxonomy, kept)
        sources[name] = replace(checked.source, **memory)
    given = validate(prior.Params, content["prior"], "prior")
    own = [sources[name] for name in members(content, content["prior"]["source"])]
    known = prior.run(given, own, len(prepared.taxonomy))
    compute = validate(Compute, content["compute"], "compute")
    return World(data, seed, content, prepared, sources, known, launch(compute))


def drawn(folder: Path, item: Mapping[str, Any]) -> None:
    """A domain of streets, unless it is there."""
    if not folder.exists():
        params = validate(generate.Params, {**item, "seed": 1}, "generate")
        with tempfile.TemporaryDirectory(dir=KEPT) as unfinished:
            generate.run(params, Path(unfinished) / folder.name)
            folder.parent.mkdir(parents=True, exist_ok=True)
            (Path(unfinished) / folder.name).rename(folder)


def silent(*_: Any) -> None:
    """No training curve."""


def trained(
    world: World, name: str, over: Mapping[str, Any], sources: Sequence[Any]
) -> model.Model:
    """A supervised model, kept for the other methods."""
    return model.load(kept(world, name, over, sources))


def kept(
    world: World, name: str, over: Mapping[str, Any], sources: Sequence[Any] | None = None
) -> Path:
    """Where it lies, once it is trained; other params are another file."""
    params = world.section(pretrain.Params, name, world.content["training"], over)
    unused = (
        {"sampling"} if params.sampling is None else set()
    )  # models of before it keep their names
    by = [params.model_dump(mode="json", exclude={"compute", *unused})]
    by += [world.content[section] for section in ("source", "prepare", "network")]
    path = KEPT / f"{world.data}-{world.seed}-{name}-{digest(by)}.pt"
    with alone(path.with_suffix(".lock")):  # jobs beside each other train it once
        if not path.exists():
            taxonomy, own = world.prepared.taxonomy, sources or world.source
            model.save(path, pretrain.run(params, own, taxonomy, world.fabric, silent))
    return path


def digest(values: Any) -> str:
    """Of what JSON can say, whatever the order of its keys, and wherever the data lie."""
    text = json.dumps(without_roots(values), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def without_roots(values: Any) -> Any:
    """Where the data lie says nothing of what they are."""
    if isinstance(values, Mapping):
        return {key: without_roots(each) for key, each in values.items() if key != "root"}
    return [*map(without_roots, values)] if isinstance(values, list) else values


class Both:
    """Two labelled domains as one, for the oracle."""

    def __init__(self, *domains: Domain) -> None:
        self.places = [(of, index) for of in domains for index in range(len(of))]
        self.samples = [of.samples[index] for of, index in self.places]

    def __len__(self) -> int:
        return len(self.places)

    def image(self, index: int) -> Any:
        """RGB."""
        of, own = self.places[index]
        return of.image(own)

    def label(self, index: int) -> Any:
        """Train ids."""
        of, own = self.places[index]
        return of.label(own)


def normed(world: World) -> model.Model:
    """The preset's source-norm: the source's model with the target's statistics in batch norm."""
    item = world.content["warmup"]["source-norm"]
    start = trained(world, "source", {"steps": world.content["pretrain"]["source"]["steps"]},
                    world.source)  # fmt: skip
    return warmed(world, start, item)


def warmed(
    world: World, start: model.Model, item: Mapping[str, Any], log: Log = silent,
    sources: Sequence[Domain] = (),
) -> model.Model:  # fmt: skip
    """A model after one more warmup, on the world's source or on several."""
    params = world.section(warmup.Params, "warmup", world.content["training"], item)
    target = PseudoLabelled(world.prepared.target, None, len(world.prepared.taxonomy))
    shares = torch.tensor(world.known.shares)
    own = sources or world.source
    return warmup.run(params, deepcopy(start), own, target, shares, world.fabric, log)


def memory() -> Path | None:
    """A folder in memory, where there is one."""
    return Path("/dev/shm") if Path("/dev/shm").is_dir() else None


def one_round(
    world: World, teacher: model.Model, name: str, step: Mapping[str, Any],
    own: Mapping[str, Any], folder: Path, log: Log = silent,
) -> tuple[model.Model, evaluate.PseudoLabels]:  # fmt: skip
    """infer, pseudo_label, split and retrain."""
    content, target = world.content, world.prepared.target
    taxonomy = world.prepared.taxonomy
    inferring = world.section(infer.Params, "infer", content["infer"])
    indices = files(len(target)).values()
    found: list[Prediction] = list(infer.run(inferring, teacher, target, world.fabric, indices))
    labelling = world.section(pseudo_label.Params, "pseudo_label", step["pseudo_label"])

    def write(name: str, made: Any) -> None:
        pictures.write_label(folder / f"{name}.png", made.labels, taxonomy.colours)

    inside = pseudo_label.regions(target)
    made = pseudo_label.run(labelling, found, {}, taxonomy, world.known.q, write, inside)
    splitting = world.section(split.Params, "split", step["split"])
    table = split.run(splitting, split.scored(splitting, [made.coverage], made.thresholds))
    plain = {k: v for k, v in content["retrain"].items() if k != "options"}
    params = world.section(
        retrain.Params, "retrain", content["training"], plain, step["retrain"], own,
        {"seed": derived_seed(world.seed, name)},
    )  # fmt: skip
    pseudo = PseudoLabelled(target, folder, len(taxonomy), Stored(found))
    halves = retrain.split_up(params, pseudo, table, made.thresholds)
    student = retrain.run(params, deepcopy(teacher), world.source, halves, world.fabric, log)
    truth = evaluate.PseudoLabels(pseudo, world.prepared.target_truth, made.thresholds)
    return student, truth


class Stored(list[Prediction]):
    """Predictions in memory, as `predictions.Predictions` reads them from disk."""

    def only(self, indices: Iterable[int]) -> Stored:
        """Those of some images."""
        return Stored(self[i] for i in indices)
