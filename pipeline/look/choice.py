"""The best model: on val, else on few labels, else by a signal that needs none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

CHOSEN = " (chosen on these labels)"
HELD_OUT = " (held out of the source)"

CONTROLS = ("source-long", "target-norm")
"""What a round is to be better than: as long a training, and that with the target's batch norm."""


@dataclass(frozen=True)
class Measure:
    """A column of the table of models; more of it is better. `said` is what it says of the best.

    `heading` is its name in tables; in `said`, `held` is where val is from.
    """

    column: str
    heading: str
    by: str
    said: str
    digits: int

    def shown(self, value: float) -> str:
        """A value or a difference, as it is said."""
        return f"{value:.{self.digits}f}"

    def level(self, one: float, other: float) -> bool:
        """Whether no difference would be said of them."""
        return float(self.shown(abs(one - other))) == 0


_MEASURES = (
    Measure("miou", "mIoU", "val", f"on val{{held}}: mIoU {{value}}{CHOSEN}", 1),
    Measure("few", "mIoU on few labels", "few",
            f"on the few labels of evaluate.few: mIoU {{value}}{CHOSEN}", 1),
    Measure("information", "information", "signals",
            "by information, a signal that needs no labels: {value}", 3),
)  # fmt: skip
"""In the order in which they are trusted; why this signal is said in docs/benchmarks.md."""


@dataclass(frozen=True)
class Choice:
    """`best` by the `measure`, and its `values` of all models that have one."""

    measure: Measure
    values: Mapping[str, float]

    @property
    def best(self) -> str:
        """Of equals the first."""
        return max(self.values, key=self.values.__getitem__)

    def over(self, one: str, other: str) -> str:
        """By how much one model is better than another, as it is said."""
        return self.measure.shown(self.values[one] - self.values[other])

    def level(self, one: str, other: str) -> bool:
        """Whether no difference would be said of two models."""
        return self.measure.level(self.values[one], self.values[other])


def choose(models: pd.DataFrame) -> Choice | None:
    """`models`: column model, and what there is of miou, few and information. None of nothing."""
    for measure in _MEASURES:
        if measure.column in models:
            numbers = pd.to_numeric(models.set_index("model")[measure.column]).dropna()
            if len(numbers):
                return Choice(measure, {str(name): float(v) for name, v in numbers.items()})
    return None
