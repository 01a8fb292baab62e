"""What can be wrong with a user's files: how to make it so, who says what, and what is kept.

`python -m tests.bad` prints the table of docs/reliability.md.
"""

from __future__ import annotations

import os
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from ruamel.yaml import YAML

from pipeline.domain import artifacts
from pipeline.domain.taxonomy import resolve
from pipeline.model import model
from pipeline.model.recipe import Recipe
from tests import tiffs, worlds

SIZE = worlds.SIZE
OTHERS, ALL = "the other images", "everything"
IMAGE = Path("data/raw/source/images/east/field.0.png")
LABEL = Path("data/raw/source/labels/east/field.0.png")
ROUND = Path("data/rounds/round-1")
BEST = Path("models/best.json")
PWNED = Path("pwned")
"""What hostile input would make if any of it were run."""


class Case(NamedTuple):
    """In a project, as the current folder, `make` harms it; `by` must then say `words`."""

    kind: str
    by: str  # a stage of dvc.yaml and its item, or a command
    make: Callable[[], object]
    words: str
    kept: str = ALL


class Pickled:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {PWNED}",)


# --- ways to harm --------------------------------------------------------------------------


def png(width: int, height: int, depth: int, kind: int, rows: bytes = b"") -> bytes:
    """A PNG that claims a size, whatever its rows hold."""
    made = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">2I5B", width, height, depth, kind, 0, 0, 0)
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        made += struct.pack(">I", len(data)) + name + data
        made += struct.pack(">I", zlib.crc32(name + data))
    return made


def write(path: Path, content: bytes) -> Callable[[], object]:
    return lambda: path.write_bytes(content)


def cut(path: Path) -> Callable[[], object]:
    return lambda: path.write_bytes(path.read_bytes()[:-60])


def save(path: Path, pixels: Any, kind: str = "PNG", **more: Any) -> Callable[[], object]:
    return lambda: Image.fromarray(pixels).save(path, kind, **more)


def colours(path: Path, *pixels: tuple[int, int, int]) -> Callable[[], object]:
    """The source's labels as pictures, as label_map says, with some pixels of other colours."""

    def make() -> None:
        options = worlds.coloured(Path("data/raw/source"), 3)
        role("source", options=options)()
        label = np.array(Image.open(path))
        label.reshape(-1, 3)[: len(pixels)] = pixels
        worlds.save(path, label)

    return make


def holed(path: Path) -> Callable[[], object]:
    def make() -> None:
        colours(path, (128, 64, 0))()
        label = np.array(Image.open(path).convert("RGBA"))
        label[0, 0, 3] = 0
        worlds.save(path, label)

    return make


def turned(path: Path, pixels: Any, kind: str) -> Callable[[], object]:
    exif = Image.Exif()
    exif[274] = 6
    return save(path, pixels, kind, exif=exif)


def two(path: Path, pixels: Any) -> Callable[[], object]:
    """Two pictures in one file."""
    return save(path, pixels, "TIFF", save_all=True, append_images=[Image.fromarray(pixels)])


def full(value: int, kind: Any = np.uint8, *channels: int) -> Any:
    return np.full((SIZE[1], SIZE[0], *channels), value, kind)


def instead(make: Callable[[Path], object]) -> Callable[[], object]:
    return lambda: (IMAGE.unlink(), make(IMAGE))


def rename(name: str | bytes) -> Callable[[], object]:
    def make() -> None:
        for path, suffix in ((IMAGE, b".png"), (LABEL, b".png")):
            raw = name if isinstance(name, bytes) else name.encode()
            new = os.path.join(os.fsencode(path.parent), raw + suffix)  # noqa: PTH118 - bytes
            os.makedirs(os.path.dirname(new), exist_ok=True)  # noqa: PTH103, PTH120
            os.rename(os.fsencode(path), new)  # noqa: PTH104

    return make


def params(**changes: Any) -> Callable[[], object]:
    """Keys as `training__optimiser__lr`; `-` in names as itself, by `**{...}`."""

    def make() -> None:
        content = YAML(typ="safe").load(Path("params.yaml"))
        for place, value in changes.items():
            *keys, last = place.split("__")
            at = content
            for key in keys:
                at = at.setdefault(key, {})
            at[last] = value
        YAML().dump(content, Path("params.yaml"))

    return make


def without(section: str) -> Callable[[], object]:
    def make() -> None:
        content = YAML(typ="safe").load(Path("params.yaml"))
        del content[section]
        YAML().dump(content, Path("params.yaml"))

    return make


def rounds(**teachers: str) -> Callable[[], object]:
    """Rounds by name with the teachers given, like round-1 otherwise."""

    def make() -> None:
        content = YAML(typ="safe").load(Path("params.yaml"))
        like = content["rounds"]["round-1"]
        content["rounds"] = {
            int(n) if n.isdigit() else n: {**like, "teacher": of} for n, of in teachers.items()
        }
        YAML().dump(content, Path("params.yaml"))

    return make


def by_list(text: bytes, name: str = "list.txt") -> Callable[[], object]:
    """CamVid's reader on the source, with a list of this text."""
    options = {"reader": "camvid", "options": {"list": name}}

    def make() -> None:
        Path("data/raw/source/list.txt").write_bytes(text)
        params(source__game={"root": "data/raw/source", "width": 32, "height": 24, **options})()

    return make


def damaged_synthia() -> None:
    """The first of three labels ends amid its rows: what ended the process in torchvision."""
    worlds.synthia(Path("data/raw/synthia"), 3)
    path = Path("data/raw/synthia/GT/LABELS/0000000.png")
    path.write_bytes(png(*SIZE, 16, 2, b"\0" * 100))
    spec = {"reader": "synthia", "root": "data/raw/synthia", "width": 32, "height": 24}
    params(prepare__classes="cityscapes16", source__game=spec)()
    artifacts.write_taxonomy(Path("data/prepared/taxonomy.json"), resolve("cityscapes16"))


def masked(harm: Callable[[Path], object]) -> Callable[[], object]:
    """Three of DRIVE's photographs are the source; the mask of the first is harmed."""

    def make() -> None:
        root = Path("data/raw/drive")
        options = worlds.drive(root, 3)
        harm(root / "training/mask/21_training_mask.gif")
        spec = {"reader": "drive", "root": str(root), "width": 32, "height": 24}
        params(prepare__classes="vessels", source__game={**spec, "options": options})()
        artifacts.write_taxonomy(Path("data/prepared/taxonomy.json"), resolve("vessels"))

    return make


def small(*names: str) -> model.Model:
    return model.create(Recipe("small", resolve([*names]), {"width": 4}), 0)


TEACHER = Path("models/source.pt")


def teacher(change: Callable[[dict[str, Any]], object]) -> Callable[[], object]:
    def make() -> None:
        content = torch.load(TEACHER, weights_only=True)
        change(content)
        torch.save(content, TEACHER)

    return make


def weight(value: float) -> Callable[[dict[str, Any]], object]:
    def change(content: dict[str, Any]) -> None:
        first = next(iter(content["weights"].values()))
        first[(0,) * first.dim()] = value

    return change


def logits(value: float) -> Callable[[], object]:
    """One logit of the first image."""

    def make() -> None:
        rows = pq.read_table(PREDICTIONS).to_pylist()
        found = np.frombuffer(rows[0]["logits"], np.float16).copy()
        found[0] = value
        rows[0]["logits"] = found.tobytes()
        pq.write_table(
            pa.Table.from_pylist(rows, pq.read_schema(PREDICTIONS)), PREDICTIONS, row_group_size=1
        )

    return make


def negative(content: dict[str, Any]) -> None:
    """A variance of which there is no root."""
    next(v for k, v in content["weights"].items() if k.endswith("running_var")).fill_(-1.0)


CORRECTED = Path("data/corrections/round-1")
PREDICTIONS = ROUND / "predictions/00000.parquet"
TARGET = Path("data/prepared/target.parquet")
SOURCE = Path("data/sources/game/index.parquet")


def target_row(name: str) -> Callable[[], object]:
    """The first row of the target's index names another file."""

    def make() -> None:
        table = pq.read_table(TARGET)
        names = pa.array([name, *table["image"].to_pylist()[1:]])
        pq.write_table(table.set_column(1, "image", names), TARGET)

    return make


def table_of(name: str, change: Callable[[Any], Any]) -> Callable[[], object]:
    """A round's table, well-formed, and not what it was."""
    path = ROUND / f"{name}.parquet"
    return lambda: artifacts.write_table(path, change(artifacts.read_table(path)))


def shortened(path: Path) -> Callable[[], object]:
    """Without its last row, each row a group, as it was."""

    def make() -> None:
        table = pq.read_table(path)
        with pq.ParquetWriter(path, table.schema) as writer:
            for row in range(len(table) - 1):
                writer.write_table(table.slice(row, 1), row_group_size=1)

    return make


def emptied(path: Path) -> Callable[[], object]:
    return lambda: pq.write_table(pq.read_table(path).slice(0, 0), path)


def correction(name: str, pixels: Any, folder: str = "round-1") -> Callable[[], object]:
    return lambda: worlds.save(Path("data/corrections", folder, name), pixels)


def verdict(
    *rows: str,
    folder: str = "data/review",
    name: str = "round-1.csv",
    head: str = "image,verdict,note\n",
    coding: str = "utf-8",
) -> Callable[[], object]:
    """A file of verdicts."""
    path = Path(folder, name)
    text = head + "".join(f"{row}\n" for row in rows)
    return lambda: (path.parent.mkdir(exist_ok=True), path.write_bytes(text.encode(coding)))


def annotations(
    head: str = "", name: str = "", width: int = 32, label: str = "soil", **mask: Any
) -> Callable[[], object]:
    """A file of CVAT's with one mask of one image."""

    def make() -> None:
        about = {"label": label, "rle": "0, 4", "left": 0, "top": 0, "width": 2, "height": 2} | mask
        drawn = " ".join(f'{key}="{value}"' for key, value in about.items())
        image = f'<image name="{name or NAME}" width="{width}" height="24"><mask {drawn}/></image>'
        Path("back.xml").write_text(f"{head}<annotations>{image}</annotations>")

    return make


def folder_of(path: str, kind: str) -> Callable[[], object]:
    place = Path(path)
    return lambda: [p.unlink() for p in place.rglob("*") if p.suffix == kind]


def renamed(name: str) -> Callable[[], object]:
    """The labels of a domain end in `_gt`."""
    place = Path("data/raw", name, "labels")
    return lambda: [p.rename(p.with_stem(f"{p.stem}_gt")) for p in place.rglob("*.png")]


def too_fine() -> None:
    params(prior__stride=1)()
    (small,) = artifacts.read_sources(SOURCE, lambda _: Path()).values()
    artifacts.write_sources(SOURCE, {"game": replace(small, size=(4096, 4096))})


SWAPPED = {"options": {"images": "labels", "labels": "images"}}
FOLDER = {"reader": "folder", "width": 32, "height": 24}
NAME = "images__east__field.0.png"
OPTIONS = {"label_map": {0: "soil", 1: "gravel"}}
COLOURED = {"label_map": {"#010101": "soil"}}


def role(name: str, **more: Any) -> Callable[[], object]:
    spec = {**FOLDER, "root": f"data/raw/{name}", **more}
    return params(**{"source__game" if name == "source" else f"prepare__{name}": spec})


def older(rest: str) -> Callable[[], object]:
    """A params file whose source has no name, with `rest` behind prepare."""
    text = f"prepare:\n  source: {{root: data/game}}\n  val: {{}}\n{rest}"
    return lambda: YAML_FILE.write_text(text)


# --- the table -----------------------------------------------------------------------------

READ, RAW = "cannot be read as an image", "cannot be read as a label"
FILES = [
    Case("image: empty file", "source game", write(IMAGE, b""), READ, OTHERS),
    Case("image: cut off", "source game", cut(IMAGE), READ, OTHERS),
    Case("image: a text file", "source game", write(IMAGE, b"none"), READ, OTHERS),
    Case("image: of no width", "source game", write(IMAGE, png(0, 24, 8, 2)), READ, OTHERS),
    Case("image: a decompression bomb", "source game", write(IMAGE, png(60000, 60000, 8, 2)),
         "could be decompression bomb", OTHERS),
    Case("image: 16-bit grey", "source game", save(IMAGE, full(700, np.uint16)),
         "mode I;16 has no fixed range; convert it to 8-bit RGB", OTHERS),
    Case("image: 16-bit RGB", "source game", lambda: worlds.save_rgb16(IMAGE, full(700, np.uint16, 3)),
         "16 bits a channel (RGB;16B), of which perhaps 10 or 12 are used", OTHERS),
    Case("image: a TIFF of 16-bit RGB", "source game", write(IMAGE, tiffs.written(full(700, np.uint16, 3))),
         "16 bits a channel (RGB;16L)", OTHERS),
    Case("image: floats", "source game", save(IMAGE, full(1, np.float32), "TIFF"),
         "mode F has no fixed range", OTHERS),
    Case("image: transparent", "source game", save(IMAGE, full(9, np.uint8, 4)),
         "partly transparent; put it on a background", OTHERS),
    Case("image: turned by its EXIF", "source game", turned(IMAGE, full(9, np.uint8, 3), "JPEG"),
         "EXIF orientation 6; turn the pixels", OTHERS),
    Case("image: two in one file", "source game", two(IMAGE, full(9, np.uint8, 3)),
         "2 pictures in one file", OTHERS),
    Case("image: a folder of that name", "source game", instead(Path.mkdir), "is no file", OTHERS),
    Case("image: a named pipe", "source game", instead(os.mkfifo), "is no file", OTHERS),
    Case("image: a broken link", "source game", instead(lambda p: p.symlink_to("nowhere")),
         "No such file", OTHERS),
    Case("image: the bytes of another", "source game",
         lambda: IMAGE.write_bytes(Path("data/raw/source/images/west/field.1.JPG").read_bytes()),
         "repeats the bytes of", OTHERS),
    Case("image: one of val's in the source", "source game",
         lambda: IMAGE.write_bytes(Path("data/raw/val/images/east/field.0.png").read_bytes()),
         "repeats the bytes of val's images/east/field.0.png", OTHERS),
    Case("name: with a line break", "source game", rename("a\nb"), "holds a control character", OTHERS),
    Case("name: no UTF-8", "source game", rename(b"\xff\xfe"), "is no UTF-8; rename it", OTHERS),
    Case("name: too long with its folders", "source game", rename("/".join(["x" * 99] * 3)),
         "too long to name a file", OTHERS),
    Case("name: two that differ by / and __", "source game",
         rename("../west__field.1"), "is named, but for '/' and suffix, like", OTHERS),
    Case("label: missing", "source game", LABEL.unlink,
         "has no label; add labels/east/field.0.{png,bmp,tif,tiff} or remove the image", OTHERS),
    Case("label: empty file", "source game", write(LABEL, b""), RAW, OTHERS),
    Case("label: cut off", "source game", cut(LABEL), RAW, OTHERS),
    Case("label: a decompression bomb", "source game", write(LABEL, png(60000, 60000, 8, 0)), RAW, OTHERS),
    Case("label: colours that nobody has named", "source game", save(LABEL, full(1, np.uint8, 3)),
         "mode RGB; a label has one channel of class values; where colours are classes, name them in", OTHERS),
    Case("label: a colour of no class", "source game", colours(LABEL, (1, 2, 3)),
         "1 pixel of colours #010203 (1 pixel) of no class; name them in label_map or ignore", OTHERS),
    Case("label: a picture that was smoothed", "source game", colours(LABEL, *((n, 0, 9) for n in range(90))),
         "and 86 more of no class; so many come of smoothing or of JPEG", OTHERS),
    Case("label: a picture with a hole", "source game", holed(LABEL), "partly transparent", OTHERS),
    Case("label: with alpha", "source game", save(LABEL, full(1, np.uint8, 4)), "mode RGBA", OTHERS),
    Case("label: 16-bit RGB, not SYNTHIA's", "source game", write(LABEL, png(*SIZE, 16, 2)), RAW, OTHERS),
    Case("label: a TIFF whose 0 is white", "source game", write(LABEL, tiffs.written(full(1), 0)),
         "white is stored as 0, and would be read turned round", OTHERS),
    Case("label: one bit, its 0 white", "source game", write(LABEL, tiffs.written(full(0, bool), 0)),
         "white is stored as 0", OTHERS),
    Case("label: eight bits with a sign", "source game", write(LABEL, tiffs.written(full(-1, np.int8))),
         "values -1 to -1; they go from 0 to 65535", OTHERS),
    Case("label: 32-bit values over 65535", "source game", save(LABEL, full(65537, np.int32), "TIFF"),
         "values 65537 to 65537; they go from 0 to 65535", OTHERS),
    Case("label: values of no class", "source game", save(LABEL, full(77)),
         "unknown label values 77; name them in label_map or ignore", OTHERS),
    Case("label: another size than its image", "source game", save(LABEL, full(1)[:-1]),
         "is 32x23, its image 32x24", OTHERS),
    Case("label: a JPEG that is called .png", "source game", save(LABEL, full(1), "JPEG"),
         "JPEG may change values; save it as PNG", OTHERS),
    Case("label: a TIFF with JPEG's losses", "source game",
         save(LABEL, full(1), "TIFF", compression="jpeg"), "TIFF may change values", OTHERS),
    Case("label: four bits of grey", "source game",
         write(LABEL, png(*SIZE, 4, 0, (b"\0" + b"\x11" * 16) * 24)),
         "fewer than 8 bits of grey are read as other values", OTHERS),
    Case("label: two in one file", "source game", two(LABEL, full(1)), "2 pictures in one file", OTHERS),
    Case("label: turned by its EXIF", "source game", turned(LABEL, full(1), "PNG"),
         "EXIF orientation 6; turn the pixels", OTHERS),
    Case("label: every pixel ignored", "source game", save(LABEL, full(255)),
         "no pixel has a class", OTHERS),
    Case("label: damaged 16-bit PNG of SYNTHIA", "source game", damaged_synthia, RAW, OTHERS),
    Case("label: a GIF of two pictures", "source game", lambda: (
         LABEL.unlink(), save(LABEL, full(1), "GIF", save_all=True,
                              append_images=[Image.fromarray(full(0))])()),
         "2 pictures in one file", OTHERS),
    Case("mask: missing", "source game", masked(Path.unlink),
         "has no mask; add training/mask/21_training_mask.gif or remove the image", OTHERS),
    Case("mask: cut off", "source game", masked(lambda p: cut(p)()), READ, OTHERS),
    Case("mask: another size than its image", "source game", masked(lambda p: save(p, full(1)[:-1], "GIF")()),
         "is 32x23, its image 32x24", OTHERS),
    Case("mask: all black", "source game", masked(lambda p: save(p, full(0), "GIF")()),
         "no pixel is brighter than 0, so none of the image counts", OTHERS),
]  # fmt: skip
SETS = [
    Case("images and labels swapped", "source game", role("source", **SWAPPED), "mode RGB; a label"),
    Case("the target's swapped", "prepare", role("target", **SWAPPED),
         "prepare.target: none of the labels in data/raw/target is good"),
    Case("a root that is empty", "segue check", role("target", root=""), "it is empty; name the folder"),
    Case("a root that holds what the pipeline writes", "segue check", role("target", root="data"),
         "the pipeline writes data/prepared in it"),
    Case("a root that is the project", "source game", role("source", root="."),
         "the pipeline writes data/prepared in it"),
    Case("no such folder", "prepare", role("target", root="nowhere"), "nowhere/images: no such folder; expected images/x."),
    Case("a folder without images", "prepare", lambda: [
         p.rename(p.with_suffix(".txt")) for p in Path("data/raw/val/images").rglob("*.*")],
         "no images here"),
    Case("two images that differ by suffix alone", "source game",
         lambda: IMAGE.with_suffix(".bmp").write_bytes(IMAGE.read_bytes()),
         "have the same name but for their suffix"),
    Case("val without labels", "prepare", folder_of("data/raw/val/labels", ".png"),
         "data/raw/val/labels: no labels here; expected images/x."),
    Case("labels of other names than their images", "source game", renamed("source"),
         "none of its 3 labels is of one of its 3 images: images/east/field.0.png would have "
         "labels/east/field.0.{png,bmp,tif,tiff}, and there are labels/east/field.0_gt.png"),
    Case("the target's labels of other names", "prepare", renamed("target"),
         "prepare.target: data/raw/target: none of its 3 labels is of one of its 3 images"),
    Case("a suffix that no label has", "source game", role("source", options={"label_suffix": "_gt"}),
         "no labels here, but 3 other files, such as labels/east/field.0.png"),
    Case("a suffix that no image has", "prepare", role("val", options={"image_suffix": "_rgb"}),
         "no images here, but 4 other files, such as images/east/field.0.png"),
    Case("Mapillary without its list of classes", "source game", lambda: (
         worlds.mapillary(Path("data/raw/vistas"), 3),
         Path("data/raw/vistas/config_v1.2.json").unlink(),
         params(prepare__classes="cityscapes")(),
         role("source", reader="mapillary", root="data/raw/vistas",
              options={"split": "training"})()),
         "config_v1.2.json: cannot be read as Mapillary's list of classes"),
    Case("source without labels", "source game", role("source", options={"labels": None}),
         "source.game: 0 of 3 images"),
    Case("fewer good images than asked for", "prepare", params(prepare__minimum=4),
         "at least 4 must be"),
    Case("few labels: more than there are", "prepare", params(evaluate__few=4),
         "evaluate.few = 4: the target has 3 labelled images and val 3, one of which must be left"),
    Case("a label map to no class", "source game", role("source", options=OPTIONS),
         "'gravel' is none of the classes"),
    Case("a palette that nobody knows", "segue check", role("source", options={"label_map": "kitti"}),
         "label_map='kitti': no palette of that name; choose cityscapes, camvid, voc"),
    Case("a palette of other classes", "source game", role("source", options={"label_map": "camvid"}),
         "labels none of the classes soil, crop, weed"),
    Case("a colour without its quotes", "segue check", role("source", options={"label_map": {804080: "soil"}}),
         "804080 is no value of a label: these go from 0 to 65535"),
    Case("a colour with a digit too few", "segue check",
         role("source", options={"label_map": {"#80408": "soil"}}), "'#80408' is no colour; write one as '#804080'"),
    Case("colours beside values", "segue check",
         role("source", options={"label_map": {"#804080": "soil", 1: "crop"}}), "a label holds values or colours"),
    Case("a value ignored among colours", "segue check", role("source", options={**COLOURED, "ignore": [0]}),
         "ignore: 0: write colours, as label_map does"),
    Case("no val, and a limit", "segue check", params(prepare__val={
         "reader": "none", "root": "data/raw/target", "limit": 3}), "the reader none reads nothing; take out limit"),
    Case("a val of nothing as target", "prepare", params(prepare__target={
         "reader": "none", "root": "data/raw/target", "width": 32, "height": 24}), "labels none of the classes"),
    Case("held out: all of it", "segue check", role("val", held_out=1), "held_out = 1: Input should be less than 1"),
    Case("held out: of no source", "segue check", role("val", held_out=0.5),
         "prepare.val.held_out = 0.5: no source has its reader, root, options, rename"),
    Case("a list that leaves its folder", "source game", by_list(b"../../x.png"),
         "is no path inside the data set"),
    Case("a list outside its folder", "source game", by_list(b"", "../list.txt"), "name a file inside"),
    Case("a list that is no text", "source game", by_list(b"\xff\xfe\0"), "list.txt: cannot be read"),
    Case("a list of nothing", "source game", by_list(b"\n\n"), "names no images"),
    Case("a list and a split", "segue check", role(
         "source", reader="camvid", options={"list": "list.txt", "split": "val"}),
         "give one of the options split and list"),
    Case("a split of no folder", "source game", role("source", options={"split": ["east", "north"]}),
         "data/raw/source/images/north: no such folder"),
    Case("a list of no splits", "segue check", role("source", options={"split": []}),
         "option split=[]"),
    Case("a limit of nothing", "segue check", role("source", limit=0),
         "limit = 0: Input should be greater than or equal to 1"),
    Case("a new name for a class that the reader has not", "source game",
         role("source", rename={"gravel": "soil"}),
         "source.game: rename: 'gravel' is none of the reader's classes; choose soil"),
    Case("a new name that no class has", "source game", role("source", rename={"weed": "gravel"}),
         "source.game: rename.weed: 'gravel' is none of the classes"),
]  # fmt: skip
YAML_FILE = Path("params.yaml")
SUFFIXES = [
    Case("suffix: of labels that would lose values", "segue check",
         role("val", options={"label_suffix": "_gt.jpg"}),
         "label_suffix='_gt.jpg': a label must be one of .png, .bmp, .tif, .tiff"),
    Case("suffix: with a folder", "segue check", role("val", options={"image_suffix": "rgb/_x"}),
         "image_suffix='rgb/_x': write how names end and no more"),
    Case("suffix: of labels that there are none of", "segue check",
         role("target", options={"labels": None, "label_suffix": "_gt"}),
         "label_suffix='_gt': labels is null"),
    Case("suffix: the same for images and labels of one folder", "segue check",
         role("val", options={"images": ".", "labels": ".", "image_suffix": ".png",
                              "label_suffix": ".png"}),
         "image_suffix is the same, and images and labels lie in one folder"),
    Case("fog that Foggy Cityscapes has not", "segue check",
         role("target", reader="cityscapes", options={"split": "val", "beta": 0.05}),
         "option beta=0.05: choose 0.005, 0.01, 0.02"),
]  # fmt: skip
PARAMS = [
    *SUFFIXES,
    Case("params: no YAML", "segue check", write(YAML_FILE, b"a: ["), "params.yaml: cannot be read"),
    Case("params: no text", "segue check", write(YAML_FILE, b"\xff\xfe\0"), "cannot be read"),
    Case("params: empty", "segue check", write(YAML_FILE, b""), "holds no sections"),
    Case("params: a key twice", "segue check", write(YAML_FILE, b"a: 1\na: 2\n"), "duplicate key"),
    Case("params: a date that is none", "segue check", write(YAML_FILE, b"a: 2026-13-45"),
         "month must be in"),
    Case("params: an object of Python", "segue check",
         write(YAML_FILE, f"a: !!python/object/apply:os.system ['touch {PWNED}']".encode()),
         "could not determine a constructor"),
    Case("params: a missing section", "segue check", without("split"), "split is missing"),
    Case("params: a missing key", "segue check",
         params(prepare__val={"reader": "folder", "root": "data/raw/val", "width": 32}),
         "params.yaml: prepare.val.height is missing; add it"),
    Case("params: an unknown key", "segue check", params(training__epochs=3),
         "epochs = 3: Extra inputs are not permitted"),
    Case("params: a word for a number", "segue check", params(training__optimiser__lr="fast"),
         "lr = 'fast': Input should be a valid number"),
    Case("params: a number as text", "segue check", params(training__optimiser__lr="1e-4"),
         "lr = '1e-4': Input should be a number, not text; take off its quotes"),
    Case("params: a share as text", "segue check", params(retrain__hard_share="0.5"),
         "hard_share = '0.5': Input should be a number, not text"),
    Case("params: true for a number", "segue check",
         params(**{"rounds__round-1__pseudo_label__portion": True}),
         "portion = True: Input should be a number"),
    Case("params: a number for true", "segue check", params(infer__flip=1),
         "flip = 1: Input should be true or false"),
    Case("params: true among numbers", "segue check", params(infer__scales=[1.0, True]),
         "scales = [1.0, True]: Input should be a number"),
    Case("params: a number as text in an option", "segue check",
         params(network={"name": "small", "options": {"width": "4"}}),
         "option width='4': Input should be a number, not text"),
    Case("params: a network of no width", "segue check",
         params(network={"name": "small", "options": {"width": 0}}),
         "option width=0: Input should be greater than or equal to 1"),
    Case("params: a scale that falls", "segue check", params(training__augment__scale=[2.0, 1.0]),
         "scale = [2.0, 1.0]: the first is the lower one"),
    Case("params: a number for the classes", "segue check", params(prepare__classes=19),
         "prepare.classes = 19: must be a set's name, a list of names, or names with colours"),
    Case("params: a list for keys", "segue check", params(network__normalisation=[1]),
         "normalisation = [1]: Input should be a mapping, as {key: value}"),
    Case("params: a thousand threads and more", "segue check", params(compute__threads=10**6),
         "threads = 1000000: Input should be less than or equal to 1024"),
    Case("params: steps that no model has", "segue check",
         params(pretrain__source={}, training__steps=3), "pretrain.source.steps is missing"),
    Case("params: a normalisation by zero", "segue check",
         params(network__normalisation={"std": [0.0, 1.0, 1.0]}),
         "scale and std are greater than 0"),
    Case("params: UTF-16", "segue check", lambda: YAML_FILE.write_text("a: 1", "utf-16"),
         "params.yaml: cannot be read"),
    Case("params: a root below ~", "segue check", role("target", root="~/city"),
         "root = '~/city': ~ is the shell's; write the folder out"),
    Case("params: a portion of nothing", "segue check",
         params(**{"rounds__round-1__pseudo_label__portion": 0}),
         "portion = 0: Input should be greater than 0"),
    Case("classes: one without a name", "segue check", params(prepare__classes=["soil", " "]),
         "a class has no name"),
    Case("classes: one in black", "segue check", params(prepare__classes={"soil": "#000000"}),
         "soil has the colour of what is not labelled, #000000"),
    Case("classes: two of a colour", "segue check",
         params(prepare__classes={"soil": "#010203", "crop": "#010203"}), "crop has the colour of soil"),
    Case("generate: a command for a name", "segue check",
         params(**{f"generate__g; touch {PWNED}; true": {"style": "game"}}),
         "names name files, and are words of commands"),
    Case("rounds: a name of 300 letters", "segue check", rounds(**{"r" * 300: "source"}),
         "at most 100"),
    Case("params: NaN", "segue check", params(training__optimiser__lr=float("nan")),
         "should be a finite number"),
    Case("params: infinity in an option", "segue check",
         params(**{"rounds__round-1__retrain__options": {"target": float("inf")}}),
         "option target=inf: Input should be a finite number"),
    Case("params: negative steps", "segue check", params(pretrain__source__steps=-1),
         "steps = -1: Input should be greater than or equal to 0"),
    Case("few labels: less than none", "segue check", params(evaluate__few=-1),
         "few = -1: Input should be greater than or equal to 0"),
    Case("few labels: others for a round", "segue check",
         params(**{"rounds__round-1__evaluate__few": 2}),
         "rounds.round-1.evaluate.few = 2: the same images are drawn for all models"),
    Case("params: a batch of none", "segue check", params(training__batch=0),
         "batch = 0: Input should be greater than or equal to 1"),
    Case("params: a share over 1", "segue check", params(retrain__source_share=1.5),
         "source_share = 1.5: Input should be less than or equal to 1"),
    Case("params: no scale", "segue check", params(infer__scales=[]), "scales = []"),
    Case("params: a negative seed", "segue check", params(seed=-1), "seed = -1"),
    Case("params: a number for a section", "segue check", params(retrain=3),
         "retrain must be a mapping, not 3"),
    Case("params: a word for a round's stage", "segue check",
         params(**{"rounds__round-1__split": "none"}),
         "rounds.round-1.split must be a mapping, not 'none'"),
    Case("params: an unknown part", "segue check",
         params(**{"rounds__round-1__pseudo_label__labeler": "cbts"}),
         "no 'cbts' among the labelers; choose cbst"),
    Case("params: an option of another part", "segue check",
         params(**{"rounds__round-1__pseudo_label__options": {"window": 3}}), "no option 'window'"),
    Case("params: options that contradict", "segue check",
         params(network={"name": "deeplabv2", "options": {"backbone": "vgg16", "aux": True}}),
         "networks/deeplabv2: option aux: vgg16 has no auxiliary head; use resnet101"),
    Case("params: a backbone that timm does not have", "segue check",
         params(network={"name": "deeplabv3", "options": {"backbone": "timm/rsnet18"}}),
         "networks/deeplabv3: option backbone='timm/rsnet18': it is none of timm's EfficientNets"),
    Case("params: weights of another backbone", "segue check",
         params(network={"name": "fcn", "options": {"pretrained": "package:efficientnet-lite0"}}),
         "these are of timm/tf_efficientnet_lite0; choose that as backbone"),
    Case("params: a negative weight", "segue check",
         params(**{"rounds__round-1__retrain__options": {"target": -1}}),
         "option target=-1: Input should be greater than or equal to 0"),
    Case("params: batch norm of a network without it", "segue check",
         params(network={"name": "fcn8s", "options": {}}, retrain__frozen_norm=True),
         "fcn8s as it is has no batch norm; set it to false"),
    Case("params: parts that contradict", "segue check", params(retrain__hard_share=0.5),
         "takes no hard images; set it to 0"),
    Case("rounds: a number for a name", "segue check", rounds(**{"1": "source"}),
         "DVC ignores names that are not strings; quote it"),
    Case("rounds: an option for a name", "segue check", rounds(**{"--help": "source"}),
         "are words of commands"),
    Case("rounds: a command for a name", "segue check",
         rounds(**{f"a; touch {PWNED}": "source"}), "use letters, digits"),
    Case("rounds: an unknown teacher", "segue check", rounds(a="ghost"),
         "rounds.a.teacher = 'ghost': no model of that name comes before it; choose source"),
    Case("rounds: a cycle", "segue check", rounds(a="b", b="a"), "rounds.a.teacher = 'b'"),
    Case("rounds: its own teacher", "segue check", rounds(a="a"), "rounds.a.teacher = 'a'"),
    Case("rounds: the name of another model", "segue check", rounds(source="source"),
         "another model has this name"),
    Case("rounds: called best", "segue check", rounds(best="source"),
         "rounds.best: is what commands call the best model; choose another"),
    Case("warmup: from an unknown model", "segue check",
         params(warmup__warm={"from": "ghost", "objective": "minent", "steps": 1}),
         "warmup.warm.from = 'ghost'"),
]  # fmt: skip
SEVERAL = {"from": "source", "objective": "mdan", "steps": 1}
DRAWN = {"one": "game", "other": "drawn"}
SOURCES = [
    Case("source: a name of nothing", "segue check", params(pretrain__source__source="ghost"),
         "pretrain.source.source = 'ghost': no source of that name; choose game"),
    Case("source: none is named", "segue check", params(prior={}),
         "prior.source is missing; name one in the item itself: game"),
    Case("source: a round that names none", "segue check",
         params(**{"rounds__round-1__retrain": {"objective": "self_training"}}),
         "rounds.round-1.retrain.source is missing"),
    Case("source: called val", "segue check", params(source__val={"reader": "folder"}),
         "source.val: is what prepare makes; choose another name"),
    Case("source: a command for a name", "segue check", params(**{f"source__g; touch {PWNED}": {}}),
         "names name files, and are words of commands"),
    Case("source: none at all", "segue check", without("source"),
         "translations.painted.source = 'game': no source of that name comes before it; choose none yet"),
    Case("mix: of an unknown source", "segue check",
         params(mix__both={"one": "game", "other": "ghost"}),
         "mix.both.other = 'ghost': no source of that name comes before it; choose game"),
    Case("mix: of itself", "segue check", params(mix__both={"one": "both", "other": "game"}),
         "mix.both.one = 'both': no source of that name comes before it"),
    Case("mix: of one source twice", "segue check",
         params(mix__both={"one": "game", "other": "game"}), "mix.both: has game twice"),
    Case("mix: the name of a source", "segue check",
         params(mix__game={"one": "game", "other": "game"}), "another source has this name"),
    Case("mix: one source for several", "segue check",
         params(warmup__warm=SEVERAL | {"source": "game"}),
         "warmup.warm.source: is a single one, and mdan learns from several at once; name a mix"),
    Case("mix: a batch without an image of each", "segue check",
         params(warmup__warm=SEVERAL | {"source": "both", "batch": 2}, mix__both=DRAWN,
                source__drawn={"reader": "folder", "root": "data/raw/drawn"}),
         "warmup.warm.batch = 2: its source_share of 0.5 has no image of each of the 2 sources"),
    Case("index of a source: of another kind", "pretrain source",
         lambda: SOURCE.write_bytes(TARGET.read_bytes()),
         "cannot be read as the index of a source"),
    Case("index of a source: of one that params.yaml lost", "pretrain source",
         lambda: artifacts.write_sources(SOURCE, {
             "gone": artifacts.read_sources(SOURCE, lambda _: Path())["game"]}),
         "source.gone.root is missing"),
]  # fmt: skip
OLDER = [
    Case("older params: before sources had names", "segue check",
         older("prior: {}\n"), "prepare.source: sources have names now"),
    Case("older params: no source", "segue migrate", write(YAML_FILE, b"seed: 1\n"),
         "prepare.source is missing, so there is no source to name"),
    Case("older params: half of them new", "segue migrate", older("source: {}\nprior: {}\n"),
         "holds prepare.source and source"),
    Case("older params: a round that trains nothing", "segue migrate",
         older("rounds: {a: {}}\nprior: {}\n"),
         "rounds.a.retrain is missing; write retrain: {} there"),
    Case("older params: a model of another source", "segue migrate",
         older("pretrain: {a: {source: cars}}\nprior: {}\n"),
         "pretrain.a.source = 'cars', but prepare.source is to be 'game'"),
    Case("older params: a source in a folder called val", "segue migrate",
         write(YAML_FILE, b"prepare: {source: {root: data/val}}\nprior: {}\n"),
         "source.val (see --name): is what prepare makes; choose another name"),
    Case("older params: an anchor that others use", "segue migrate",
         older("prior: &p {}\ninfer: *p\n"),
         "by hand: move prepare.source to source.game; add translations: {}, mix: {}, mean: {}, panels: {}; add source: game to prior"),
]  # fmt: skip
RAWS = Path("data/raw")
SOURCE_FOLDERS = RAWS / "source/images", RAWS / "source/labels"
OWN = [
    Case("own data: labels of other names", "segue own", lambda: [
         p.rename(p.with_name(f"{n}z.png")) for n, p in enumerate((RAWS / "source/labels").rglob("*.png"))],
         "no name here is of an image in data/raw/source/images, as far as can be seen"),
    Case("own data: labels in JPEG", "segue own", lambda: [
         (save(p.with_suffix(".jpg"), full(1), "JPEG")(), p.unlink()) for p in (RAWS / "source/labels").rglob("*.png")],
         "holds no label (.png, .bmp, .tif, .tiff), but 3 such as east/field.0.jpg; save them as PNG"),
    Case("own data: labels that are photographs", "segue own", lambda: [
         save(p, np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))()
         for p in (RAWS / "source/labels").rglob("*.png")],
         "colours, as of smoothing or JPEG; save it again without either"),
    Case("own data: no such folder", "segue own", lambda: (RAWS / "source/labels").rename(RAWS / "source/truth"),
         "data/raw/source/labels: no such folder"),
    Case("own data: the target is the source", "segue own", lambda: (
         (RAWS / "target").rename(RAWS / "away"), (RAWS / "target").symlink_to("source")),
         "all images of source are target's too"),
]  # fmt: skip
NOT_FINITE = "weights are NaN or infinite"
BETWEEN = [
    Case("weights: NaN", "infer round-1", teacher(weight(np.nan)), NOT_FINITE),
    Case("weights: infinite", "retrain round-1", teacher(weight(-np.inf)), NOT_FINITE),
    Case("weights: finite, but no logits are", "evaluate_pretrain source", teacher(negative),
         "the model gives logits that are NaN or infinite"),
    Case("weights: a named pipe", "infer round-1", lambda: (TEACHER.unlink(), os.mkfifo(TEACHER)),
         "it is no file"),
    Case("weights: of other classes", "infer round-1", lambda: model.save(TEACHER, small("a", "b")),
         "its 2 classes a, b, ... are not the 3 of prepare.classes"),
    Case("weights: of another network", "evaluate_pretrain source",
         teacher(lambda c: c["recipe"]["options"].update(width=8)), "do not fit its recipe"),
    Case("few labels: more than there were", "evaluate_pretrain source", params(evaluate__few=4),
         "val 3, one of which must be left to report on; 3 is the most"),
    Case("few labels: others for a round that is there", "evaluate round-1",
         params(**{"rounds__round-1__evaluate__few": 2}), "set it in evaluate alone"),
    Case("weights: of an unknown network", "infer round-1",
         teacher(lambda c: c["recipe"].update(network="os")), "no 'os' among the networks"),
    Case("weights: no recipe", "infer round-1", teacher(lambda c: c.pop("recipe")),
         "is no model of this project"),
    Case("weights: a pickle", "infer round-1", write(TEACHER, pickle.dumps(Pickled())),
         "models/source.pt: cannot be read as weights"),
    Case("weights: a pickle as torch saves it", "infer round-1",
         lambda: torch.save(Pickled(), TEACHER), "cannot be read as weights"),
    Case("weights: an empty file", "infer round-1", write(TEACHER, b""), "cannot be read as weights"),
    Case("weights: missing", "infer round-1", TEACHER.unlink, "models/source.pt: no such file"),
    Case("network.weights: NaN", "pretrain source", lambda: (
         teacher(weight(np.nan))(), params(network__weights=str(TEACHER))()), NOT_FINITE),
    Case("index: foreign file", "infer round-1", write(TARGET, b"x"), "cannot be read as the index"),
    Case("index: a path that leaves its root", "infer round-1", target_row("../../../secret.png"),
         "'../../../secret.png' leaves its root"),
    Case("index: an absolute path", "infer round-1", target_row("/secret.png"),
         "'/secret.png' leaves its root"),
    Case("image: another since prepare", "infer round-1",
         save(Path("data/raw/target/images/east/field.0.png"), full(9, np.uint8, 3)),
         "field.0.png: has changed since prepare read it; run dvc repro"),
    Case("label: another since prepare", "pretrain source", save(LABEL, full(1)),
         "field.0.png: has changed since prepare read it; run dvc repro"),
    Case("image: gone since prepare", "infer round-1",
         Path("data/raw/target/images/east/field.0.png").unlink, "No such file"),
    Case("logits: NaN", "pseudo_label round-1", logits(np.nan), "some logits are NaN or infinite"),
    Case("logits: infinite", "pseudo_label round-1", logits(np.inf), "some logits are NaN or infinite"),
    Case("logits: a damaged file", "pseudo_label round-1", cut(PREDICTIONS),
         "cannot be read as predictions"),
    Case("logits: another table", "pseudo_label round-1",
         lambda: pd.DataFrame({"a": [1]}).to_parquet(PREDICTIONS), "cannot be read as predictions"),
    Case("logits: none", "pseudo_label round-1", PREDICTIONS.unlink, "holds no predictions"),
    Case("logits: of other classes", "pseudo_label round-1",
         lambda: Path("data/prepared/taxonomy.json").write_text(
             '{"names": ["a"], "colours": [[0, 0, 0]], "subsets": {}}'),
         "3 classes, but the task has 1"),
    Case("prior: a pickle", "pseudo_label round-1",
         write(Path("data/prepared/prior.npy"), pickle.dumps(Pickled())), "cannot be read as an array"),
    Case("prior: a grid too fine", "prior", too_fine, "prior.stride = 1: 3 classes by 4096 rows"),
    Case("classes: no JSON", "pseudo_label round-1",
         write(Path("data/prepared/taxonomy.json"), b"{"), "cannot be read as JSON"),
    Case("logits: other files among them", "infer round-1", (ROUND / "predictions/mine.txt").touch,
         "is no folder of predictions alone; move it away"),
    Case("correction: a named pipe", "correct round-1",
         lambda: (correction(NAME, full(1))(), (CORRECTED / NAME).unlink(), os.mkfifo(CORRECTED / NAME)),
         "it is no file"),
    Case("correction: a JPEG that is called .png", "correct round-1", lambda: (
         correction(NAME, full(1))(), save(CORRECTED / NAME, full(1), "JPEG")()),
         "JPEG may change values"),
    Case("correction: another size", "correct round-1", correction(NAME, full(1)[:-1]),
         "32x23, but labels are 32x24"),
    Case("correction: of no image", "correct round-1", correction("nobody.png", full(1)),
         "nobody.png: no target image has this name"),
    Case("correction: of no class", "correct round-1", correction(NAME, full(3)),
         "value 3; train ids run from 0 to 2, or 255"),
    Case("correction: colours of no class", "correct round-1", correction(NAME, full(1, np.uint8, 3)),
         "768 pixels of colours #010101 (768 pixels) of no class; use #e52222"),
    Case("correction: 16-bit grey", "correct round-1", correction(NAME, full(1, np.uint16)),
         "mode I;16, not one 8-bit channel"),
    Case("correction: no PNG", "correct round-1", correction("a.bmp", full(1)), "a.bmp: is no .png"),
    Case("correction: for no round", "correct round-1", correction(NAME, full(1), "round1"),
         "data/corrections/round1: no round has this name"),
    Case("verdicts: of no image", "split round-1", verdict("nobody,fix,"),
         "data/review/round-1.csv: 'nobody': no target image has this name"),
    Case("verdicts: of no image, early", "segue check", verdict("nobody,fix,"),
         "data/review/round-1.csv: 'nobody': no target image has this name"),
    Case("verdicts: an unknown one", "segue check", verdict(f"{NAME[:-4]},bad,"),
         "'bad' is no verdict; choose good, fix, exclude"),
    Case("verdicts: rows that contradict", "split round-1",
         verdict(f"{NAME[:-4]},good,", f"{NAME[:-4]},exclude,"), "is 'good' above, and here 'exclude'"),
    Case("verdicts: without a header", "segue check", verdict("a,fix,", head=""),
         "its first line is 'a,fix,'; it must be 'image,verdict,note'"),
    Case("verdicts: not UTF-8", "segue check", verdict("h\u00fctte,fix,", coding="utf-16"),
         "round-1.csv: cannot be read as UTF-8 text"),
    Case("verdicts: a field too few", "segue check", verdict("a,fix"), "line 2: 2 fields, not 3"),
    Case("verdicts: for no round", "segue check", verdict(name="round1.csv"),
         "data/review/round1.csv: no round has this name; choose round-1"),
    Case("verdicts: for no round, later", "split round-1", verdict(name="round1.csv"),
         "data/review/round1.csv: no round has this name; choose round-1"),
    Case("verdicts: of two people who contradict each other", "segue review merge", lambda: (
         verdict("a,fix,", folder=".", name="a.csv")(),
         verdict("a,good,", folder=".", name="b.csv")()),
         "contradict each other on 1 images, so nothing is written"),
    Case("annotations: of another size", "segue annotate import", annotations(width=64),
         "images__east__field.0: 64x24, but labels are 32x24"),
    Case("annotations: of no image", "segue annotate import", annotations(name="nobody.png"),
         "'nobody': no target image has this name"),
    Case("annotations: an unknown class", "segue annotate import", annotations(label="sand"),
         "'sand' is no class; rename it to one of soil, crop, weed"),
    Case("annotations: a mask of other pixels", "segue annotate import", annotations(rle="0, 9"),
         "its runs are of 9 pixels, and the mask has 4"),
    Case("annotations: a mask beyond the image", "segue annotate import", annotations(left=31),
         "a mask at 31, 0 of 2x2 leaves the image"),
    Case("annotations: XML with entities", "segue annotate import",
         annotations('<!DOCTYPE a [<!ENTITY b "c">]>'), "it has a document type"),
    Case("annotations: nothing to fix", "segue annotate export", lambda: None,
         "data/review/round-1.csv: no image has the verdict fix"),
    Case("pseudo-label: damaged", "retrain round-1", cut(ROUND / "labels" / NAME),
         "cannot be read as a label map"),
    Case("pseudo-label: of no class", "retrain round-1", save(ROUND / "labels" / NAME, full(9)),
         "value 9; train ids"),
    Case("split: foreign file", "retrain round-1", write(ROUND / "split.parquet", b"x"),
         "cannot be read as a table"),
    Case("split: of other images", "retrain round-1", table_of("split", lambda t: t.iloc[1:]),
         "its images are not the target's"),
    Case("thresholds: a row short", "retrain round-1", table_of("thresholds", lambda t: t.iloc[:-1]),
         "its classes are not the 3 of the task, a row each"),
    Case("thresholds: in another order", "retrain round-1",
         table_of("thresholds", lambda t: t.iloc[::-1]), "its classes are not the 3 of the task"),
    Case("thresholds: without a column", "retrain round-1",
         table_of("thresholds", lambda t: t.drop(columns="k")), "it has no column 'k'"),
    Case("coverage: a row short", "split round-1", table_of("coverage", lambda t: t.iloc[:-1]),
         "its classes are not the 3 of the task, a row each"),
    Case("logits: of an image too few", "retrain round-1", shortened(PREDICTIONS),
         "that are not the target's 3, or in another order"),
    Case("index: without an image", "pretrain source",
         emptied(SOURCE), "it has no image of game"),
    Case("prior: of other classes", "pseudo_label round-1",
         lambda: np.save("data/prepared/prior.npy", np.ones((2, 3, 4), np.float32)),
         "is no prior of 3 classes"),
    Case("a batch too small for its sides", "segue check", params(training__batch=1),
         "rounds.round-1.retrain.batch = 1: too small"),
    Case("a loss that is not finite", "retrain round-1",
         params(training__optimiser__lr=1e30, retrain__steps=9), "is not finite, with"),
    Case("a device that is not there", "retrain round-1", params(compute__accelerator="tpu"),
         "accelerator 'tpu'"),
    Case("new images: one that cannot be read", "segue label", write(IMAGE, b""), READ, OTHERS),
    Case("new images: a model that is none", "segue label", write(TEACHER, b"x"),
         "cannot be read as weights"),
    Case("best model: before the report", "segue label best", lambda: None,
         "models/best.json: no such file, so no model is the best yet; run dvc repro report"),
    Case("best model: of nothing that was measured", "segue label best",
         write(BEST, b'{"file": null}'), "names no model, file = None; set prepare.val"),
    Case("best model: a file elsewhere", "segue label best", write(BEST, b'{"file": "../x.pt"}'),
         "names no model, file = '../x.pt'"),
    Case("best model: no JSON", "segue label best", write(BEST, b"{"), "cannot be read as JSON"),
]  # fmt: skip
FITTED, PAINTED = Path("data/translators/painted.npy"), Path("data/sources/painted")


def painted(stage: str, **given: Any) -> Callable[[], object]:
    """Changes of one stage of the translation."""
    return params(**{f"translations__painted__{stage}__{key}": v for key, v in given.items()})


LITE0 = {"extractor": {"backbone": "timm/tf_efficientnet_lite0", "pretrained": None}}
BY_A_MODEL = {"translator": "appearance", "segmenter": "source"}
CROPS = {"steps": 2, "augment": {"crop_width": 64, "crop_height": 64}}
TRANSLATIONS = [
    Case("translation: of no source", "segue check", params(translations__painted__source="ghost"),
         "translations.painted.source = 'ghost': no source of that name comes before it"),
    Case("translation: named like a source", "segue check", params(source__painted={}),
         "translations.painted: another source has this name"),
    Case("translation: without a model that looks at it", "segue check",
         params(translations__painted__evaluate_translation={}),
         "evaluate_translation.model = None: no model of that name; choose source"),
    Case("translation: a stage too few", "segue check",
         lambda: (YAML_FILE.write_text(YAML_FILE.read_text().replace("    translate: {}\n", ""))),
         "translations.painted.translate is missing; DVC tracks it, empty or not"),
    Case("translation: an unknown translator", "segue check",
         painted("fit_translator", translator="gan"), "no 'gan' among the translators"),
    Case("translation: trained, and not told how", "segue check",
         painted("fit_translator", translator="cyclegan"),
         "translations.painted.fit_translator.training is missing: cyclegan is trained"),
    Case("translation: trained for no step", "segue check",
         painted("fit_translator", translator="cyclegan", training=CROPS | {"steps": 0}),
         "fit_translator.training.steps = 0: Input should be greater than or equal to 1"),
    Case("translation: options within its training", "segue check",
         painted("fit_translator", translator="cyclegan", training=CROPS | {"options": {"cycle": 5}}),
         "fit_translator.training.options: belongs to fit_translator itself; move it there"),
    Case("translation: crops larger than images", "fit_translator painted",
         painted("fit_translator", translator="cyclegan", training=CROPS),
         "a crop of 64x64 is larger than images of 32x24 at a scale of 1.0"),
    Case("translation: needs a model to look at it", "segue check",
         painted("fit_translator", translator="cycada", training=CROPS),
         "fit_translator.segmenter = none: cycada needs a model to look at its translations"),
    Case("translation: by an unknown model", "segue check",
         painted("fit_translator", segmenter="ghost"),
         "fit_translator.segmenter = 'ghost': no model of that name; choose none, source"),
    Case("translation: by a model that learns from it", "segue check",
         params(translations__painted__fit_translator__segmenter="source",
                pretrain__source__source="painted"),
         "it would be made of itself (painted of source of painted)"),
    Case("translation: copies that are all the same", "segue check",
         params(translations__painted__fit_translator__translator="cyclegan",
                translations__painted__fit_translator__training=CROPS,
                translations__painted__translate__copies=2),
         "translate.copies: of cyclegan each copy is the same; set it to 1"),
    Case("translation: copies of one reference", "segue check",
         params(translations__painted__fit_translator__references="mean",
                translations__painted__translate__copies=2),
         "translate.copies: of lab with references = mean each copy is the same; set it to 1"),
    Case("translation: one source for several", "segue check",
         painted("fit_translator", translator="madan", segmenter="none", training=CROPS),
         "painted.source = game: is a single one, and madan learns from several at once; name a mix"),
    Case("translation: of a mix that it is in", "segue check",
         params(translations__painted__source="both", mix__both={"one": "game", "other": "painted"}),
         "painted.source = 'both': it would be made of itself (painted of both of painted)"),
    Case("translation: options that contradict", "segue check",
         painted("fit_translator", options={"transport": True, "colour": "histogram"}),
         "transport moves all channels at once"),
    Case("translation: a window beyond the spectrum", "segue check",
         painted("fit_translator", translator="fda", options={"beta": 0.5}), "option beta=0.5"),
    Case("translation: no copy", "segue check", painted("translate", copies=0),
         "copies = 0: Input should be greater than or equal to 1"),
    Case("translation: features of an unknown backbone", "segue check",
         painted("evaluate_translation", features={"backbone": "vgg", "pretrained": None}),
         "features.backbone = 'vgg': Input should be 'resnet50', 'resnet101', 'mobilenet'"),
    Case("translation: appearance that nothing looks at", "segue check",
         painted("fit_translator", translator="appearance"),
         "appearance needs a model to look at its translations; name one, or give options.extractor a backbone"),
    Case("translation: appearance that two look at", "segue check",
         painted("fit_translator", **BY_A_MODEL, options=LITE0),
         "fit_translator.segmenter = source: appearance looks by its backbone alone; set it to none"),
    Case("translation: appearance by a file, as older params have it", "segue check",
         painted("fit_translator", **BY_A_MODEL, options={"extractor": {"model": "models/source.pt"}}),
         "a model is named, without its folder, as fit_translator.segmenter now"),
    Case("translation: a model that is not there looks at it", "fit_translator painted",
         lambda: (TEACHER.unlink(), painted("fit_translator", **BY_A_MODEL)()),
         "models/source.pt: no such file"),
    Case("fitted translator: cut off", "translate painted", cut(FITTED),
         "painted.npy: cannot be read as a fitted translator"),
    Case("fitted translator: a pickle", "translate painted",
         write(FITTED, pickle.dumps(Pickled())), "cannot be read as a fitted translator"),
    Case("fitted translator: of another translator", "translate painted",
         painted("fit_translator", translator="histogram"),
         "has rows of 12 numbers, and this translator takes 768"),
    Case("translation: in the place of something else", "translate painted",
         (PAINTED / "index.parquet").unlink, "data/sources/painted: is no translation"),
    Case("translation: a source image that changed", "translate painted",
         save(IMAGE, full(9, np.uint8, 3)), "has changed since prepare read it"),
    Case("translation: a target image that changed", "fit_translator painted",
         save(Path("data/raw/target/images/east/field.0.png"), full(9, np.uint8, 3)),
         "has changed since prepare read it"),
    Case("translation: too few images to compare", "evaluate_translation painted", lambda: None,
         "source and target have 3 and 3 images, and at least 4 are compared"),
]  # fmt: skip
CASES = [*FILES, *SETS, *PARAMS, *SOURCES, *OLDER, *OWN, *BETWEEN, *TRANSLATIONS]


def table() -> str:
    """Markdown, as in docs/reliability.md."""
    rows = [f"| {c.kind} | {c.by} | {c.words} | {c.kept} |" for c in CASES]
    return "\n".join(
        ["| what is wrong | said by | in these words | kept |", "|---|---|---|---|", *rows]
    )


if __name__ == "__main__":
    print(table())
