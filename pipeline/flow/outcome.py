"""What a whole run did, as one artifact on each run: stages and times, models, what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.artifacts import MarkdownArtifact
from prefect.client.schemas.objects import State

from pipeline.flow import show
from pipeline.flow.graph import Stage

KEY = "run"
"""Of the artifact: those of all runs are versions of one."""

_SENTENCE, _BEST, _MODELS = "sentence", "model", "models"
"""The keys of a stage's JSON file that says what came of it, which model is best, and of which."""

_MIOU = "miou"
"""The key of a stage's JSON file that is of one model."""

_NO_TABLE = "Which model is best was not asked for: `make flow` without targets tells it."


@dataclass
class Outcome:
    """Of a run in `root` that is to run `stages`; it fills `ended` and `seconds`, by stage."""

    root: Path = Path()
    stages: Mapping[str, Stage] = field(default_factory=dict)
    ended: Mapping[str, State[Any]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def publish(self, state: State[Any]) -> None:
        """Of the run that ends in this state."""
        told = "what ran and how long, the models, and where the page is"
        MarkdownArtifact(key=KEY, description=told, markdown=self.markdown(state)).create()

    def markdown(self, state: State[Any]) -> str:
        """What is shown: headline, sentence, stages, models, mosaic, page; of what is not, nothing.

        Only outputs of stages that ended well are shown: others may be of another run.
        """
        return "\n\n".join(self._parts(state))

    def _parts(self, state: State[Any]) -> Iterator[str]:
        yield f"## {show.escape(self._headline(state))}"
        outs = [out for stage in self._whole() for out in stage.outs]
        told = [*self._told(outs)][-1:]
        yield from (f"**{show.escape(each[_SENTENCE])}**" for each in told)
        yield from _table("What ran", ("stage", "state", "time"), self._ran())
        scores = [*self._scores()] if not told else []
        best = {each[_BEST] for each in told}
        rows = [row for each in told for row in each.get(_MODELS, ())] or scores
        yield from _table("Models", *_columns([_cells(row, best) for row in rows]))
        if scores and all(stage.table is None for stage in self.stages.values()):
            yield _NO_TABLE
        mosaics = [out for out in outs if (self.root / out / show.MOSAIC).is_file()]
        for out in mosaics[-1:]:
            yield show.picture(self.root / out / show.MOSAIC, "Mosaic")
        pages = [out for out in outs if out.endswith("index.html")]
        yield from (show.page(self.root / out, "The page") for out in pages[-1:])

    def _headline(self, state: State[Any]) -> str:
        names = [str(of.name) for of in self.ended.values()]
        took = show.duration(time.monotonic() - self.began)
        if not state.is_completed():
            return f"{state.name} after {took}: {state.message}"
        if names.count("Cached") == len(names):
            return f"Nothing was to do: all {len(names)} stages are as they were."
        did = [f"{names.count(name)} {name.lower()}" for name in dict.fromkeys(names)]
        return f"{len(names)} stages in {took}: {', '.join(did)}"

    def _whole(self) -> list[Stage]:
        """The stages that ended well, in order."""
        ended = self.ended
        return [s for s in self.stages.values() if s.name in ended and ended[s.name].is_completed()]

    def _ran(self) -> list[tuple[str, str, str]]:
        """All that was not as it was."""
        return [
            (show.escape(name), str(state.name), show.duration(self.seconds[name]))
            for name, state in self.ended.items()
            if state.name != "Cached"
        ]

    def _told(self, outs: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for content in self._contents(outs):
            if isinstance(content.get(_SENTENCE), str):
                yield content

    def _scores(self) -> Iterator[Mapping[str, Any]]:
        """Of each model that was evaluated, where no stage compares them."""
        for stage in self._whole():
            for content in self._contents(stage.outs):
                if _MIOU in content:
                    labels = content.get("labels") or {}
                    yield {"model": stage.item, "mIoU": content[_MIOU], **labels}

    def _contents(self, outs: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """What the JSON files among them hold, if it has keys."""
        for out in outs:
            path = self.root / out
            if path.suffix == ".json" and path.is_file():
                content = json.loads(path.read_bytes())
                if isinstance(content, Mapping):
                    yield content


def _cells(row: Mapping[str, Any], best: Container[str]) -> dict[str, str | float]:
    """A model's values, its name in bold if it is a best one."""
    found = {key: show.value(value) for key, value in row.items()}
    bold = {"model": f"**{found['model']}**"} if row["model"] in best else {}
    return found | bold


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The columns that tell rows apart, and their cells by row, numbers with equal decimals."""
    names = [*dict.fromkeys(name for row in rows for name in row)]
    cells = {name: _column([row.get(name, "") for row in rows]) for name in names}
    told = [name for name in names if len({*cells[name]}) > 1 or len(rows) == 1]
    return told, [[cells[name][at] for name in told] for at in range(len(rows))]


def _column(values: Sequence[str | float]) -> list[str]:
    """Two decimals where any is 1 or more, else as many as the longest has, at most four."""
    numbers = [value for value in values if not isinstance(value, str)]
    decimals = max((len(str(number).partition(".")[2]) for number in numbers), default=0)
    most = min(decimals, 2 if any(abs(number) >= 1 for number in numbers) else 4)
    return [value if isinstance(value, str) else f"{value:.{most}f}" for value in values]


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Markdown with all but the first column on the right; nothing of no row.

    Cells are Markdown already.
    """
    if rows:
        lines = [names, ["---", *["--:"] * (len(names) - 1)], *rows]
        told = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        yield f"### {title}\n\n{told}"
