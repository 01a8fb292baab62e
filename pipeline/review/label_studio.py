"""Label Studio's JSON: of each class of an image one region of a brush.

A brush is a bit stream: how many numbers it holds, of how many bits, four sizes of lengths, and
then runs; its numbers are red, green, blue and alpha of each pixel, and alpha is the mask.
https://labelstud.io/tags/brushlabels, https://labelstud.io/guide/task_format,
https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt

from pipeline.domain import colours
from pipeline.domain.pixels import Mask, Pixels
from pipeline.review import archives, shapes, tasks
from pipeline.review.tasks import IMAGES, Item, Task
from pipeline.runtime.files import BadInput, read_json, write_bytes, write_json

FILE = "tasks.json"

_COUNT, _WORD, _SIZE = 32, 5, 4  # bits of the head: of numbers, of a number's bits, of a length's
_SIZES = (3, 4, 8, 16)  # bits of a length that are written
_ALPHA, _CHANNELS = 3, 4


def write(folder: Path, task: Task, items: Iterable[Item]) -> None:
    """tasks.json, its labels as predictions, and config.xml, the project's labelling interface."""
    rows = []
    for name, label in items:
        place = f"/data/local-files/?d={quote(f'{IMAGES}/{name}.png')}"
        found = [_region(task, of_class, mask) for of_class, mask in tasks.layers(label)]
        prediction = {"model_version": task.name, "result": found}
        rows.append({"data": {"image": place, "name": name}, "predictions": [prediction]})
    write_json(folder / FILE, rows)
    labels = "".join(
        f"    <Label value={quoteattr(name)} background={quoteattr(shown)}/>\n"
        for name, shown in zip(task.taxonomy.names, map(_text, task.taxonomy.colours), strict=True)
    )
    image = '  <Image name="image" value="$image" zoom="true"/>\n'
    brush = f'  <BrushLabels name="label" toName="image">\n{labels}  </BrushLabels>\n'
    write_bytes(folder / "config.xml", f"<View>\n{image}{brush}</View>\n".encode())


def _text(colour: colours.Colour) -> str:
    return colours.text_of(colours.value(colour))


def _region(task: Task, of_class: int, mask: Mask) -> dict[str, Any]:
    name = task.taxonomy.names[of_class]
    value = {"format": "rle", "rle": packed(mask), "brushlabels": [name]}
    width, height = task.size
    about = {"original_width": width, "original_height": height, "image_rotation": 0}
    names = {"from_name": "label", "to_name": "image", "type": "brushlabels"}
    return {"id": f"class-{of_class}", **names, **about, "value": value}


def packed(mask: Mask) -> list[int]:
    """A mask bool (height, width) as the bytes of a brush, white and opaque where it holds."""
    bits = [f"{mask.size * _CHANNELS:0{_COUNT}b}{8 - 1:0{_WORD}b}"]
    bits += [f"{size - 1:0{_SIZE}b}" for size in _SIZES]
    longest = 1 << _SIZES[-1]
    for place, length in enumerate(shapes.runs(mask.ravel())):
        whole, rest = divmod(length * _CHANNELS, longest)
        for part in [longest] * whole + [rest] * bool(rest):
            kind = next(i for i, size in enumerate(_SIZES) if part <= 1 << size)
            bits.append(f"1{kind:02b}{part - 1:0{_SIZES[kind]}b}{place % 2 * 255:08b}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [*int(text, 2).to_bytes(len(text) // 8, "big")]


class _Bits:
    """Reads numbers of some bits each, one after the other."""

    def __init__(self, given: Sequence[int]) -> None:
        self.content, self.at = bytes(given), 0

    def next(self, count: int) -> int:
        end = self.at + count
        if end > 8 * len(self.content):
            raise ValueError("a brush ends too early")
        part = int.from_bytes(self.content[self.at // 8 : -(-end // 8)], "big")
        self.at = end
        return part >> (-end % 8) & ((1 << count) - 1)


def unpacked(given: Sequence[int], size: tuple[int, int]) -> Mask:
    """The mask bool (height, width) of a brush. Raises ValueError for one of another size."""
    bits = _Bits(given)
    count, (width, height) = bits.next(_COUNT), size
    if count != width * height * _CHANNELS:
        raise ValueError(f"a brush of {count} numbers, not of {width}x{height} pixels")
    word, sizes = bits.next(_WORD) + 1, [bits.next(_SIZE) + 1 for _ in _SIZES]
    values: npt.NDArray[np.uint32] = np.zeros(count, np.uint32)
    at = 0
    while at < count:
        repeats = bits.next(1)
        end = at + 1 + bits.next(sizes[bits.next(2)])
        if repeats:
            values[at:end] = bits.next(word)
        else:
            values[at:end] = [bits.next(word) for _ in range(end - at)]
        at = end
    found: Mask = values.reshape(height, width, _CHANNELS)[..., _ALPHA] > 0
    return found


def read(path: Path, task: Task) -> Iterator[Item | BadInput]:
    """The tasks of a file that Label Studio exported as JSON, or of a folder that holds it alone.

    Regions lie over each other as they follow each other. A task that nobody has annotated has no
    item; one with several annotations is told.
    """
    with archives.opened(path) as folder:
        content = read_json(archives.only(folder, ".json"), archives.AGAIN)
    for number, given in enumerate(content if isinstance(content, list) else [None]):
        try:
            with archives.sound(f"{path}: task {number + 1}"):
                if found := _annotated(given, task, path):
                    yield found
        except BadInput as error:
            yield error


def _annotated(given: Any, task: Task, path: Path) -> Item | None:
    if not isinstance(given, dict) or not isinstance(given.get("annotations"), list | None):
        raise ValueError("is not as Label Studio's JSON has it; choose JSON there, not JSON-MIN")
    if not isinstance(name := given["data"]["name"], str):
        raise ValueError(f"its name {name!r} is no text")
    where = f"{path}: {name}"
    left = [one for one in given.get("annotations") or () if not one.get("was_cancelled")]
    if len(left) > 1:
        raise BadInput(f"{where}: has {len(left)} annotations; delete all but one of them")
    return (name, _label(left[0]["result"], task, where)) if left else None


def _label(regions: Sequence[Any], task: Task, where: str) -> Pixels:
    layers = []
    for region in regions:
        if region["type"] != "brushlabels":
            raise BadInput(f"{where}: {region['type']}: has no mask; draw with the brush")
        task.check_size(region["original_width"], region["original_height"], where)
        value = region["value"]
        mask = unpacked(value["rle"], task.size)
        layers += [(task.class_of(of_class, where), mask) for of_class in value["brushlabels"]]
    return task.painted(layers)
