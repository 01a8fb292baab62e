"""Estimate the time and disk that a run takes, from a few measured steps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.commands._measuring import Measured, measure
from pipeline.commands._pending import pending
from pipeline.commands._spans import NOTHING, Span
from pipeline.runtime import params
from pipeline.runtime.display import duration
from pipeline.sections.pretrain import Params as Pretrain
from pipeline.sections.retrain import Params as Retrain
from pipeline.sections.warmup import Params as Warmup

_BUSY = 0.5  # of the cores: what others take of the machine from here on is worth saying


class Row(NamedTuple):
    """What is to come of a stage's runs, of all that params.yaml asks for; bytes on disk."""

    stage: str
    runs: int
    of: int
    time: Span
    size: float


def cost(
    data: Annotated[Path, typer.Argument(help="what `dvc repro source` filled")] = Path("data"),
    steps: Annotated[int, typer.Option(min=3, help="steps to measure of each kind")] = 6,
) -> None:
    """Estimate the time and disk that the run in params.yaml takes, before you start it."""
    content = params.read()
    load = os.getloadavg()[0]
    each = measure(content, data, steps)
    to_run = pending()
    Console(highlight=False).print(_table(estimate(content, each, to_run)))
    if to_run is None:
        typer.echo("Cannot tell what DVC has already (see `dvc status`): everything counts.")
    for line in _notes(steps, load, os.cpu_count() or 1):
        typer.echo(line)


def _table(rows: list[Row]) -> Table:
    runs, of, size = sum(r.runs for r in rows), sum(r.of for r in rows), sum(r.size for r in rows)
    whole = Row("all", runs, of, sum((row.time for row in rows), NOTHING), size)
    table = Table("stage", "to run", "time", "GB on disk", box=box.SIMPLE_HEAD)
    for row in (*rows, whole):
        ends = dict.fromkeys(map(duration, row.time))
        shown = (f"{row.runs} of {row.of}", " to ".join(ends), f"{row.size / 1e9:.3f}")
        table.add_row(row.stage, *shown, style="bold" if row is whole else None)
    return table


def _notes(steps: int, load: float, cores: int) -> Iterator[str]:
    yield f"Measured: {steps} steps and images of each kind, after some to warm up, in three parts."
    yield "Times range from that of the fastest part to that of the slowest."
    yield "To run: what DVC would neither skip nor take from its cache."
    if load > _BUSY * cores:
        yield f"The machine was busy (load {load:.1f} on {cores} cores): idle, it takes less time."
    yield "Not counted: the start of each stage (seconds), pictures, and a second copy in DVC's"
    yield "cache if the file system cannot link."


def estimate(
    content: Mapping[str, Any], each: Measured, to_run: set[str] | None = None
) -> list[Row]:
    """A row for each stage that takes long. `to_run`: DVC's names of what is; None: everything."""
    pretrains, warmups, means, rounds = (
        [*(content.get(section) or {})] for section in ("pretrain", "warmup", "mean", "rounds")
    )

    def row(stage: str, times: Mapping[str, Span], size: float | Mapping[str, float]) -> Row:
        """`times`: of each run, by DVC's name; bytes of each, of all alike or by name."""
        todo = [name for name in times if to_run is None or name in to_run]
        sizes = size if isinstance(size, Mapping) else dict.fromkeys(times, size)
        return Row(stage, len(todo), len(times), sum((times[n] for n in todo), NOTHING),
                   sum(sizes[n] for n in todo))  # fmt: skip

    def trained(model: Any, *sections: str) -> Span:
        own = params.load(model, "training", *sections)
        samples: int = own.steps * own.batch
        return each.sample * samples

    def of_rounds(stage: str, time: Span) -> dict[str, Span]:
        return {f"{stage}@{name}": time * each.targets for name in rounds}

    judged = each.evaluate * each.vals
    models = {"_pretrain": pretrains, "_warmup": warmups, "_mean": means, "": rounds}
    images = {f"translate@{n}": each.translations[n] for n in content.get("translations") or {}}
    learnt = {f"fit_translator@{n}": each.translators[n] for n in each.translators}
    spans = {name: time for name, (time, _) in images.items()}
    sizes = {name: size for name, (_, size) in images.items()}
    return [
        *([row("fit_translator", learnt, 0)] if learnt else []),
        *([row("translate", spans, sizes)] if images else []),
        row("pretrain", {f"pretrain@{n}": trained(Pretrain, f"pretrain.{n}") for n in pretrains},
            each.model),
        row("warmup", {f"warmup@{n}": trained(Warmup, f"warmup.{n}") for n in warmups},
            each.model),
        row("mean", {f"mean@{n}": NOTHING for n in means}, 2 * each.model),
        row("infer", of_rounds("infer", each.infer), each.targets * each.predictions),
        row("pseudo_label", of_rounds("pseudo_label", each.label), each.targets * each.labels),
        row("retrain", {f"retrain@{n}": trained(Retrain, "retrain", f"rounds.{n}.retrain")
                        for n in rounds}, each.model),
        row("evaluate", {f"evaluate{of}@{n}": judged * (2 if of == "_mean" else 1)
                         for of, names in models.items() for n in names}, 0),
    ]  # fmt: skip
