"""A model whose probabilities are the mean of two models'."""

from __future__ import annotations

from pipeline.model import model
from pipeline.runtime import process
from pipeline.runtime.params import load
from pipeline.sections.mean import Params


def run(one: model.Model, other: model.Model) -> model.Model:
    """Of the same classes."""
    return model.mean(one, other)


def main() -> None:
    """Open, run, write."""
    at = process.paths("one", "other", "model", item=True)
    load(Params, f"mean.{at.item}")
    model.save(at.model, run(model.of_task(at.one), model.of_task(at.other)))


if __name__ == "__main__":
    process.stage(main)
