"""CVAT for images 1.1: one XML file, in which a class of an image is a mask.

A mask has its box and, in rows within it, the lengths of its runs, the first of which is off.
https://docs.cvat.ai/docs/other/xml_format
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from pipeline.domain import colours
from pipeline.domain.pixels import Mask, Pixels
from pipeline.review import archives, shapes, tasks
from pipeline.review.tasks import Item, Task
from pipeline.runtime.files import BadInput, readable, write_bytes, write_json

FILE = "annotations.xml"


def write(folder: Path, task: Task, items: Iterable[Item]) -> None:
    """annotations.xml, and labels.json, which CVAT's constructor of a task takes as raw labels."""
    names = [*map(str, task.taxonomy.names)]
    shown = [colours.text_of(colours.value(colour)) for colour in task.taxonomy.colours]
    labels = "".join(
        f"<label><name>{escape(name)}</name><color>{colour}</color><attributes/></label>\n"
        for name, colour in zip(names, shown, strict=True)
    )
    head = (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
        f"<meta><task><name>{escape(task.name)}</name><mode>annotation</mode>\n"
        f"<labels>\n{labels}</labels>\n</task></meta>\n"
    )
    images = (_image(index, item, task) for index, item in enumerate(items))
    write_bytes(folder / FILE, "".join([head, *images, "</annotations>\n"]).encode())
    raw = [{"name": n, "color": c, "attributes": []} for n, c in zip(names, shown, strict=True)]
    write_json(folder / "labels.json", raw)


def _image(index: int, item: Item, task: Task) -> str:
    name, label = item
    width, height = task.size
    masks = [_mask(task.taxonomy.names[of_class], mask) for of_class, mask in tasks.layers(label)]
    head = f'<image id="{index}" name={quoteattr(name + ".png")} width="{width}" height="{height}">'
    return "\n".join([head, *masks, "</image>\n"])


def _mask(name: str, mask: Mask) -> str:
    left, top, width, height = shapes.box(mask)
    inside = mask[top : top + height, left : left + width].ravel()
    runs = ", ".join(map(str, shapes.runs(inside)))
    place = f'left="{left}" top="{top}" width="{width}" height="{height}"'
    return (
        f'<mask label={quoteattr(name)} source="auto" occluded="0" rle="{runs}" {place} '
        'z_order="0"></mask>'
    )


def read(path: Path, task: Task) -> Iterator[Item | BadInput]:
    """The images of CVAT's XML file, or of the archive or folder that holds it alone.

    Masks and polygons lie over each other by z_order, then as they follow each other.
    """
    with archives.opened(path) as folder:
        file = archives.only(folder, ".xml")
        with readable(file, "CVAT's XML", archives.AGAIN):
            text = file.read_text(encoding="utf-8")
            if "<!DOCTYPE" in text:
                raise ValueError("it has a document type, which CVAT does not write")
            images = ElementTree.fromstring(text).findall("image")  # noqa: S314 - no entities
        for image in images:
            name = tasks.name_of(image.get("name", ""))
            try:
                yield name, _label(image, task, f"{path}: {name}")
            except BadInput as error:
                yield error


def _label(image: ElementTree.Element, task: Task, where: str) -> Pixels:
    with archives.sound(where):
        task.check_size(int(image.get("width", 0)), int(image.get("height", 0)), where)
        drawn = sorted(image, key=lambda shape: int(shape.get("z_order", 0)))
        layers = [
            (task.class_of(shape.get("label"), where), _drawn(shape, task))
            for shape in drawn
            if shape.tag != "tag"
        ]
        return task.painted(layers)


def _drawn(shape: ElementTree.Element, task: Task) -> Mask:
    if shape.tag == "polygon":
        pairs = [pair.split(",") for pair in shape.attrib["points"].split(";")]
        return shapes.polygon([(float(x), float(y)) for x, y in pairs], task.size)
    if shape.tag != "mask":
        raise ValueError(f"a {shape.tag} has no area of pixels; draw a mask or a polygon")
    left, top, width, height = (int(shape.attrib[k]) for k in ("left", "top", "width", "height"))
    if min(left, top) < 0 or left + width > task.size[0] or top + height > task.size[1]:
        raise ValueError(f"a mask at {left}, {top} of {width}x{height} leaves the image")
    lengths = [int(length) for length in shape.attrib["rle"].split(",")]
    mask = np.zeros(task.size[::-1], bool)
    inside = shapes.filled(lengths, width * height).reshape(height, width)
    mask[top : top + height, left : left + width] = inside
    return mask
