"""A model whose probabilities are the mean of two models'."""

from __future__ import annotations

from pipeline.model import model
from pipeline.runtime import process
from pipeline.runtime.params import load
from pipeline.sections.mean import Params


def run(one: model.Model, other: model.Model, share: float = 0.5) -> model.Model:
    """Of the same classes; `one` counts `share`."""
    return model.mean(one, other, share)


def main() -> None:
    """Open, run, write."""
    at = process.paths("one", "other", "model", item=True)
    params = load(Params, f"mean.{at.item}")
    found = run(model.of_task(at.one), model.of_task(at.other), params.share)
    model.save(at.model, found)


if __name__ == "__main__":
    process.stage(main)
