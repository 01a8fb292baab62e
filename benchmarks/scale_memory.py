"""Memory of the processes that drive stages, for many images: each as the stage does it, alone.

Only the images are made up, and what is found of each; `scale.py --memory IMAGES` calls this.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rows import Row

from pipeline.checks import inspection
from pipeline.checks.candidates import Candidates, Checked
from pipeline.domain import artifacts, tables
from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain, Pair, Sample
from pipeline.domain.taxonomy import resolve
from pipeline.inference import quality
from pipeline.inference.confidence import Seen
from pipeline.inference.quality import Judged
from pipeline.look import page, views
from pipeline.runtime import display
from pipeline.runtime.files import read_json, write_json
from pipeline.stages import panels, split
from pipeline.stages import pseudo_label as labelling

CITY = resolve("cityscapes")
SIZE = (1024, 512)


def prepare(folder: Path, count: int) -> None:
    """A target whose files are named as Cityscapes names its own, half of them with a label."""
    names = [f"leftImg8bit/train/ulm/ulm_{i:06d}_000019_leftImg8bit.png" for i in range(count)]
    label = "gtFine/train/ulm/ulm_{:06d}_000019_gtFine_labelIds.png"
    pairs = [Pair(n, None, label.format(i)) for i, n in enumerate(names)]
    found = Candidates("target", folder, pairs, Coding({}), {}, SIZE)

    def check(_: Candidates, pair: Pair) -> Checked:
        hashed = hashlib.sha256(pair.image.encode()).hexdigest()
        return Checked("target", pair, Sample("target", pair.image, hashed, *SIZE[::-1]), "none")

    inspection.check = check
    made = Domain(inspection.inspect([found]).good["target"], folder, SIZE, Coding({}))
    artifacts.write_domain(folder / "index.parquet", made, labelled=False)


def index(folder: Path, _: int) -> None:
    """Of the target, as most stages read it."""
    artifacts.read_domain(folder / "index.parquet", Path())


def pseudo_label(folder: Path, _: int) -> None:
    """Its tables, which are the largest."""
    target = artifacts.read_domain(folder / "index.parquet", Path())
    rng, classes, at_once = np.random.default_rng(0), len(CITY), tables.ROWS // (len(CITY) + 1)
    sums = np.zeros((len(target), 3, classes))
    for at in range(0, len(target), 1000):
        sums[at : at + 1000] = rng.random(sums[at : at + 1000].shape) * 1e5
    seen = Seen(sums[:, 0].astype(np.int64) + 1, sums[:, 1], sums[:, 2])
    places = (folder / "coverage.parquet", folder / "quality.parquet")
    with tables.in_parts(places[0]) as add, tables.in_parts(places[1]) as judge:
        done: list[labelling._Done] = []
        for at, sample in enumerate(target.samples):
            own = seen.predicted[at]
            judged = Judged(rng.random((5, classes)), None)
            done.append(labelling._Done(sample.image, own, own, judged, None))
            if len(done) == at_once or at + 1 == len(target):
                images = [one.image for one in done]
                part = seen.of(slice(at + 1 - len(done), at + 1))
                add(labelling._coverage(images, part, done, CITY))
                judge(quality.table(images, [one.judged for one in done], CITY))
                done = []


def ranked(folder: Path, _: int) -> None:
    """split, by the ranker whose sums are the largest."""
    params = split.Params(ranker="entropy", options={"normaliser": True}, easy=0.5)
    limits = pd.DataFrame({"class": CITY.names, "lambda": 0.5})
    coverage = tables.by_image(folder / "coverage.parquet", CITY.names, "predicted", "sure")
    scores = split.scored(params, coverage, limits)
    artifacts.write_table(folder / "split.parquet", split.run(params, scores, []))


def shown(folder: Path, _: int) -> None:
    """What panels says of all images."""
    target = artifacts.read_domain(folder / "index.parquet", Path())
    about = panels.index_of(target, panels.Params(), [False] * len(target))
    write_json(folder / "index.json", about)


def gallery(folder: Path, count: int) -> None:
    """Its table; the maps that it makes of each image are in memory one at a time."""
    _ = artifacts.read_domain(folder / "index.parquet", Path())
    about = read_json(folder / "index.json")
    each = [(None, None, np.zeros(len(CITY), np.int64), None) for _ in range(count)]
    shares = {name: np.full(count, np.nan) for name in ("wrong", "wrong_prediction")}
    found = pd.DataFrame({**shares, "wrong_kept": [one[2] for one in each]})
    (folder / "look").mkdir()
    with tables.in_parts(folder / "look/images.parquet") as add:
        for part in _rows(folder, found, about["images"], about["names"]):
            add(part)


def _rows(
    folder: Path, found: pd.DataFrame, images: Sequence[str], names: Sequence[str]
) -> Iterator[pd.DataFrame]:
    order, done = artifacts.read_table(folder / "split.parquet", "rank", images=images), 0
    for part in tables.by_image(folder / "coverage.parquet", CITY.names, images=images):
        own = slice(done, done + len(part) // len(CITY))
        yield views.table(images[own], names[own], found[own], part, order, set())
        done = own.stop


def report(folder: Path, _: int) -> None:
    """What its page says of all images of one round."""
    params = {"pretrain": {"m": {"steps": 1}}, "rounds": {"look": {"teacher": "m", "start": "m"}}}
    table = pd.DataFrame({"class": CITY.names})
    judged = tables.by_image(folder / "quality.parquet", [*CITY.names, ""])
    given = ({"look": {}}, {"look": table}, CITY, folder, folder, {}, {"look": judged})
    page.write(folder / "page/index.html", folder / "page", page.content(params, *given))


PARTS = {
    "prepare": prepare, "index": index, "pseudo_label": pseudo_label, "split": ranked,
    "panels": shown, "gallery": gallery, "report": report,
}  # fmt: skip
MADE = ("index.parquet", "coverage.parquet", "quality.parquet", "split.parquet",
        "look/images.parquet", "index.json", "page/data.js")  # fmt: skip


def measured(count: int) -> Iterator[Row]:
    """MB at most of a process for each part, one after the other, and MB of what they leave."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("libraries", *PARTS):
            command = [sys.executable, __file__, name, folder, str(count)]
            said = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False)
            yield {"part": name, "MB": said.stdout.strip() or f"ended by {said.returncode}"}
        for name in MADE:
            if (path := Path(folder, name)).exists():
                yield {"file": name, "MB": round(path.stat().st_size / 1e6)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=("libraries", *PARTS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    given = parser.parse_args()
    if given.part in PARTS:
        with display.hidden():
            PARTS[given.part](given.folder, given.count)
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


if __name__ == "__main__":
    main()
