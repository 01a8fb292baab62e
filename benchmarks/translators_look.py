"""All translators on the same three frames of a game's streets, which are to look like a city's.

    python benchmarks/translators_look.py --jobs 2    # half an hour on two cores; then it draws
    python benchmarks/translators_look.py --table     # the table and the figure of what is there

Trained ones have the sizes and steps of the streets presets, and generators that begin as the
identity. Rows go to benchmarks/results/translators_look.json, frames to data/ablation/look, and the
figure to docs/images/translators.jpg.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from experiments import KEPT, build
from PIL import Image
from rows import ROOT, Rows, side_by_side
from translating import APPEARANCE, GPA, Learning, judged, learnt
from translation_table import judgements

from pipeline.domain.samples import Domain
from pipeline.look.plots import plt
from pipeline.runtime.params import validate
from pipeline.sections.fit_translator import Params as Fitting

RESULTS = Rows("translators_look", "translation")
LOOK, FIGURE = KEPT / "look", ROOT / "docs" / "images" / "translators.jpg"
FRAMES = (5, 20, 40)
UNTOUCHED, TARGET, SEVERAL = "source, untouched", "target", "madan"
CROPS = {"crop_width": 96, "crop_height": 96, "scale": [0.9, 1.1], "flip": 0.5}


def generator(translator: str, segmenter: str = "none", batch: int = 1, **options: Any) -> Any:
    """A trained translator, of the presets' steps."""
    given = learnt(translator, 600, segmenter, **options)
    given["training"] |= {"augment": CROPS, "batch": batch}
    return given


TRANSLATORS: dict[str, dict[str, Any]] = {
    "lab": {"translator": "lab"},
    "lab, gamma and histogram": {"translator": "lab", "options": GPA},
    "histogram": {"translator": "histogram"},
    "fda": {"translator": "fda"},
    "appearance": APPEARANCE,
    "fastcut": generator("fastcut"),
    "cyclegan": generator("cyclegan"),
    "cycada": generator("cycada", "source", semantic="labels"),
    "pixelda": generator("pixelda", "source"),
    "sbada": generator("sbada", "source"),
    "dupgan": generator("dupgan", "source", sure=0.9),
    SEVERAL: generator("madan", "source", 2),
}


def learning(name: str, threads: int) -> Learning:
    """Of the game's frames, and of another game's for the one that has several sources."""
    given = validate(Fitting, {"segmenter": "none", **TRANSLATORS[name]}, name)
    if name != SEVERAL:
        world = build("streets", 1, threads)
        return Learning(world, given, world.source)
    # the preset's prior is of what is yet to be translated
    world = build("streets-madan", 1, threads, {"prior": {"source": "games"}})
    return Learning(world, given, world.of("games"), "untranslated")


def work(name: str, threads: int) -> None:
    """A translator's row and frames, unless they are there."""
    if any(row["translation"] == name for row in RESULTS.read()):
        return
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    torch.set_num_threads(threads)
    own = learning(name, threads)
    told = own.told()
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        found = own.translated(Path(folder))[0]
        took = time.process_time() - began + told.get("fit_cpu_seconds", 0)
        world = build("streets", 1, threads)
        row = {"translation": name, "cpu_seconds": round(took), "found": judged(world, found)}
        frames(name, found)
    RESULTS.replace([row], lambda of: of["translation"] == name)
    print(name, row["cpu_seconds"], row["found"]["verdict"], flush=True)


def frames(name: str, of: Domain) -> None:
    """The three of a domain, as the figure shows them."""
    LOOK.mkdir(parents=True, exist_ok=True)
    for index in FRAMES:
        Image.fromarray(of.image(index)).save(LOOK / f"{name}-{index}.png")


def draw() -> None:
    """Three frames a row; what they were and what they are to look like come first."""
    world = build("streets", 1, 1)
    frames(UNTOUCHED, world.source[0])
    frames(TARGET, world.prepared.target)
    known = {row["translation"] for row in RESULTS.read()}
    names = [UNTOUCHED, TARGET, *(name for name in TRANSLATORS if name in known)]
    half = (len(names) + 1) // 2
    wide = 2 * len(FRAMES)
    sheet, axes = plt.subplots(half, wide, figsize=(2.2 * wide, 1.28 * half), squeeze=False)
    for place in axes.flat:
        place.axis("off")
    for at, name in enumerate(names):
        left = len(FRAMES) * (at // half)
        for column, index in enumerate(FRAMES):
            place = axes[at % half][left + column]
            place.imshow(Image.open(LOOK / f"{name}-{index}.png"))
            if column == 0:
                place.set_title(name, loc="left", fontsize=9, pad=3)
    sheet.tight_layout(pad=0.3)
    sheet.savefig(FIGURE, dpi=80, pil_kwargs={"quality": 92})


def main() -> None:
    """Run what is missing, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--translators", nargs="+", choices=TRANSLATORS, default=[*TRANSLATORS])
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--table", action="store_true", help="only what is there")
    args = parser.parse_args()
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    if not args.table:
        side_by_side(args.jobs, work, [(name, threads) for name in args.translators])
    rows = {row["translation"]: row for row in RESULTS.read()}
    known = [rows[name] for name in TRANSLATORS if name in rows]
    print(judgements([{"method": r["translation"], "translation": r["found"]} for r in known]))
    print({row["translation"]: row["cpu_seconds"] for row in known})
    draw()


if __name__ == "__main__":
    main()
