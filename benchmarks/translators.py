"""Time of an image by each translator at 1024x512, and memory for few and for many images.

`python benchmarks/translators.py [--images 20 400] [--table]`
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from rows import FOLDER
from scipy import fft

from pipeline import streets
from pipeline.domain import pictures
from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.runtime import parts
from pipeline.sections import fit_translator as fitting
from pipeline.sections.translate import Params
from pipeline.stages import fit_translator, translate
from pipeline.translation import references

WIDTH, HEIGHT, REPEATS = 1024, 512, 15
KINDS = {
    "lab": ("lab", {}),
    "lab, transport": ("lab", {"transport": True}),
    "lab, gamma and histogram": ("lab", {"lightness": "gamma", "colour": "histogram"}),
    "histogram": ("histogram", {}),
    "fda": ("fda", {}),
    "fda, beta 0.09": ("fda", {"beta": 0.09}),
    "fda, beta 0.05, soft": ("fda", {"beta": 0.05, "soft": True}),
}
LIMITS = {"lab": ("png", 2.0), "histogram": ("png", 2.0), "fda": ("fft", 1.5)}
"""At most so many times the decoding of the PNG, or scipy's two transforms of the image."""


def frame(style: str, index: int) -> np.ndarray:
    return streets.render(style, 1, index, WIDTH, HEIGHT)[0]


def times() -> dict[str, float]:
    """Milliseconds of CPU, medians in turn: other work beside it changes them less than time."""
    image, other = frame("game", 0), frame("city", 0)
    sink = io.BytesIO()
    Image.fromarray(image).save(sink, format="PNG", compress_level=3)
    planes = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
    ways = {
        "png": lambda: np.asarray(Image.open(io.BytesIO(sink.getvalue())).convert("RGB")),
        "fft": lambda: fft.irfft2(fft.rfft2(planes), s=(HEIGHT, WIDTH)),
    }
    for label, (name, options) in KINDS.items():
        made = parts.build("translators", name, options)
        row = made.measure(other, None)
        ways[label] = lambda made=made, row=row: made.translate(image, None, row)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(REPEATS + 1):  # the first is not measured: it compiles
        for name, way in ways.items():
            began = time.thread_time()
            way()
            took[name] += [1000 * (time.thread_time() - began)] if turn else []
    return {name: statistics.median(values) for name, values in took.items()}


def peak(count: int, name: str, options: dict[str, object]) -> float:
    """MB at most of a process that fits and translates so many images."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_translated, (count, name, options))


def _translated(count: int, name: str, options: dict[str, object]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source, target = (_domain(root, style, count) for style in ("game", "city"))
        made = parts.build("translators", name, options)
        rows = fit_translator.run(made, target, source.size)
        references.write(root / "fitted.npy", rows, count)
        params = Params(copies=1, seed=1)
        fit = fitting.Params(translator=name, options=options, segmenter="none")
        of = (fit, root / "fitted.npy", CITYSCAPES, root / "made")
        writer = translate.Writer(params, "x", source, *of)
        for _ in translate.run(writer):
            pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _domain(root: Path, style: str, count: int) -> Domain:
    """One frame under many names."""
    image, label = streets.render(style, 1, 0, WIDTH, HEIGHT)
    first = {"i": root / f"{style}-i.png", "l": root / f"{style}-l.png"}
    pictures.write_image(first["i"], Image.fromarray(image))
    pictures.write_label(first["l"], label, CITYSCAPES.colours)
    samples = []
    for index in range(count):
        names = [f"{style}/{kind}/{index}.png" for kind in first]
        for name, path in zip(names, first.values(), strict=True):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(path, root / name)
        samples.append(Sample(style, names[0], "", HEIGHT, WIDTH, names[1], ""))
    return Domain(samples, root, (WIDTH, HEIGHT), Coding({**{n: n for n in range(19)}, 255: 255}))


def table(found: dict[str, dict[str, float]]) -> str:
    took, lines = (
        found["ms"],
        ["| | ms | times PNG | times FFT | at most |", "|---|---|---|---|---|"],
    )
    for name, ms in took.items():
        limit = LIMITS.get(name.partition(",")[0])
        told = "" if limit is None else f"{limit[1]} x {limit[0]}"
        ratios = " | ".join(f"{ms / took[base]:.2f}" for base in ("png", "fft"))
        lines.append(f"| {name} | {ms:.1f} | {ratios} | {told} |")
    lines += ["", "| MB at most | " + " | ".join(next(iter(found["mb"].values()))) + " |"]
    lines.append("|---" * len(lines[-1].strip("|").split("|")) + "|")
    for name, peaks in found["mb"].items():
        lines.append(f"| {name} | " + " | ".join(f"{mb:.0f}" for mb in peaks.values()) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[20, 400])
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    given = parser.parse_args()
    path = FOLDER / "translators.json"
    if not given.table:
        peaks = {
            label: {f"{count} images": peak(count, *KINDS[label]) for count in given.images}
            for label in ("lab", "histogram", "fda, beta 0.09")
        }
        path.write_text(json.dumps({"ms": times(), "mb": peaks}, indent=1) + "\n")
    print(table(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
