"""The corrected labels in force in a round: its own, over those of the rounds it descends from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.domain import artifacts, pictures
from pipeline.domain.pixels import Pixels
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime import process
from pipeline.runtime.files import BadInput
from pipeline.runtime.names import ancestry
from pipeline.runtime.params import read


def run(
    given: Sequence[Mapping[str, Pixels]], target: Domain, origins: Sequence[Path]
) -> dict[str, Pixels]:
    """Sample name -> train ids uint8 (height, width), from the oldest round's mapping to the last.

    Raises BadInput where a name is no target sample's or a size is not the working size.
    """
    known = {sample.name for sample in target.samples}
    size = target.size
    in_force: dict[str, Pixels] = {}
    for origin, labels in zip(origins, given, strict=True):
        for name, label in labels.items():
            if name not in known:
                raise BadInput(f"{origin / name}.png: no target image has this name; rename it")
            if label.shape != size[::-1]:
                raise BadInput(
                    f"{origin / name}.png: {label.shape[1]}x{label.shape[0]}, "
                    f"but labels are {size[0]}x{size[1]}; resize it without smoothing"
                )
        in_force |= labels
    return in_force


def check_places(corrections: Path, rounds: Collection[str]) -> None:
    """Raises BadInput for what would count nowhere: no round's folder, or no PNG in one."""
    for folder in sorted(corrections.glob("[!.]*")):
        if folder.name not in rounds:
            raise BadInput(f"{folder}: no round has this name; choose {', '.join(rounds)}")
        for path in sorted(folder.glob("[!.]*")):
            if path.suffix != ".png":
                raise BadInput(f"{path}: is no .png; save it as one, or remove it")


def main() -> None:
    """Open, run, write."""
    at = process.paths("corrections", "target", "taxonomy", "in_force", item=True)
    taxonomy: Taxonomy = artifacts.read_taxonomy(at.taxonomy)
    origins = [at.corrections / name for name in ancestry(read(), at.item)]
    check_places(at.corrections, read().get("rounds") or {})
    given = [
        {
            path.stem: pictures.read_label_map(path, len(taxonomy), taxonomy.colours)
            for path in sorted(origin.glob("[!.]*.png"))
        }
        for origin in origins
    ]
    target = artifacts.read_domain(at.target, Path())
    in_force = run(given, target, origins)
    whose = {name: origin.name for origin, of in zip(origins, given, strict=True) for name in of}
    # also where there is none: DVC warns of each empty folder, again and again
    table = pd.DataFrame(sorted(whose.items()), columns=["image", "round"])
    artifacts.write_table(at.in_force / "images.csv", table)
    for name, label in in_force.items():
        pictures.write_label(at.in_force / f"{name}.png", label, taxonomy.colours)


if __name__ == "__main__":
    process.stage(main)
