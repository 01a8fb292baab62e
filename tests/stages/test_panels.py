"""panels: images and truth, small and once for all rounds."""

from dataclasses import replace

import numpy as np
from PIL import Image

from pipeline.domain.pixels import resize, resize_label
from pipeline.look import maps
from pipeline.stages import panels
from tests.rounds import without_label


def test_a_panel_is_an_image_and_the_truth_it_has(target, tmp_path):
    truth = replace(target, samples=[target.samples[2], target.samples[0]])
    panel = panels.run(panels.Params(width=16), without_label(target), truth)
    for index in range(4):
        image, label = panel(index)
        assert np.array_equal(image, resize(target.image(index), (16, 12)))
        if index in (0, 2):
            assert np.array_equal(label, resize_label(target.label(index), (16, 12)))
        else:
            assert label is None


def test_panels_are_named_by_place(target, tmp_path):
    panel = panels.run(panels.Params(), target, replace(target, samples=target.samples[:1]))
    params = panels.Params(superpixels=6)
    known = [panels.write(tmp_path / "panels", n, panel(n), params) for n in range(2)]
    assert known == [True, False]
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("panels/**/*.j*")}
    own = {f"panels/{name}" for name in ("00000.jpg", "00000.js", "00001.jpg")}
    assert found == own | {f"panels/superpixels/maps/0000{n}.js" for n in range(2)}
    packed = maps.read(tmp_path / "panels/00000.js")["truth"]
    assert np.array_equal(maps.unpack(packed, target.size), target.label(0))
    parts = maps.read(tmp_path / "panels/superpixels/maps/00001.js")["superpixels"]
    assert maps.unpack(parts, target.size).shape == target.size[::-1]
    with Image.open(tmp_path / "panels/00001.jpg") as picture:
        assert picture.size == target.size


def test_without_superpixels_there_are_none(target, tmp_path):
    params = panels.Params(superpixels=0)
    panel = panels.run(params, target, replace(target, samples=target.samples[:1]))
    panels.write(tmp_path, 0, panel(0), params)
    assert not (tmp_path / "superpixels").exists()
    assert panels.index_of(target, params, [True] * 4)["superpixels"] is False
