"""Which model is best, and did adaptation help: what every place that says so says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.look.choice import CHOSEN, CONTROLS, HELD_OUT, Choice, choose
from pipeline.runtime.files import write_json

_HALF = 50  # percent: fewer right ones than that are mostly wrong
_LEAST = 1.0  # points of IoU that a class must have lost to be named
_LOST, _WRONG = 3, 5  # classes that are named at most

Tables = Mapping[str, pd.DataFrame]


class Part(NamedTuple):
    """Some text, and the state of the page that shows what it tells of, if one does."""

    text: str
    state: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Verdict:
    """What is said, in parts, and the choice it is of; None where nothing was measured."""

    choice: Choice | None
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Plain, as a terminal shows it."""
        return "".join(part.text for part in self.parts).strip()

    def write(self, path: Path, models: Sequence[Mapping[str, object]]) -> None:
        """As JSON beside the models: `file` is the best one's, in the same folder.

        `models` are the rows that it is said of (comparison.rows).
        """
        made = self.choice
        content = {
            "model": made and made.best,
            "file": made and f"{made.best}.pt",
            "chosen_by": made and made.measure.by,
            "value": made and round(made.values[made.best], 4),
            "sentence": self.text,
            "models": [*models],
        }
        write_json(path, content)


def of(models: pd.DataFrame, tables: Tables, held_out: bool = False) -> Verdict:
    """`models`: a row each, in the order of params.yaml, of the columns that `choose` reads and
    teacher, which only rounds have. `tables`: by model, a row a class; iou, and of a round whose
    labels were compared with a truth precision, in percent. `held_out`: val is of a source.
    """
    rounds: dict[str, str] = {}
    if "teacher" in models:
        taught = models[models["teacher"].notna()]
        rounds = dict(zip(taught["model"], taught["teacher"], strict=True))
    choice = choose(models)
    if choice is None:
        nothing = Part("There is no val, evaluate.few or evaluate.signals to choose a model by.")
        return Verdict(None, (nothing, *_labels(rounds, tables)))
    told = (*_best(choice, held_out), *_no_round(choice, rounds), *_last(choice, rounds, tables))
    return Verdict(choice, (*told, *_labels(rounds, tables)))


def _best(choice: Choice, held_out: bool) -> Iterator[Part]:
    best, values = choice.best, choice.values
    shown = choice.measure.shown(values[best])
    value = choice.measure.said.format(held=HELD_OUT * held_out, value=shown)
    if len(values) == 1:
        yield Part(f"{best} is the only model, {value.removesuffix(CHOSEN)}.")
        return
    alike = [name for name in values if name != best and choice.level(best, name)]
    beside = [name for name in CONTROLS if name in values] or [*values][:1]
    over = [f"{choice.over(best, n)} over {n}" for n in beside if n not in (best, *alike)]
    level = f", level with {_listed(alike)}," if alike else ""
    yield Part(f"{best}{level} is the best model {value}{', ' * bool(over)}{_listed(over)}.")


def _no_round(choice: Choice, rounds: Mapping[str, str]) -> Iterator[Part]:
    """Where it is none of the rounds, by how much the best of these is worse."""
    known = [name for name in rounds if name in choice.values]
    if choice.best not in rounds and known:
        top = max(known, key=choice.values.__getitem__)
        if not choice.level(choice.best, top):
            less = choice.over(choice.best, top)
            yield Part(f" No round is better: {top}, the best of them, is {less} lower.")


def _last(choice: Choice, rounds: Mapping[str, str], tables: Tables) -> Iterator[Part]:
    """What the last round lost against its teacher, or gained."""
    last = next(reversed([*rounds]), "")
    before = rounds.get(last, "")
    if not {last, before} <= choice.values.keys():
        return
    level = choice.level(last, before)
    fell = choice.values[last] < choice.values[before] and not level
    did = f"lost {choice.over(before, last)} against" if fell else "gained {} over"
    did = "is level with" if level else did.format(choice.over(last, before))
    yield Part(f" The last round, {last}, {did} {before}")
    if choice.measure.column == "miou" and (lost := _lost(tables[before], tables[last])):
        yield Part(", most in " if fell else ", but lost in ")
        yield from _linked([(c, f"{less:.1f}") for c, less in lost], last, tables[last])
    yield Part(".")


def _lost(before: pd.DataFrame, last: pd.DataFrame) -> list[tuple[str, float]]:
    """The classes whose IoU fell most, with the points that it fell by."""
    less = _column(before, "iou") - _column(last, "iou")
    fell = less[less >= _LEAST].sort_values(ascending=False, kind="stable")
    return [(str(name), float(points)) for name, points in fell[:_LOST].items()]


def _labels(rounds: Mapping[str, str], tables: Tables) -> Iterator[Part]:
    """The classes of whose pseudo-labels in the last round most are wrong."""
    last = next(reversed([*rounds]), "")
    known = _column(tables[last], "precision").dropna() if last else pd.Series(dtype=float)
    wrong = known[known < _HALF].sort_values(kind="stable")
    if len(known) and not len(wrong):
        yield Part(f" In {last} no class has pseudo-labels that are mostly wrong.")
    if len(wrong):
        told = [(str(name), f"{int(right)} % right") for name, right in wrong[:_WRONG].items()]
        rest = [f"{len(wrong) - _WRONG} more classes"] if len(wrong) > _WRONG else []
        yield Part(f" In {last} most pseudo-labels of ")
        yield from _linked(told, last, tables[last], rest)
        yield Part(" are wrong.")


def _linked(
    classes: Sequence[tuple[str, str]], name: str, table: pd.DataFrame, rest: Sequence[str] = ()
) -> Iterator[Part]:
    """Classes with what is said of each, and the images of the round that show it."""
    count = len(classes) + len(rest)
    joins = ["", *[", "] * (count - 2), " and "][:count]
    for join, (each, told) in zip(joins, classes, strict=False):
        yield Part(join)
        yield Part(each, _images(name, each, table))
        yield Part(f" ({told})")
    yield from (Part(f" and {more}") for more in rest)


def _images(name: str, of_class: str, table: pd.DataFrame) -> dict[str, str]:
    """The page with a round's images, those first in which most is labelled as the class wrongly.

    Where no label was compared with a truth, those in which most is labelled as it.
    """
    known = _column(table, "precision").notna().any()
    what = {"of": "wrong_kept", "layer": "wrong"} if known else {"of": "kept", "layer": "label"}
    return {"round": name, "class": of_class, "sort": "share", "down": "1", **what}


def _column(table: pd.DataFrame, name: str) -> pd.Series[float]:
    """By class, NaN of what is not known; empty where nothing is."""
    found = table.set_index("class")
    return pd.to_numeric(found[name] if name in found else pd.Series(dtype=float)).astype(float)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
