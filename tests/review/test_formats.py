"""Formats of annotation tools: exact labels come back, and what is damaged is told."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.domain import pictures
from pipeline.domain.taxonomy import IGNORE
from pipeline.review import archives, coco, cvat, cvat_masks, label_studio, shapes
from pipeline.runtime.files import BadInput
from tests.tools import SIZE, TASK, labels

FORMATS = {"cvat": cvat, "cvat_masks": cvat_masks, "coco": coco, "label_studio": label_studio}
each = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)


def annotated(folder):
    """What Label Studio makes of its tasks where a person accepts each prediction."""
    path = folder / label_studio.FILE
    tasks = json.loads(path.read_text())
    for task in tasks:
        skipped = {"result": [], "was_cancelled": True}
        task["annotations"] = [skipped, {"result": task["predictions"][0]["result"]}]
    path.write_text(json.dumps(tasks))


@pytest.fixture
def written(tmp_path):
    def write(form, items=None):
        folder = tmp_path / "out"
        form.write(folder, TASK, (items or labels()).items())
        if form is label_studio:
            annotated(folder)
        return folder

    return write


def read(form, path):
    found = [*form.read(path, TASK)]
    assert not [each for each in found if isinstance(each, BadInput)], found
    return dict(found)


def refusals(form, path):
    return [str(each) for each in form.read(path, TASK) if isinstance(each, BadInput)]


def archived(folder):
    """As a tool's .zip, with a picture that is no label, and a name that leads out of it."""
    path = folder.parent / "out.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
        archive.writestr("images/halves.png", b"no label")
        archive.writestr("../../outside.txt", b"")
    return path


@each
def test_exact_labels_come_back(form, written):
    folder = written(form)
    for path in (folder, archived(folder)):
        found = read(form, path)
        assert sorted(found) == sorted(labels())
        for name, label in labels().items():
            assert found[name].dtype == np.uint8
            assert np.array_equal(found[name], label), name
    assert not [*folder.parent.parent.rglob("outside.txt")]


@each
def test_the_same_labels_are_the_same_bytes(form, tmp_path):
    for name in ("one", "two"):
        form.write(tmp_path / name, TASK, labels().items())
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")]
    assert files
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_runs_are_those_of_counting(flags):
    lengths = shapes.runs(np.array(flags))
    expected = [flag for place, n in enumerate(lengths) for flag in [place % 2 == 1] * n]
    assert expected == flags
    assert all(lengths[1:])
    assert shapes.filled(lengths, len(flags)).tolist() == flags


@pytest.mark.parametrize("lengths", [[3, 2], [7], [3, -1, 4], [3.0, 3], ["6"], [True, 5], []])
def test_runs_that_are_none_are_refused(lengths):
    with pytest.raises(ValueError, match="run"):
        shapes.filled(lengths, 6)


def winding(x, y, points):
    """The even-odd rule, point by point."""
    inside = False
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x:
            inside = not inside
    return inside


POINT = st.tuples(st.floats(-5, 12), st.floats(-5, 12))


@given(st.lists(POINT, min_size=3, max_size=7))
def test_a_polygon_holds_the_pixels_whose_centres_are_in_it(points):
    found = shapes.polygon(points, (7, 6))
    for row in range(6):
        for column in range(7):
            assert found[row, column] == winding(column + 0.5, row + 0.5, points)


def test_a_polygon_along_the_edges_of_pixels_is_exact():
    expected = np.zeros((6, 7), bool)
    expected[1:4, 2:5] = True
    assert np.array_equal(shapes.polygon([(2, 1), (5, 1), (5, 4), (2, 4)], (7, 6)), expected)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=9))
def test_cocos_text_is_read(lengths):
    """Written as COCO's C code describes it: differences, five bits a character."""
    text = ""
    for place, length in enumerate(lengths):
        value = length - (lengths[place - 2] if place > 2 else 0)
        more = True
        while more:
            part, value = value & 31, value >> 5
            more = value != (-1 if part & 16 else 0)
            text += chr(part + 32 * more + 48)
    assert coco.lengths_of(text) == lengths


def test_cocos_polygons_lie_over_what_was_before(written):
    path = written(coco, {"x": np.zeros(SIZE[::-1], np.uint8)}) / coco.FILE
    content = json.loads(path.read_text())
    square = [[2, 1, 5, 1, 5, 4, 2, 4], [10, 1, 11, 1, 11, 2, 10, 2]]
    content["annotations"].append({"image_id": 1, "category_id": 2, "segmentation": square})
    path.write_text(json.dumps(content))
    expected = np.zeros(SIZE[::-1], np.uint8)
    expected[1:4, 2:5], expected[1, 10] = 1, 1
    assert np.array_equal(read(coco, path)["x"], expected)


def test_cvats_shapes_lie_over_each_other_by_z_order(tmp_path):
    shape = '<{} label="{}" z_order="{}" {}/>'
    square = 'points="2,1;5,1;5,4;2,4"'
    rle = 'rle="0, 4" left="2" top="1" width="2" height="2"'
    drawn = [
        shape.format("polygon", "soil", 1, square),
        shape.format("mask", "background", 2, rle),
        shape.format("polygon", "background", 0, square),
        '<tag label="checked"/>',
    ]
    image = f'<image name="in/x.jpg" width="23" height="17">{"".join(drawn)}</image>'
    path = tmp_path / "a.xml"
    path.write_text(f"<annotations><meta/>{image}</annotations>")
    expected = np.full(SIZE[::-1], IGNORE, np.uint8)
    expected[1:4, 2:5], expected[1:3, 2:4] = 0, 2
    assert np.array_equal(read(cvat, path)["x"], expected)


def test_a_brush_of_single_numbers_is_read():
    """Label Studio writes numbers that differ one after the other, after a 0."""
    numbers = [0, 0, 0, 255, 9, 9, 9, 0]
    text = f"{len(numbers):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (1, 2, 3, 4))
    text += f"010{7:03b}" + "".join(f"{number:08b}" for number in numbers)
    text += "0" * (-len(text) % 8)
    given = [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]
    assert label_studio.unpacked(given, (2, 1)).tolist() == [[True, False]]


def test_a_brush_longer_than_its_longest_run_comes_back():
    mask = np.ones((200, 200), bool)  # 160,000 numbers, and a run has 65,536 at most
    mask[0, :100] = False
    assert np.array_equal(label_studio.unpacked(label_studio.packed(mask), (200, 200)), mask)


# --- pictures --------------------------------------------------------------------------------


def test_pictures_in_the_palettes_colours_are_taken_back(tmp_path):
    for name, label in labels().items():
        colour = pictures.colourise(label, TASK.taxonomy.colours)
        if name == "halves":
            pictures.write_label(tmp_path / "halves.png", label, TASK.taxonomy.colours)
        else:
            Image.fromarray(colour).save(tmp_path / f"{name}.png")
    found = read(cvat_masks, tmp_path)
    assert all(np.array_equal(found[name], label) for name, label in labels().items())


def test_pictures_in_the_tools_own_colours_and_of_one_channel_are_read(written):
    folder = written(cvat_masks)
    lines = "none:0,0,0::\nsoil:1,2,3::\nbackground:4,5,6:a,b:\ncrop & <weed>:7,8,9::\n"
    (folder / "labelmap.txt").write_text(f"# label\n\n{lines}")
    own = np.array([(1, 2, 3), (7, 8, 9), (4, 5, 6)], np.uint8)
    place = np.array([1, 3, 2] + [0] * 253, np.uint8)
    for name, label in labels().items():
        picture = place[label] if name == "halves" else pictures.colourise(label, own)
        Image.fromarray(picture).save(folder / f"SegmentationClass/{name}.png")
    found = read(cvat_masks, folder)
    assert all(np.array_equal(found[name], label) for name, label in labels().items())


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "file", "old", "new", "words"), [
    (cvat, cvat.FILE, 'label="soil"', 'label="sand"', "'sand' is no class; rename it to"),
    (cvat, cvat.FILE, 'rle="', 'rle="1, ', "and the mask has"),
    (cvat, cvat.FILE, 'left="0"', 'left="9"', "leaves the image"),
    (cvat, cvat.FILE, 'left="0"', 'gone="9"', "'left' is missing; export it"),
    (cvat, cvat.FILE, "<mask ", '<cuboid label="soil"/><mask ', "a cuboid has no area"),
    (cvat, cvat.FILE, 'width="23"', 'width="46"', "46x17, but labels are 23x17"),
    (coco, coco.FILE, '"counts": [', '"counts": [0.5,', "is no whole number"),
    (coco, coco.FILE, '"soil"', '"sand"', "'sand' is no class"),
    (coco, coco.FILE, '"segmentation": {', '"segmentation": [], "a": {', "a box has no area of"),
    (coco, coco.FILE, '"height": 17', '"height": 34', "23x34, but labels are 23x17"),
    (label_studio, label_studio.FILE, '"soil"', '"sand"', "'sand' is no class"),
    (label_studio, label_studio.FILE, '"original_width": 23', '"original_width": 46', "46x17, but"),
    (label_studio, label_studio.FILE, '"rle": [', '"rle": [1, ', "a brush of"),
    (label_studio, label_studio.FILE, '"was_cancelled": true', '"a": 0', "has 2 annotations"),
    (label_studio, label_studio.FILE, '"brushlabels"', '"polygonlabels"', "draw with the brush"),
    (cvat_masks, "labelmap.txt", "soil:9,8,7", "soil:9,9,9", "of no class"),
    (cvat_masks, "labelmap.txt", "soil:9,8,7", "sand:9,8,7", "'sand' is no class"),
])  # fmt: skip
def test_what_is_wrong_is_told_of_its_image_alone(form, file, old, new, words, written):
    folder = written(form)
    if form is label_studio and old == '"brushlabels"':
        old, new = '"type": "brushlabels"', '"type": "polygonlabels"'
    text = (folder / file).read_text()
    at = text.rindex('"annotations"') if form is label_studio and "cancelled" not in old else 0
    (folder / file).write_text(text[:at] + text[at:].replace(old, new, 1))
    assert (folder / file).read_text() != text
    told = refusals(form, folder)
    assert told
    assert all(words in line for line in told)
    whole = file.startswith("labelmap") or ("sand" in new and form is coco)
    assert whole or len(told) == 1


@pytest.mark.parametrize(("form", "content", "words"), [
    (cvat, "<annotations>", "cannot be read as CVAT's XML"),
    (cvat, '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "it has a document type"),
    (coco, "[1, 2]", "export it from the tool again"),
    (coco, '{"images": []}', "'categories' is missing"),
    (coco, '{"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], "images": []}',
     "several categories have the id 1, as of files put together"),
    (coco, '{"categories": [], "images": [{"id": 7}, {"id": 7}], "annotations": []}',
     "several images have the id 7, as of files put together"),
    (coco, "{", "cannot be read as JSON"),
    (coco, "{", "char 1)); export it from the tool again"),
    (label_studio, "{", "char 1)); export it from the tool again"),
    (cvat, "<annotations>", "column 13); export it from the tool again"),
    (cvat_masks, "", "no such file or folder"),
])  # fmt: skip
def test_a_file_that_is_none_is_told_at_once(form, content, words, tmp_path):
    path = tmp_path / "given"
    if content:
        path.write_text(content)
    with pytest.raises(BadInput, match="given: ") as error:
        [*form.read(path, TASK)]
    assert words in str(error.value)


@pytest.mark.parametrize("form", [cvat, coco, label_studio])
def test_a_mark_of_byte_order_is_no_mistake(form, written):
    path = written(form) / form.FILE
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert sorted(read(form, path)) == sorted(labels())


def test_what_is_wrong_in_an_archive_is_told_of_the_archive(written):
    folder = written(cvat_masks)
    path = folder / "SegmentationClass/halves.png"
    path.write_bytes(path.read_bytes()[:-40])
    (told,) = refusals(cvat_masks, archived(folder))
    assert told.startswith(f"{folder.parent / 'out.zip'}/SegmentationClass/halves.png: cannot be")
    (folder / "labelmap.txt").write_text("soil")
    with pytest.raises(BadInput, match=r"out\.zip/labelmap\.txt: cannot be read") as error:
        [*cvat_masks.read(archived(folder), TASK)]
    assert "4 fields" in str(error.value)


def test_a_shorter_json_of_label_studio_is_told(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"image": "x"}))
    assert "choose JSON there, not JSON-MIN" in refusals(label_studio, path)[0]
    path.write_text(json.dumps([{"data": {"name": "x"}, "annotations": []}]))
    assert [*label_studio.read(path, TASK)] == []  # nobody has annotated it
    path.write_text(json.dumps([{"data": {"name": ["x"]}, "annotations": [{"result": []}]}]))
    assert "task 1: its name ['x'] is no text" in refusals(label_studio, path)[0]


def test_of_several_files_one_must_be_named(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(BadInput, match=r"holds 2 files that end in \.json; name the one"):
        archives.only(tmp_path, ".json")
    assert archives.only(tmp_path / "a.json", ".json") == tmp_path / "a.json"
    with (
        pytest.raises(BadInput, match=r"cannot be read as a \.zip"),
        archives.opened(Path("no.zip")),
    ):
        pass


def test_a_class_that_a_labelmap_cannot_hold_is_refused(tmp_path):
    odd = replace(TASK, taxonomy=replace(TASK.taxonomy, names=("a:b", "c", "d")))
    with pytest.raises(BadInput, match=r"'a:b' cannot stand in labelmap\.txt"):
        cvat_masks.write(tmp_path, odd, [])
