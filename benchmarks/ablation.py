"""Every self-training method on streets and on CamVid, beside baselines and an oracle.

    python benchmarks/ablation.py --jobs 2

All in one process a seed and data set, by the stages' own `run`s. Each method trains for as many
steps as `source-long`; what comes before its first round is shared by data and seed. Rows go to
benchmarks/results/ablation.json as they are found: run it again to go on where it stopped, or with
`--table` to only draw table and figure again.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from rich.progress import track
from scipy import stats

from pipeline import artifacts, model, process
from pipeline.compute import launch
from pipeline.params import derived_seed, overlay, read, validate
from pipeline.predictions import Prediction, files
from pipeline.progress import Log
from pipeline.pseudo import PseudoLabelled
from pipeline.samples import Domain
from pipeline.stages import (
    evaluate,
    generate,
    infer,
    prepare,
    pretrain,
    prior,
    pseudo_label,
    retrain,
    split,
    warmup,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "ablation.json"
FIGURE = ROOT / "docs" / "images" / "ablation.png"
KEPT = ROOT / "data" / "ablation"  # worlds and models that methods share
DATA = {"streets": "streets", "camvid": "camvid-dusk"}
BASELINE, ORACLE = "source-long", "oracle"
ENOUGH = 3  # mIoU between source-long and the oracle, from which a share of it means something
Row = dict[str, Any]
Steps = list[Mapping[str, Any]]


def rounds(labeler: str, retraining: Mapping[str, Any] | None = None, **options: Any) -> Steps:
    """Three rounds of the preset's portions, each from the one before."""
    training = {"options": {"norm": "own"}}
    return [
        {
            "pseudo_label": {"labeler": labeler, "portion": portion, "options": options},
            "split": {"ranker": "entropy", "easy": 0.5},
            "retrain": overlay({"objective": "self_training", **training}, retraining or {}),
        }
        for portion in (0.20, 0.25, 0.30)
    ]


def tpld() -> Steps:
    """Two rounds of phase 1, one of phase 2 (the paper: six and three)."""
    objective = {"objective": "tpld", "options": {"norm": "own"}}
    found = rounds("tpld", objective, window=29)  # half the paper's, for images of half the size
    phase2 = {"options": {"dense": True}, "use": "easy", "source_share": 0.25, "hard_share": 0.5}
    ranked = {"ranker": "confidence", "easy": 0.3}
    last = overlay(found[2], {"retrain": phase2, "split": ranked})
    return [*found[:2], last]


def intra_domain() -> Steps:
    """AdvEnt first, then one round of all its steps without any source image."""
    return [
        {"warmup": {"objective": "advent", "options": {"own_norm": True}}},
        {
            "pseudo_label": {"labeler": "st", "portion": 1.0},
            "split": {"ranker": "entropy", "easy": 0.67},
            "retrain": {
                "objective": "intra_domain", "use": "easy", "source_share": 0, "hard_share": 0.5
            },
        },
    ]  # fmt: skip


def regularised(kind: str) -> Steps:
    return rounds("cbst", {"options": {"regulariser": kind}})


METHODS: dict[str, Steps] = {
    "ST": rounds("st"),
    "CBST": rounds("cbst"),
    "CBST-SP": rounds("cbst_sp"),
    "CRST-MRKLD": regularised("mrkld"),
    "CRST-MRENT": regularised("mrent"),
    "CRST-MRL2": regularised("mrl2"),
    "CRST-LRENT": rounds("crst_lrent", {"options": {"soft_alpha": 0.25}}),
    "TPLD": tpld(),
    "MinEnt": [{"warmup": {"objective": "minent", "options": {"own_norm": True}}}] * 3,
    "AdvEnt": [{"warmup": {"objective": "advent", "options": {"own_norm": True}}}] * 3,
    "IntraDA": intra_domain(),
}
"""What follows the shared model `target-norm`; all steps of a method together are the preset's."""


@dataclass(frozen=True)
class World:
    """One data set and seed."""

    data: str
    seed: int
    content: Mapping[str, Any]
    prepared: prepare.Prepared
    known: prior.Prior
    fabric: Fabric

    def section(self, kind: type[Any], name: str, *over: Mapping[str, Any]) -> Any:
        """A stage's Params from the preset's sections and `over`."""
        merged: dict[str, Any] = {}
        for each in over:
            merged = overlay(merged, each)
        for field in kind.model_fields.keys() & self.content.keys() - merged.keys():
            merged[field] = self.content[field]
        return validate(kind, merged, f"ablation: {name}")


@contextmanager
def alone() -> Iterator[None]:
    """Jobs share a folder of worlds and models, and a file of rows."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(data: str, seed: int, threads: int) -> World:
    """The preset's data, made once for all seeds."""
    content = dict(read(ROOT / "presets" / f"{DATA[data]}.yaml"))
    content |= {"seed": seed, "compute": {**content["compute"], "threads": threads}}
    with alone():
        for name, item in content["generate"].items():
            drawn(KEPT / "streets" / name, item)
    for role in prepare.DOMAINS:
        root = Path(content["prepare"][role]["root"])
        moved = KEPT / "streets" / root.name if content["generate"] else ROOT / root
        content["prepare"][role]["root"] = str(moved)
    prepared = prepare.run(validate(prepare.Params, content["prepare"], "prepare"))
    memory = {"memory": content["compute"]["memory"]}
    held = {r: replace(getattr(prepared, r), **memory) for r in ("source", "target", "val")}
    compute = validate(pretrain.training.Compute, content["compute"], "compute")
    given = validate(prior.Params, content["prior"], "prior")
    known = prior.run(given, held["source"], len(prepared.taxonomy))
    return World(data, seed, content, replace(prepared, **held), known, launch(compute))


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


def trained(world: World, name: str, over: Mapping[str, Any], source: Any) -> model.Model:
    """A supervised model, kept for the other methods."""
    path = KEPT / f"{world.data}-{world.seed}-{name}.pt"
    if not path.exists():
        params = world.section(pretrain.Params, name, world.content["training"], over)
        taxonomy = world.prepared.taxonomy
        model.save(path, pretrain.run(params, source, taxonomy, world.fabric, silent))
    return model.load(path)


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


def scored(
    world: World, found: model.Model, labels: evaluate.PseudoLabels | None = None
) -> dict[str, Any]:
    """mIoU, rare classes, signals and, for a round, its labels' coverage and precision."""
    params = world.section(evaluate.Params, "evaluate", world.content["evaluate"])
    val, target = world.prepared.val, world.prepared.target
    confusion = evaluate.run(params, found, val, world.fabric)
    signals = evaluate.label_free(params, found, target, world.fabric)
    metrics, _ = evaluate.tables(confusion, found, labels, signals)
    return metrics


def baselines(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """source, source-long, target-norm and the oracle."""
    steps = {name: item["steps"] for name, item in world.content["pretrain"].items()}
    own = world.prepared
    yield "source", scored(world, trained(world, "source", {"steps": steps["source"]}, own.source))
    long = {"steps": steps["source-long"]}
    yield BASELINE, scored(world, trained(world, "source-long", long, own.source))
    yield "target-norm", scored(world, normed(world))
    both = Both(own.source, own.target_truth)
    yield ORACLE, scored(world, trained(world, ORACLE, long, both))


def normed(world: World) -> model.Model:
    """The preset's warmup: target statistics in batch norm."""
    item = world.content["warmup"]["target-norm"]
    start = trained(world, "source", {"steps": world.content["pretrain"]["source"]["steps"]},
                    world.prepared.source)  # fmt: skip
    return warmed(world, start, item)


def warmed(
    world: World, start: model.Model, item: Mapping[str, Any], log: Log = silent
) -> model.Model:
    """A model after one more warmup."""
    params = world.section(warmup.Params, "warmup", world.content["training"], item)
    target = PseudoLabelled(world.prepared.target, None, len(world.prepared.taxonomy))
    own = world.prepared.source
    shares = torch.tensor(world.known.shares)
    return warmup.run(params, deepcopy(start), own, target, shares, world.fabric, log)


def run(world: World, method: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each model of a method, scored."""
    steps, teacher = METHODS[method], normed(world)
    total = world.content["retrain"]["steps"] * 3
    for number, step in enumerate(steps):
        name, own = f"round-{number + 1}", {"steps": total // len(steps)}
        if "warmup" in step:
            over = {**world.content["retrain"], **own, **step["warmup"], "from": "x"}
            over["seed"] = derived_seed(world.seed, name)
            teacher = warmed(world, teacher, over)
            yield name, scored(world, teacher)
        else:
            with tempfile.TemporaryDirectory(dir=_memory()) as folder:
                teacher, labels = one_round(world, teacher, name, step, own, Path(folder))
                yield name, scored(world, teacher, labels)


def _memory() -> Path | None:
    return Path("/dev/shm") if Path("/dev/shm").is_dir() else None


def one_round(
    world: World, teacher: model.Model, name: str, step: Mapping[str, Any],
    own: Mapping[str, Any], folder: Path,
) -> tuple[model.Model, evaluate.PseudoLabels]:  # fmt: skip
    """infer, pseudo_label, split and retrain."""
    content, target = world.content, world.prepared.target
    taxonomy = world.prepared.taxonomy
    inferring = world.section(infer.Params, "infer", content["infer"])
    indices = files(len(target)).values()
    found: list[Prediction] = list(infer.run(inferring, teacher, target, world.fabric, indices))
    labelling = world.section(pseudo_label.Params, "pseudo_label", step["pseudo_label"])

    def write(name: str, made: Any) -> None:
        artifacts.write_label(folder / f"{name}.png", made.labels, taxonomy.colours)

    made = pseudo_label.run(labelling, found, {}, taxonomy, world.known.q, write)
    table = split.run(world.section(split.Params, "split", step["split"]),
                      made.coverage, made.thresholds)  # fmt: skip
    plain = {k: v for k, v in content["retrain"].items() if k != "options"}
    params = world.section(
        retrain.Params, "retrain", content["training"], plain, step["retrain"], own,
        {"seed": derived_seed(world.seed, name)},
    )  # fmt: skip
    pseudo = PseudoLabelled(target, folder, len(taxonomy), Stored(found))
    halves = retrain.split_up(params, pseudo, table, made.thresholds)
    source = world.prepared.source
    student = retrain.run(params, deepcopy(teacher), source, halves, world.fabric, silent)
    truth = evaluate.PseudoLabels(pseudo, world.prepared.target_truth, made.thresholds)
    return student, truth


class Stored(list[Prediction]):
    """Predictions in memory, as `predictions.Predictions` reads them from disk."""

    def only(self, indices: Iterable[int]) -> Stored:
        """Those of some images."""
        return Stored(self[i] for i in indices)


def missing(rows: list[Row], data: str, seed: int) -> list[str]:
    """The methods that are not in the results yet; "" stands for the baselines."""
    done = {row["method"] for row in rows if (row["data"], row["seed"]) == (data, seed)}
    return [m for m in ("", *METHODS) if (m or ORACLE) not in done]


def work(data: str, seed: int, threads: int) -> None:
    """All that is missing of one data set and seed."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    if not (todo := missing(read_rows(), data, seed)):
        return
    torch.set_num_threads(threads)
    world = build(data, seed, threads)
    for method in todo:
        began, cpu = time.perf_counter(), time.process_time()
        found = list(run(world, method) if method else baselines(world))
        seconds = round(time.perf_counter() - began)
        rows = [
            {"method": method or name, "data": data, "seed": seed, "model": name, **metrics}
            for name, metrics in found
        ]
        rows[-1] |= {"seconds": seconds, "cpu_seconds": round(time.process_time() - cpu)}
        append(rows)
        last = found[-1][1]["miou"]
        print(f"{data} {seed} {method or 'baselines'}: {last:.2f}, {seconds} s", flush=True)


def side_by_side(processes: int, work: Callable[..., None], jobs: list[tuple[Any, ...]]) -> None:
    """So many at a time, each by itself; where one fails, the others that wait are not begun."""
    alike = {"mp_context": get_context("spawn"), "initializer": process.die_with_parent}
    with ProcessPoolExecutor(processes, **alike) as pool:
        try:
            for done in as_completed([pool.submit(work, *job) for job in jobs]):
                done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def read_rows() -> list[Row]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def append(rows: list[Row]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with alone():
        both = [*read_rows(), *rows]
        both.sort(key=lambda r: (r["data"], r["seed"]))
        artifacts.write_bytes(RESULTS, (json.dumps(both, indent=1) + "\n").encode())


# --- what came of it -----------------------------------------------------------------------


def last_models(rows: list[Row], data: str) -> pd.DataFrame:
    """One row a method and seed: its last model."""
    table = pd.DataFrame([row for row in rows if row["data"] == data])
    return table.groupby(["method", "seed"], sort=False).last().reset_index()


def half_width(values: np.ndarray[Any, Any]) -> float:
    """Half of the 95 % interval of a mean (Student's t)."""
    if len(values) < 2:  # noqa: PLR2004
        return float("inf")
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def table(rows: list[Row], data: str) -> str:
    """Markdown: the last model of each method."""
    last = last_models(rows, data)
    seeds = {m: set(of["seed"]) for m, of in last.groupby("method")}
    common = sorted(set.intersection(*seeds.values()))
    last = last[last["seed"].isin(common)].set_index(["method", "seed"])
    miou = last["miou"].astype(float).unstack()
    gap = (miou.loc[ORACLE] - miou.loc[BASELINE]).mean()
    head = (
        "| method | mIoU | minus source-long | of the gap | rare | coverage, precision by round |"
    )
    lines = [f"{data}, seeds {', '.join(map(str, common))}", "", head, "|---|---|---|---|---|---|"]
    for method in [m for m in (BASELINE, "target-norm", *METHODS, ORACLE) if m in miou.index]:
        gain = (miou.loc[method] - miou.loc[BASELINE]).to_numpy()
        share = f"{100 * gain.mean() / gap:.0f} %" if gap > ENOUGH else ""
        rare = last.loc[method, "rare"].astype(float).mean()
        lines.append(
            f"| {method} | {miou.loc[method].mean():.2f} | {gain.mean():+.2f} ± "
            f"{half_width(gain):.2f} | {share} | {rare:.2f} | {by_round(rows, data, method)} |"
        )
    return "\n".join(lines)


def by_round(rows: list[Row], data: str, method: str) -> str:
    """Mean coverage and precision of each round's labels, in percent."""
    own = [r for r in rows if (r["data"], r["method"]) == (data, method) and r.get("labels")]
    found = []
    for name in sorted({r["model"] for r in own}):
        labels = [r["labels"] for r in own if r["model"] == name]
        means = [np.mean([each[key] for each in labels]) for key in ("coverage", "precision")]
        found.append(f"{means[0]:.0f}, {means[1]:.0f}")
    return "; ".join(found)


def tracking(rows: list[Row], data: str) -> str:
    """How well each label-free signal follows mIoU: over all models, and within rounds."""
    table = pd.DataFrame([r for r in rows if r["data"] == data and r.get("signals")])
    signals = pd.DataFrame(table["signals"].tolist(), index=table.index)
    lines = ["| signal | all models of a seed | rounds of a method | best round found |",
             "|---|---|---|---|"]  # fmt: skip
    for name in signals:
        value = signals[name] * (-1 if name == "entropy" else 1)
        joined = table.assign(value=value, miou=table["miou"].astype(float))
        overall = [
            stats.spearmanr(of["value"], of["miou"]).statistic for _, of in joined.groupby("seed")
        ]
        many = [of for _, of in joined.groupby(["method", "seed"]) if len(of) > 2]  # noqa: PLR2004
        within = [stats.spearmanr(of["value"], of["miou"]).statistic for of in many]
        hits = [of["value"].idxmax() == of["miou"].idxmax() for of in many]
        lines.append(
            f"| {name} | {np.nanmean(overall):+.2f} | {np.nanmean(within):+.2f} | "
            f"{sum(hits)} of {len(hits)} |"
        )
    return "\n".join(lines)


def draw(rows: list[Row]) -> None:
    """Gains over source-long with intervals, each seed a dot."""
    found = [data for data in DATA if any(r["data"] == data for r in rows)]
    figure, grid = plt.subplots(1, len(found), figsize=(5.2 * len(found), 4.6), dpi=110,
                                squeeze=False)  # fmt: skip
    for axes, data in zip(grid[0], found, strict=True):
        last = last_models(rows, data).set_index(["method", "seed"])["miou"].astype(float)
        miou = last.unstack()
        names = [m for m in (ORACLE, *reversed(METHODS), "target-norm") if m in miou.index]
        for place, name in enumerate(names):
            gain = (miou.loc[name] - miou.loc[BASELINE]).dropna().to_numpy()
            colour = "tab:grey" if name in (ORACLE, "target-norm") else "tab:blue"
            axes.barh(place, gain.mean(), color=colour, alpha=0.5)
            if len(gain) > 1:
                axes.errorbar(gain.mean(), place, xerr=half_width(gain), color="black", capsize=3)
            axes.plot(gain, [place] * len(gain), "k.", markersize=4)
        axes.set_yticks(range(len(names)), names)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(title=data, xlabel="mIoU minus source-long, 95 % interval")
    figure.tight_layout()
    figure.savefig(FIGURE)


def main() -> None:
    """Run what is missing, then write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=[*DATA], default=[*DATA])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--table", action="store_true", help="only draw what is there")
    args = parser.parse_args()
    jobs = [(data, seed) for seed in args.seeds for data in args.data]
    if not args.table and args.jobs > 1:
        side_by_side(args.jobs, work, [(*job, 1) for job in jobs])
    elif not args.table:
        for job in track(jobs, "ablation"):
            work(*job, os.cpu_count() or 1)
    rows = read_rows()
    for data in args.data:
        print(table(rows, data), tracking(rows, data), sep="\n\n", end="\n\n")
    draw(rows)
    print(f"CPU hours in all: {sum(r.get('cpu_seconds', 0) for r in rows) / 3600:.2f}")


if __name__ == "__main__":
    main()
