"""The target's images, and the truth of those that have one, as small as the page shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.domain import artifacts
from pipeline.domain.pixels import Pixels, resize, resize_label
from pipeline.domain.samples import Domain
from pipeline.look import maps, superpixels
from pipeline.runtime import process, progress, work
from pipeline.runtime.files import write_json
from pipeline.runtime.params import load, root
from pipeline.sections.panels import Params

Panel = tuple[Pixels, Pixels | None]


def run(params: Params, target: Domain, truth: Domain) -> Callable[[int], Panel]:
    """Gives, by index, an image uint8 (h, w, 3) and its truth uint8 (h, w), if any, as panels."""
    size = maps.size_of(target.size, params.width)
    known = {sample.image: place for place, sample in enumerate(truth.samples)}

    def panel(index: int) -> Panel:
        place = known.get(target.samples[index].image)
        label = None if place is None else resize_label(truth.label(place), size)
        return resize(target.image(index), size), label

    return panel


def index_of(target: Domain, params: Params, truths: list[bool]) -> dict[str, Any]:
    """What the page says of the images; `id` is as much of a hash as tells them apart."""
    hashes = [sample.image_hash for sample in target.samples]
    length = next((n for n in range(6, 65) if len({h[:n] for h in hashes}) == len(hashes)), 64)
    return {
        "size": maps.size_of(target.size, params.width),
        "working": target.size,
        "images": [sample.image for sample in target.samples],
        "names": [sample.name for sample in target.samples],
        "ids": [text[:length] for text in hashes],
        "truth": truths,
        "superpixels": params.superpixels > 0,
    }


def write(folder: Path, index: int, panel: Panel, params: Params) -> bool:
    """A JPEG, and as scripts its superpixels and its truth; whether it has one."""
    image, truth = panel
    maps.write_picture(maps.file(folder, index, "jpg"), image, params.quality)
    if params.superpixels:
        planes = {"superpixels": superpixels.of(image, params.superpixels)}
        path = maps.file(folder / "superpixels/maps", index)
        maps.write(path, "panels/superpixels", index, planes)
    if truth is not None:
        maps.write(maps.file(folder, index), "", index, {"truth": truth})
    return truth is not None


def main() -> None:
    """Open, run, write."""
    at = process.paths("target", "target_truth", "panels")
    params = load(Params, "panels")
    target = artifacts.read_domain(at.target, root("target"))
    truth = artifacts.read_domain(at.target_truth, root("target"), empty=True)

    panel = run(params, target, truth)

    def one(index: int) -> bool:
        return write(at.panels, index, panel(index), params)

    made = work.each(one, range(len(target)), params.compute.cluster)
    truths = list(progress.track(made, "panels", len(target)))
    work.sweep([at.panels])
    write_json(at.panels / "index.json", index_of(target, params, truths))


if __name__ == "__main__":
    process.stage(main)
