"""COCO's JSON: of each class of an image one annotation, whose runs go down the columns.

https://cocodataset.org/#format-data; runs are written as numbers, which is what iscrowd 1 stands
for, and read also as the text that pycocotools makes of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.domain.pixels import Mask
from pipeline.review import archives, shapes, tasks
from pipeline.review.tasks import Item, Task
from pipeline.runtime.files import BadInput, read_json, write_json

FILE = "annotations/instances_default.json"

_BITS, _MORE, _ZERO = 5, 32, 48  # of a character: five bits, whether another follows, and "0"
_BEFORE = 2  # a length, from the fourth on, is what it is over the one two before it


def write(folder: Path, task: Task, items: Iterable[Item]) -> None:
    """annotations/instances_default.json, where CVAT and others look for it."""
    width, height = task.size
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, (name, label) in enumerate(items, 1):
        images.append({"id": index, "file_name": f"{name}.png", "width": width, "height": height})
        for of_class, mask in tasks.layers(label):
            about = {"id": len(annotations) + 1, "image_id": index, "category_id": of_class + 1}
            annotations.append(about | _shape(mask))
    names = enumerate(task.taxonomy.names, 1)
    categories = [{"id": index, "name": n, "supercategory": ""} for index, n in names]
    found = {"images": images, "categories": categories, "annotations": annotations}
    write_json(folder / FILE, {"info": {"description": task.name}, "licenses": [], **found})


def _shape(mask: Mask) -> dict[str, Any]:
    counts = shapes.runs(mask.ravel(order="F"))
    runs = {"size": [*mask.shape], "counts": counts}
    area = int(mask.sum())
    return {"segmentation": runs, "area": area, "bbox": [*shapes.box(mask)], "iscrowd": 1}


def read(path: Path, task: Task) -> Iterator[Item | BadInput]:
    """The images of a JSON file, or of the archive or folder that holds it alone.

    Annotations, be they runs or polygons, lie over each other as they follow each other.
    """
    with archives.opened(path) as folder:
        content = read_json(archives.only(folder, ".json"), archives.AGAIN)
        with archives.sound(str(path)):
            classes = {of["id"]: of["name"] for of in _apart(content["categories"], "categories")}
            images = _apart(content["images"], "images")
            drawn: dict[Any, list[Any]] = {image["id"]: [] for image in images}
            for one in content["annotations"]:
                drawn[one["image_id"]].append(one)
    for image in images:
        try:
            with archives.sound(str(path)):
                name = tasks.name_of(image["file_name"])
            where = f"{path}: {name}"
            with archives.sound(where):
                task.check_size(image["width"], image["height"], where)
                layers = [
                    (task.class_of(classes[one["category_id"]], where), _mask(one, task))
                    for one in drawn[image["id"]]
                ]
                yield name, task.painted(layers)
        except BadInput as error:
            yield error


def _apart(given: list[Any], kind: str) -> list[Any]:
    """The same. Raises ValueError for two of one id: nothing tells whose an annotation is."""
    if twice := [of for of, times in Counter(one["id"] for one in given).items() if times > 1]:
        raise ValueError(f"several {kind} have the id {twice[0]}, as of files put together")
    return given


def _mask(annotation: Any, task: Task) -> Mask:
    given, (width, height) = annotation["segmentation"], task.size
    if not given:
        raise ValueError("a box has no area of pixels; draw a mask or a polygon")
    if isinstance(given, list):
        mask = np.zeros((height, width), bool)
        for flat in given:
            mask |= shapes.polygon([*zip(flat[::2], flat[1::2], strict=True)], task.size)
        return mask
    if given["size"] != [height, width]:
        raise ValueError(f"runs of a mask of {given['size']}, not of {[height, width]}")
    counts = given["counts"]
    lengths = lengths_of(counts) if isinstance(counts, str) else counts
    found: Mask = shapes.filled(lengths, width * height).reshape(width, height).T
    return found


def lengths_of(text: str) -> list[int]:
    """The lengths that pycocotools' text stands for.

    A number is five bits a character from the lowest on, the last one's highest bit its sign.
    """
    found: list[int] = []
    value = shift = 0
    for character in text.encode("ascii"):
        part = character - _ZERO
        value |= (part & (_MORE - 1)) << shift
        shift += _BITS
        if part & _MORE:
            continue
        if part & (_MORE >> 1):
            value -= 1 << shift
        found.append(value + (found[-_BEFORE] if len(found) > _BEFORE else 0))
        value = shift = 0
    return found
