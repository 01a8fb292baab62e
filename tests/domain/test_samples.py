"""Images and labels as they are decoded, coded and resized."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.domain.labels import read_label, read_raw, read_region
from pipeline.domain.pixels import INDEX, RED16, Coding, read_image, resize, resize_label
from pipeline.domain.samples import Domain, Joined, Sample
from pipeline.domain.taxonomy import IGNORE
from pipeline.runtime.files import BadInput
from tests import gifs, tiffs, worlds

CODING = Coding({0: IGNORE, 7: 0, 8: 1, 34: IGNORE})


@pytest.fixture
def label():
    return np.array([[0, 7, 8], [34, 8, 7]], np.uint8)


def one(root, size, memory=0):
    """A domain of one sample whose label has four classes."""
    image, ids = worlds.scene(np.random.default_rng(0), (16, 12), 4)
    worlds.save(root / "x.png", image)
    worlds.save(root / "y.png", ids)
    sample = Sample("source", "x.png", "", 12, 16, "y.png", "")
    return Domain([sample], root, size, Coding({i: i for i in range(4)}), memory), image, ids


@given(st.dictionaries(st.integers(0, 65535), st.integers(0, 255), max_size=40))
def test_a_coding_knows_its_values_and_no_others(values):
    table = Coding(values).ids(np.arange(65536))
    assert table.shape == (65536,)
    assert {raw: int(table[raw]) for raw in values} == values
    assert (table >= 0).sum() == len(values)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_labels_of_one_channel_are_read_by_index(mode, label, tmp_path):
    palette = [(9, 9, 9)] * 256 if mode == "P" else None
    worlds.save(tmp_path / "l.png", label, palette)
    assert np.array_equal(read_label(tmp_path / "l.png", CODING), [[255, 0, 1], [255, 1, 0]])


@pytest.mark.parametrize(
    ("palette", "mode"),
    [([(i, i, i) for i in range(256)], "L"), ([(9, 0, 0), (0, 0, 9)] * 128, "P")],
)
def test_labels_of_a_gif_are_read_by_index(palette, mode, label, tmp_path):
    (tmp_path / "l.gif").write_bytes(gifs.written(label, palette))
    with Image.open(tmp_path / "l.gif") as image:
        assert image.mode == mode
    assert np.array_equal(read_raw(tmp_path / "l.gif", INDEX), label)


def test_a_gif_of_two_pictures_is_no_label(label, tmp_path):
    first, second = Image.fromarray(label), Image.fromarray(label[::-1].copy())
    first.save(tmp_path / "l.gif", save_all=True, append_images=[second])
    with pytest.raises(BadInput, match="2 pictures in one file"):
        read_label(tmp_path / "l.gif", CODING)


def test_labels_of_sixteen_bits_keep_values_above_255(tmp_path):
    Image.fromarray(np.array([[7, 1000]], np.uint16)).save(tmp_path / "l.png")
    assert np.array_equal(read_raw(tmp_path / "l.png", INDEX), [[7, 1000]])


def test_labels_of_one_bit_are_0_and_1(tmp_path):
    values = np.array([[True, False], [False, True]])
    Image.fromarray(values).save(tmp_path / "l.png")
    (tmp_path / "l.tif").write_bytes(tiffs.written(values))
    for name in ("l.png", "l.tif"):
        assert np.array_equal(read_raw(tmp_path / name, INDEX), [[1, 0], [0, 1]])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int8, np.int16])
def test_values_of_a_tiff_are_those_stored(kind, tmp_path):
    values = np.array([[0, 7, 99], [1, 2, 3]], kind)
    (tmp_path / "l.tif").write_bytes(tiffs.written(values))
    assert np.array_equal(read_raw(tmp_path / "l.tif", INDEX), values)


@pytest.mark.parametrize("values", [np.array([[0, 255, 1]], np.uint8), np.array([[True, False]])])
def test_a_label_whose_0_is_white_is_refused_and_not_turned_round(values, tmp_path):
    (tmp_path / "l.tif").write_bytes(tiffs.written(values, photometric=0))
    with pytest.raises(BadInput, match=r"l\.tif.*white is stored as 0.*save it as PNG"):
        read_raw(tmp_path / "l.tif", INDEX)


def test_sixteen_bits_whose_0_is_white_are_read_as_stored(tmp_path):
    values = np.array([[0, 255, 1000]], np.uint16)
    (tmp_path / "l.tif").write_bytes(tiffs.written(values, photometric=0))
    assert np.array_equal(read_raw(tmp_path / "l.tif", INDEX), values)


def test_values_below_0_are_named(tmp_path):
    (tmp_path / "l.tif").write_bytes(tiffs.written(np.array([[-1, 3]], np.int8)))
    with pytest.raises(BadInput, match=r"values -1 to 3; they go from 0"):
        read_raw(tmp_path / "l.tif", INDEX)


@pytest.mark.parametrize("write", [
    lambda path, pixels: path.write_bytes(tiffs.written(pixels)), worlds.save_rgb16,
], ids=["tif", "png"])  # fmt: skip
def test_sixteen_bits_a_channel_are_refused_as_those_of_grey_are(write, tmp_path):
    write(tmp_path / "i", np.full((4, 4, 3), 4095, np.uint16))
    with pytest.raises(BadInput, match=r"16 bits a channel.*convert it to 8-bit RGB"):
        read_image(tmp_path / "i")


def test_a_camera_jpeg_with_a_preview_is_its_photograph(tmp_path):
    photograph, _ = worlds.scene(np.random.default_rng(0), (64, 48), 4)
    preview = Image.fromarray(photograph).resize((16, 12))
    Image.fromarray(photograph).save(
        tmp_path / "i.jpg", "MPO", save_all=True, append_images=[preview], quality=95
    )
    with Image.open(tmp_path / "i.jpg") as found:
        assert (found.format, found.n_frames) == ("MPO", 2)
    image = read_image(tmp_path / "i.jpg")
    assert image.shape == photograph.shape
    assert np.abs(image.astype(int) - photograph).mean() < 12


def test_a_tiff_with_smaller_copies_is_one_picture(tmp_path):
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)
    (tmp_path / "l.tif").write_bytes(tiffs.written(values, reduced=values[::2, ::2].copy()))
    with Image.open(tmp_path / "l.tif") as found:
        assert found.n_frames == 2
    assert np.array_equal(read_raw(tmp_path / "l.tif", INDEX), values)
    assert np.array_equal(read_image(tmp_path / "l.tif")[..., 0], values)


def test_red16_is_the_first_channel_at_full_depth(tmp_path):
    pixels = np.array([[[3, 999, 5], [515, 1, 2]]], np.uint16)
    worlds.save_rgb16(tmp_path / "l.png", pixels)
    assert np.array_equal(read_raw(tmp_path / "l.png", RED16), [[3, 515]])


def test_red16_refuses_eight_bits(tmp_path):
    worlds.save(tmp_path / "l.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BadInput, match=r"l\.png.*not 16-bit RGB"):
        read_raw(tmp_path / "l.png", RED16)


def test_a_colour_label_is_refused(tmp_path):
    worlds.save(tmp_path / "l.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BadInput, match=r"l\.png.*mode RGB"):
        read_raw(tmp_path / "l.png", INDEX)


def test_unknown_values_are_named(label, tmp_path):
    worlds.save(tmp_path / "l.png", label)
    with pytest.raises(BadInput, match=r"l\.png: unknown label values 8, 34; "):
        read_label(tmp_path / "l.png", Coding({0: 0, 7: 1}))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_any_image_becomes_rgb(mode, tmp_path):
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new("RGB", (6, 4), (9, 99, 199)).convert(mode).save(tmp_path / f"i.{suffix}")
    image = read_image(tmp_path / f"i.{suffix}")
    assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)


@pytest.mark.parametrize("size", range(0, 400, 7))
def test_no_truncation_escapes(size, tmp_path):
    image, _ = worlds.scene(np.random.default_rng(0), (16, 12), 4)
    worlds.save(tmp_path / "whole.png", image)
    worlds.save_rgb16(tmp_path / "whole16.png", image.astype(np.uint16))
    (tmp_path / "i.png").write_bytes((tmp_path / "whole.png").read_bytes()[:size])
    (tmp_path / "l.png").write_bytes((tmp_path / "whole16.png").read_bytes()[:size])
    with pytest.raises(BadInput, match=r"i\.png"):
        read_image(tmp_path / "i.png")
    for encoding in (INDEX, RED16):
        with pytest.raises(BadInput, match=r"l\.png"):
            read_raw(tmp_path / "l.png", encoding)


@pytest.mark.parametrize("read", [read_image, lambda path: read_raw(path, INDEX)])
def test_a_bomb_is_refused(read, tmp_path, monkeypatch):
    worlds.save(tmp_path / "b.png", np.zeros((20, 20), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(BadInput, match=r"b\.png"):
        read(tmp_path / "b.png")


def test_labels_are_resized_without_new_values(label):
    large = resize_label(label, (30, 20))
    assert large.shape == (20, 30)
    assert set(np.unique(large)) == set(np.unique(label))
    assert np.array_equal(resize_label(large, (3, 2)), label)


def test_images_are_resized_with_anti_aliasing():
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, (8, 8))
    assert small.shape == (8, 8, 3)
    assert abs(int(small.min()) - 127) < 12
    assert abs(int(small.max()) - 127) < 12
    assert resize(stripes, (64, 8)) is stripes


def test_a_domain_reads_at_its_size_and_at_another(tmp_path):
    domain, image, ids = one(tmp_path, (16, 12))
    assert np.array_equal(domain.image(0), image)
    assert np.array_equal(domain.label(0), ids)
    assert domain.label(0, (8, 6)).shape == (6, 8)


def test_a_domain_keeps_samples_while_memory_lasts(tmp_path):
    domain, _, _ = one(tmp_path, (640, 480), memory=1)  # MB: the image takes 0.92, the label 0.31
    first = domain.image(0)
    domain.label(0)
    (tmp_path / "x.png").unlink()
    (tmp_path / "y.png").unlink()
    assert domain.image(0) is first
    with pytest.raises(BadInput, match=r"y\.png"):
        domain.label(0)


def test_a_sample_without_label_says_so(tmp_path):
    domain = Domain([Sample("target", "x.png", "", 4, 4)], tmp_path, (4, 4))
    with pytest.raises(BadInput, match=r"x\.png: has no label"):
        domain.label(0)


@pytest.mark.parametrize(
    ("image", "name"),
    [("a.png", "a"), ("train/ulm/ulm_0.1.png", "train__ulm__ulm_0.1"), ("x/y.JPG", "x__y")],
)
def test_names_of_what_is_made_of_an_image(image, name):
    assert Sample("source", image, "0", 1, 1).name == name


# --- regions: the pixels that count --------------------------------------------------------


def test_a_region_is_what_is_brighter_than_dark_in_some_channel(tmp_path):
    pixels = np.array([[[0, 0, 0], [20, 20, 20], [0, 21, 0], [255, 255, 255]]], np.uint8)
    worlds.save(tmp_path / "x.png", pixels)
    for dark, expected in ((0, [0, 1, 1, 1]), (20, [0, 0, 1, 1])):
        found = read_region(tmp_path / "x.png", Coding({}, dark=dark))
        assert np.array_equal(found, np.array([expected], bool))


@pytest.mark.parametrize("size", [(16, 12), (8, 6), (11, 5)])
def test_a_label_is_ignored_outside_its_region(size, tmp_path):
    domain, _, ids = one(tmp_path, size)
    region = np.random.default_rng(1).integers(0, 2, ids.shape).astype(np.uint8)
    worlds.save(tmp_path / "m.png", region)
    (sample,) = domain.samples
    assert domain.region(0) is None
    whole = domain.label(0).copy()
    masked = replace(domain, samples=[replace(sample, region="m.png", region_hash="")])
    inside = resize_label(region, size) > 0
    assert np.array_equal(masked.region(0), inside)
    assert np.array_equal(masked.label(0), np.where(inside, whole, IGNORE))
    assert np.array_equal(masked.label(0, (16, 12)), np.where(region > 0, ids, IGNORE))


def test_a_region_that_changes_is_told(tmp_path):
    domain, _, _ = one(tmp_path, (16, 12))
    (sample,) = domain.samples
    domain = replace(domain, samples=[replace(sample, region="x.png", region_hash="0" * 64)])
    for read in (domain.region, domain.label):
        with pytest.raises(BadInput, match=r"x\.png: has changed since prepare read it"):
            read(0)


def test_joined_domains_are_one_of_the_size_of_the_first(tmp_path):
    (first, *_), (second, *_) = (one(tmp_path, size) for size in ((8, 6), (4, 3)))
    alone, both = Joined({"a": first}), Joined({"a": first, "b": second})
    assert (len(both), both.size) == (2, (8, 6))
    assert alone.names == ["x.png"]
    assert both.names == ["a/x.png", "b/x.png"]
    for index in range(2):
        assert np.array_equal(both.image(index), first.image(0))
        assert np.array_equal(both.label(index), first.label(0))
        assert both.region(index) is None
