"""Correcting a label on the look page: what tools cover, undo, and the PNG that `correct` reads."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from selenium.webdriver.common.keys import Keys

from pipeline.domain import pictures
from pipeline.domain.taxonomy import IGNORE
from pipeline.look import maps
from pipeline.stages import correct
from tests import looks
from tests.rounds import THREE

pytestmark = pytest.mark.browser

POINT = """const [x, y, kinds, more] = arguments, s = document.querySelector('#stage');
    const b = s.getBoundingClientRect();
    for (const kind of kinds) s.dispatchEvent(new PointerEvent(kind, {pointerId: 1, bubbles: true,
      clientX: b.left + (x + 0.5) * b.width / 64,
      clientY: b.top + (y + 0.5) * b.height / 32, ...more}))"""
CLICK = ["pointerdown", "pointerup"]
LABEL = "return look.editing() && [...look.editing().label]"


def label_of(world, index):
    made = maps.read(maps.file(world / "look/round-3/maps", index))
    return maps.unpack(made["label"], looks.SIZE)


def edited(page):
    return np.array(page.until(LABEL), np.uint8).reshape(32, 64)


@pytest.fixture
def editor(page):
    page.open("image=000001")
    page.press("e")
    page.until("return look.editing()")
    return page


def region(label, y, x):
    """The pixels joined to one by its value: the slow, obvious way."""
    seen = np.zeros(label.shape, bool)
    seen[y, x] = True
    while True:
        wider = seen.copy()
        for axis, by in ((0, 1), (0, -1), (1, 1), (1, -1)):
            moved = np.roll(seen, by, axis)
            edge = [slice(None), slice(None)]
            edge[axis] = 0 if by == 1 else -1
            moved[tuple(edge)] = False
            wider |= moved & (label == label[y, x])
        if (wider == seen).all():
            return seen
        seen = wider


def test_it_opens_the_label_at_its_full_size(editor, world):
    assert np.array_equal(edited(editor), label_of(world, 1))


def test_a_fill_covers_the_connected_region_and_is_undone_and_done_again(editor, world):
    before = label_of(world, 1)
    editor.press("f", "2")
    editor.run(POINT, 20, 25, CLICK, {})
    expected = np.where(region(before, 25, 20), 2, before)
    assert np.array_equal(edited(editor), expected)
    editor.press(Keys.BACKSPACE)
    editor.run(POINT, 3, 30, CLICK, {})
    erased = np.where(region(expected, 30, 3), IGNORE, expected)
    assert np.array_equal(edited(editor), erased)
    editor.run("look.undo(); look.undo()")
    assert np.array_equal(edited(editor), before)
    editor.run("look.redo(); look.redo()")
    assert np.array_equal(edited(editor), erased)


@pytest.mark.parametrize("seed", range(3))
def test_any_region_is_what_is_joined(seed, page):
    label = np.random.default_rng(seed).integers(0, 2, (32, 64)).astype(np.uint8)
    spans = page.run(
        "return look.shapes.region(Uint8Array.from(arguments[0]), 64, 32, 30, 15)",
        label.ravel().tolist(),
    )
    found = np.zeros(label.shape, int)
    for y, start, end in spans:
        found[y, start:end] += 1
    assert np.array_equal(found, region(label, 15, 30))  # each pixel once


def test_a_superpixel_is_filled_and_keeps_to_the_border_of_two_colours(editor, world):
    packed = maps.read(maps.file(world / "panels/superpixels/maps", 1))["superpixels"]
    parts = maps.unpack(packed, looks.SIZE)
    editor.press("u", "1")
    editor.run(POINT, 40, 10, CLICK, {})
    covered = edited(editor) != label_of(world, 1)
    assert np.array_equal(edited(editor) == 1, (label_of(world, 1) == 1) | region(parts, 10, 40))
    assert covered[10, 40]
    assert not covered[:16, :31].any()  # image 1 is darker there


def test_spans_of_a_smaller_map_cover_a_larger_one_once(page):
    whole = "return [...look.shapes.enlarged([[0, 0, 2], [0, 2, 3], [1, 0, 3]], [3, 2], [8, 5])]"
    found = np.zeros((5, 8), int)
    for y, start, end in page.run(whole):
        found[y, start:end] += 1
    assert (found == 1).all()


def test_a_brush_covers_discs_along_its_way(editor, world):
    editor.press("b", "2", *["["] * 12)  # one pixel of radius
    editor.run(POINT, 10, 5, ["pointerdown"], {})
    editor.run(POINT, 30, 5, ["pointermove", "pointerup"], {})
    changed = edited(editor) != label_of(world, 1)
    assert changed[5, 10:31].all()
    assert not changed[8:].any()
    assert not changed[:, :8].any()
    assert not changed[:, 33:].any()
    editor.run("look.undo()")  # all of the stroke at once
    assert np.array_equal(edited(editor), label_of(world, 1))


def test_a_polygon_is_closed_by_enter(editor, world):
    corners = [(5, 2), (50, 4), (40, 13), (12, 14)]
    editor.press("p", "0")
    for x, y in corners:
        editor.run(POINT, x, y, CLICK, {})
    editor.press(Keys.ENTER)
    drawn = Image.new("L", looks.SIZE)
    ImageDraw.Draw(drawn).polygon(corners, fill=1)
    expected = np.where(np.asarray(drawn) == 1, 0, label_of(world, 1))
    differ = (edited(editor) != expected).sum()
    assert differ <= 50  # of 64 pixels of outline: whose middle is inside is told otherwise there
    assert (edited(editor)[4:12, 14:40] == 0).all()


def test_the_class_below_is_taken_and_shift_moves_the_image(editor, world):
    editor.run(POINT, 1, 30, ["pointermove"], {})
    editor.press("c")
    chosen = editor.run("return document.querySelector('#tools select').value")
    assert int(chosen) == label_of(world, 1)[30, 1]
    assert editor.find("#readout").text.endswith(f"you paint: {THREE.names[int(chosen)]}")
    editor.run("look.zoomTo(4)")
    editor.run(POINT, 30, 10, CLICK, {"shiftKey": True})
    assert np.array_equal(edited(editor), label_of(world, 1))


def test_the_saved_file_is_a_correction_that_the_stage_takes(page, world, tmp_path):
    page.open("sort=place&image=000002")
    page.press("r", "e")
    page.until("return look.editing()")
    page.press("f", "2")
    page.run(POINT, 1, 30, CLICK, {})
    expected = edited(page)
    page.downloaded("east__field.2.png", tmp_path, lambda: page.press(Keys.ENTER))
    assert "mv ~/Downloads/east__field.2.png data/corrections/round-3/" in page.find("#said").text
    path = tmp_path / "east__field.2.png"
    label = pictures.read_label_map(path, len(THREE), THREE.colours)
    assert np.array_equal(label, expected)
    assert np.array_equal(np.array(Image.open(path).convert("RGB"))[30, 1], THREE.colours[2])
    given = [{"east__field.2": label}]
    assert [*correct.run(given, looks.target(), [tmp_path])] == ["east__field.2"]
    own = io.BytesIO()
    Image.open(path).save(own, "PNG")  # every chunk's checksum is read
    page.until("return !look.editing()")
    assert "corrected" in page.until("return document.querySelector('#facts').textContent")
    assert page.find("#verdicts [aria-pressed=true]").text == "good"  # what was to be fixed is
    shown = page.run("return look.maps('round-3', 2).then((p) => [...p.label])")
    assert np.array_equal(np.array(shown).reshape(32, 64), expected)
    page.open("corrected=1")
    assert 2 in page.shown


def test_what_is_not_saved_waits(page, world):
    page.open("sort=place&image=000001")
    page.press("e")
    page.until("return look.editing()")
    page.press("f", "2")
    page.run(POINT, 1, 30, CLICK, {})
    expected = edited(page)
    page.press(Keys.ARROW_RIGHT)
    assert page.run("return look.editing()") is None
    assert "is not saved" in page.find("#said").text
    page.press(Keys.ARROW_LEFT, "e")
    assert np.array_equal(edited(page), expected)


def test_without_labels_of_full_size_nothing_is_offered(page):
    page.run("for (const r of look.data.rounds) r.labels = false")
    page.press(Keys.ARROW_RIGHT, Keys.ENTER, "e")
    assert not page.find("#edit").is_displayed()
    assert page.run("return look.editing()") is None
