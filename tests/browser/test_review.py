"""Reviewing on the look page: a list that stays, zoom and swipe, verdicts and files, errors."""

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from pipeline.domain.taxonomy import IGNORE
from pipeline.look import maps
from tests import looks
from tests.browser.conftest import Page
from tests.rounds import THREE

pytestmark = pytest.mark.browser

NAMED = "return document.querySelector('#name').textContent"
FOCUSED = "return Number(document.activeElement.dataset.place)"
WHEEL = """const s = document.querySelector('#stage'), b = s.getBoundingClientRect();
    s.dispatchEvent(new WheelEvent('wheel', {deltaY: -1000, cancelable: true,
      clientX: b.left + b.width / 4, clientY: b.top + b.height / 4}));
    return [...document.querySelectorAll('#stage .plane:not([hidden])')]
      .map((p) => getComputedStyle(p).transform)"""


def planes(world, name, index):
    """predicted, label and truth of an image in a round."""
    made = maps.read(maps.file(world / "look" / name / "maps", index))
    found = {key: maps.unpack(made[key], looks.SIZE) for key in ("predicted", "label")}
    truth = maps.read(maps.file(world / "panels", index))["truth"]
    return found | {"truth": maps.unpack(truth, looks.SIZE)}


def wrong_of(world, name, index, of):
    """Pixels where either the label or the truth is a class, and they differ."""
    p = planes(world, name, index)
    known = (p["label"] != IGNORE) & (p["truth"] != IGNORE) & (p["label"] != p["truth"])
    return int((known & ((p["label"] == of) | (p["truth"] == of))).sum())


# --- the list ------------------------------------------------------------------------------


def test_the_most_wrong_come_first_where_a_truth_is_known(page, driver, tmp_path):
    page.open()
    wrong = page.run("return look.round().columns.wrong")
    known = sorted(range(0, 12, 2), key=lambda index: (-wrong[index], index))
    assert page.shown == [*known, *range(1, 12, 2)]
    looks.world(tmp_path, rounds=1, truth=False)
    other = Page(driver, tmp_path)
    other.open()
    assert other.shown == [*range(12)]


def test_the_list_stays_when_another_round_is_looked_at(page):
    page.open("sort=worst")
    page.press(Keys.ARROW_RIGHT, Keys.ENTER)
    before = page.shown
    page.press(Keys.ARROW_UP)
    assert page.state["round"] == "round-2"
    assert page.shown == before
    page.press(Keys.ARROW_RIGHT)
    assert page.find("#count").text == "2 of 12"
    address = page.run("return location.hash")
    page.open(address[1:])
    assert page.shown == before  # for whoever gets the link as well
    page.press(Keys.ESCAPE)
    assert page.shown != before


def test_an_image_that_the_list_drops_keeps_its_place(page):
    page.press(*[Keys.ARROW_RIGHT] * 4, Keys.ENTER)
    page.type("[data-key=name]", "field.")
    page.press(Keys.ENTER)
    page.run("look.set({subset: 'hard'})")
    assert page.shown == [6, 7]
    assert page.find("#count").text == "not in the list"
    page.press(Keys.ARROW_LEFT)
    assert page.run(NAMED) == "field.7.png"  # nothing stood that far on: the last one
    page.press(Keys.ESCAPE)
    assert page.run(FOCUSED) == 1


def test_leaving_an_image_gives_its_card_the_focus(page):
    page.press(Keys.ARROW_RIGHT, Keys.ENTER, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ESCAPE)
    assert page.run(FOCUSED) == 2
    page.press(Keys.ARROW_RIGHT, Keys.ENTER)
    assert page.run(NAMED) == "field.3.png"


def test_a_select_that_a_pointer_set_gives_the_keys_back(page):
    page.open("sort=place&image=000001")
    page.run("""const s = document.querySelector('#layer'); s.focus();
        s.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true})); s.value = 'predicted';
        for (const kind of ['input', 'change'])
          s.dispatchEvent(new Event(kind, {bubbles: true}))""")
    page.press(Keys.ARROW_RIGHT)
    assert (page.run(NAMED), page.state["layer"]) == ("field.2.png", "predicted")
    page.run("document.querySelector('#layer').focus()")
    page.press(Keys.ESCAPE, Keys.ARROW_RIGHT)
    assert page.run(NAMED) == "field.3.png"


# --- the picture ---------------------------------------------------------------------------


def test_a_wheel_zooms_all_layers_to_where_it_points(page):
    page.open("image=000000&with=round-1")
    moved = page.run(WHEEL)
    assert len(set(moved)) == 1
    assert moved[0] != "none"
    scale, _, x, y = page.until("return look.state.view") and page.run(
        "const m = new DOMMatrix(getComputedStyle(document.querySelector('.plane')).transform);"
        "const b = document.querySelector('#stage').getBoundingClientRect();"
        "return [m.a, 0, -m.e / b.width, -m.f / b.height]"
    )
    assert scale == pytest.approx(np.exp(1.5), rel=1e-3)
    assert (x, y) == pytest.approx(((scale - 1) / 4,) * 2, abs=0.03)  # what was there is there
    page.open(page.run("return location.hash")[1:])
    assert page.state["view"].startswith("4.48")
    page.press("0")
    assert page.until("return look.state.view === ''")


def test_two_fingers_zoom_to_what_lies_between_them(page):
    page.open("image=000000")
    pinch = """const s = document.querySelector('#stage'), b = s.getBoundingClientRect();
        const at = (kind, id, x, y) => s.dispatchEvent(new PointerEvent(kind, {pointerId: id,
          bubbles: true, pointerType: 'touch',
          clientX: b.left + x * b.width, clientY: b.top + y * b.height}));
        at('pointerdown', 1, 0.2, 0.25); at('pointerdown', 2, 0.3, 0.25);
        at('pointermove', 2, 0.4, 0.25); at('pointermove', 1, 0.1, 0.25);
        at('pointerup', 1, 0.1, 0.25); at('pointerup', 2, 0.4, 0.25);
        const m = new DOMMatrix(getComputedStyle(document.querySelector('.plane')).transform);
        return [m.a, -m.e / b.width, -m.f / b.height]"""
    scale, x, y = page.run(pinch)
    assert scale == pytest.approx(3, rel=1e-3)  # from a tenth of the stage to three
    assert (x, y) == pytest.approx((0.5, 0.5), abs=1e-3)  # each finger keeps what it is on
    assert page.until("return look.state.view").startswith("3,")


def test_a_drag_moves_what_is_near_and_the_readout_follows(page):
    page.open("image=000000&view=4,0.5,0.5&layer=predicted")
    page.colours("#strip [data-layer=predicted] canvas")
    drag = """const s = document.querySelector('#stage'), b = s.getBoundingClientRect();
        const at = (kind, x, more) => s.dispatchEvent(new PointerEvent(kind, {pointerId: 1,
          bubbles: true, clientX: b.left + x * b.width, clientY: b.top + b.height / 2, ...more}));
        at('pointerdown', 0.2); at('pointermove', 0.6); at('pointerup', 0.6);
        const moved = getComputedStyle(document.querySelector('.plane')).transform;
        return new DOMMatrix(moved).e / b.width"""
    assert page.run(drag) == pytest.approx(-1.5 + 0.4, abs=1e-3)
    text = page.find("#readout").text
    assert "prediction" in text
    place = int((0.6 + 1.1) / 4 * 64)
    classes = page.run(
        f"return look.planes(look.round(), 0).then((p) => [...p.predicted.slice(0, 64)][{place}])"
    )
    assert f"prediction: {THREE.names[classes]}" in text


def test_any_two_layers_are_swiped(page):
    page.open("image=000000&layer=predicted&opacity=100")
    page.choose("beside", "confidence")
    page.until("return !document.querySelector('#divider').hidden")
    labels = page.run("return {...document.querySelector('#divider').dataset}")
    assert labels == {"left": "round-3, confidence", "right": "round-3, prediction"}
    assert page.colours("#other") == {"#440154"}  # of image 0 all is 0
    page.press("s")
    assert page.until("return document.querySelector('#divider').hidden")


def test_the_whole_window_is_one_key_away(page):
    page.open("image=000000")
    page.press("f")
    box = page.run("return document.querySelector('#detail').getBoundingClientRect().toJSON()")
    assert (box["x"], box["y"], box["width"]) == (0, 0, page.run("return innerWidth"))
    assert not page.find("header").is_displayed()
    page.press(Keys.ESCAPE)
    assert page.find("header").is_displayed()
    assert page.run(NAMED) == "field.0.png"


@pytest.mark.parametrize("index", [0, 11])
def test_the_original_is_one_key_away_whatever_it_is_called(index, page, world):
    place = world.parent / "data/city" / looks.NAMES[index]
    page.open("image=" + page.run("return look.data.ids[arguments[0]]", index))
    page.press("i")
    said = page.until("return document.querySelector('#said').textContent")
    assert looks.NAMES[index] in said
    assert page.until("return !look.state.original")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes((world / "panels/00000.jpg").read_bytes())
    page.driver.get_log("browser")  # that the file was missing
    page.press("i")
    picture = "const i = document.querySelector('#stage img');"
    assert page.until(picture + "return i.src.includes('data/city') && i.naturalWidth === 64")
    place.unlink()


# --- verdicts ------------------------------------------------------------------------------


def test_verdicts_are_given_by_key_kept_and_exported(page, tmp_path):
    page.press(Keys.ARROW_RIGHT, "x", Keys.ARROW_RIGHT, "g", Keys.ENTER)
    page.press(Keys.ARROW_RIGHT, "n", 'the bus, a "truck"', Keys.ENTER, "m")
    assert page.state["marks"] == "000002"  # the note gave the keys back
    page.open("sort=place")
    assert page.find("#given").text == "1 good, 1 fix, 1 exclude"
    assert page.find("#progress").text == "seen 2 of 12"
    page.choose("verdict", "exclude")
    assert page.shown == [0]
    page.choose("verdict", "none")
    assert page.shown == [*range(3, 12)]
    page.choose("verdict", "")
    made = page.downloaded("round-3.csv", tmp_path, lambda: page.find("#export").click())
    assert "mv ~/Downloads/round-3.csv data/review/" in page.find("#said").text
    assert made.decode() == (
        "image,verdict,note\neast__field.0,exclude,\neast__field.1,good,\n"
        'east__field.2,fix,"the bus, a ""truck"""\n'
    )


def test_the_same_key_takes_a_verdict_back(page):
    page.open("image=000001")
    page.press("r")
    assert page.find("#verdicts [aria-pressed=true]").text == "fix"
    page.press("r")
    assert page.driver.find_elements("css selector", "#verdicts [aria-pressed=true]") == []


def test_two_peoples_files_are_merged_and_contradictions_are_kept(page, tmp_path):
    one, two = tmp_path / "ann.csv", tmp_path / "bob.csv"
    one.write_text("image,verdict,note\neast__field.0,good,\neast__field.1,fix,a rider\n")
    two.write_text(
        "\ufeffimage,verdict,note\r\neast__field.1,fix,and a bus\r\n"
        'east__field.0,exclude,"dark,\nblurred"\r\n'
    )
    page.find("#files").send_keys(f"{one}\n{two}")
    said = page.until("return document.querySelector('#said').textContent")
    assert "bob.csv: 2 verdicts of round-3; 1 contradict yours" in said
    page.choose("verdict", "both")
    assert page.shown == [0]
    text = page.run("return look.review.text('round-3')")
    assert 'east__field.0,good,"bob.csv: exclude, dark,\nblurred"' in text
    assert "east__field.1,fix,a rider; and a bus" in text
    page.find(".card").click()
    assert "bob.csv says exclude" in page.find("#others").text
    page.press("x")
    assert page.find("#others").text == ""
    assert page.run("return look.review.of('round-3', 'east__field.0')") == {
        "verdict": "exclude", "note": "bob.csv: exclude, dark,\nblurred"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image;verdict;note\na;good;\n", "its first line is “image;verdict;note”"),
        ("image,verdict,note\neast__field.0,bad,\n", "“bad” is no verdict; choose good"),
        ("image,verdict,note\nnobody,good,\n", "no image is called “nobody”"),
        ("image,verdict,note\neast__field.0,good,a,b\n", "row 2 has 4 fields, not 3"),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole(text, told, page, tmp_path):
    file = tmp_path / "round-3.csv"
    file.write_text(text)
    page.find("#files").send_keys(str(file))
    said = page.until("return document.querySelector('#said').textContent")
    assert told in said
    assert said.endswith("Nothing was taken.")
    assert page.find("#given").text == "No verdict yet."


def test_a_view_is_saved_and_comes_back(page):
    page.run("window.prompt = () => 'crops'")
    page.choose("class", THREE.names[1])
    page.find("#save-view").click()
    before = page.shown
    page.open("sort=place")
    page.run("""const s = document.querySelector('#views'); s.value = s.options[1].value;
        s.dispatchEvent(new Event('change', {bubbles: true}))""")
    page.until("return look.state.class")
    assert page.shown == before
    assert page.run("return document.querySelector('#views').selectedOptions[0].text") == "crops"


# --- errors --------------------------------------------------------------------------------


def test_a_cell_of_the_matrix_leads_to_its_images(page, world):
    page.press("k")
    page.until("return document.querySelector('.matrix')")
    page.find("[data-cell='1-0']").click()
    every = {i: planes(world, "round-3", i) for i in range(0, 12, 2)}
    counts = {i: ((p["truth"] == 1) & (p["predicted"] == 0)).sum() for i, p in every.items()}
    expected = sorted((i for i in counts if counts[i]), key=lambda i: (-counts[i], i))
    assert page.shown == expected
    assert 0 < len(expected) < 6
    assert page.find("#cell").text.startswith(f"{THREE.names[1]} predicted as {THREE.names[0]}")
    assert page.state["layer"] == "predicted"


def test_the_matrix_is_that_of_all_pixels(page, world):
    page.open("tab=confusion&matrix=label")
    page.until("return document.querySelector('.matrix')")
    sums = np.zeros((3, 3))
    for index in range(0, 12, 2):
        p = planes(world, "round-3", index)
        for truth, made in zip(p["truth"].flat, p["label"].flat, strict=True):
            if IGNORE not in {made, truth}:
                sums[truth, made] += 1
    found = page.run("""return Object.fromEntries([...document.querySelectorAll('[data-cell]')]
        .map((b) => [b.dataset.cell, parseFloat(b.title)]))""")
    for cell, percent in found.items():
        truth, made = map(int, cell.split("-"))
        assert percent == pytest.approx(100 * sums[truth, made] / sums[truth].sum(), abs=0.1)
    assert len(found) == np.count_nonzero(sums)


def test_classes_are_joined_by_and_or_not(page):
    has = """return [0, 1, 2].map((c) => [...look.data.images.keys()].filter((i) =>
        look.round().shares.predicted[i * 3 + c] > 0.4 * 65535))"""
    sets = [set(of) for of in page.run(has)]
    one, two, three = sets
    for terms, expected in {"and1": one & two, "or1": one | two, "not2": one - three,
                            "or1,not2": (one | two) - three}.items():  # fmt: skip
        page.open(f"sort=place&of=predicted&least=40&class={THREE.names[0]}&terms={terms}")
        assert set(page.shown) == expected, terms
    assert one != one | two


def test_a_class_is_sorted_by_its_error_precision_and_quality(page, world):
    page.open(f"class={THREE.names[2]}&sort=class_error&down=1")
    page.until("return look.round().errors")
    found = []
    for index in page.shown:
        if index % 2:
            continue
        p = planes(world, "round-3", index)
        known = (p["label"] != IGNORE) & (p["truth"] != IGNORE)
        made, truth = (p["label"] == 2) & known, (p["truth"] == 2) & known
        if (made | truth).any():
            found.append(1 - (made & truth).sum() / (made | truth).sum())
    assert found == sorted(found, reverse=True)
    assert len(found) > 2
    page.choose("sort", "class_quality")
    page.choose("down", "")
    quality = page.run("""return look.list.filter((i) => look.round().shares.quality[3 * i + 2])
        .map((i) => look.round().shares.quality[3 * i + 2])""")
    assert len(quality) > 2
    assert quality == sorted(quality)
    page.type("[data-range=class_error][data-end=from]", "101")
    assert page.shown == []


def test_without_a_truth_no_error_is_offered(driver, tmp_path):
    looks.world(tmp_path, rounds=2, truth=False)
    page = Page(driver, tmp_path)
    page.open("tab=confusion&cell=0-1&sort=class_error")
    assert not page.find("[data-tab=confusion]").is_displayed()
    page.open()
    assert page.shown == [*range(12)]
    options = page.run(
        "return [...document.querySelectorAll('#sort option, [data-key=of] option')]"
        ".map((o) => o.value)"
    )
    assert not {"worst", "class_error", "class_precision", "wrong", "truth", "either"} & {*options}
    assert {"quality", "class_quality"} <= {*options}
    page.choose("sort", "quality")
    quality = page.run("return look.list.map((i) => look.round().columns.quality[i])")
    assert quality == sorted(quality)
    assert page.errors() == []


# --- for everyone --------------------------------------------------------------------------


def test_the_head_says_where_the_report_is_from(page):
    text = page.find("#provenance").text
    assert text.startswith("preset streets · seed 1 · 12 images, 6 with a truth · 3 rounds")


def test_keys_reach_the_images_past_the_controls(page):
    page.press(Keys.TAB)
    assert page.run("return document.activeElement.id") == "skip"
    page.press(Keys.ENTER)
    assert page.run(FOCUSED) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_the_light_and_in_the_dark(scheme, page):
    feature = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
    page.open("image=000000")
    ratio = """const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map((v) => v / 255)
        .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const own = (it, key) => getComputedStyle(it)[key], none = 'rgba(0, 0, 0, 0)';
        const places = ['body', '#count', 'td', '#tabs [aria-pressed=true]', '#readout', '#file'];
        return places.map((where) => {
          const it = document.querySelector(where); let under = it;
          while (own(under, 'backgroundColor') === none) under = under.parentElement;
          const [a, b] = [light(own(it, 'color')), light(own(under, 'backgroundColor'))];
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); })"""
    try:
        assert min(page.run(ratio)) >= 4.5
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_layers_are_told_apart_without_colour(page):
    """In greys: what is right differs from what is wrong, which has stripes besides."""
    grey = """const p = {label: new Uint8Array(2048), truth: new Uint8Array(2048).fill(1, 1024)};
        const c = document.createElement('canvas'); look.paint(c, 'wrong', p);
        const d = c.getContext('2d').getImageData(0, 0, 64, 32).data;
        const at = (i) => (0.3 * d[4 * i] + 0.59 * d[4 * i + 1] + 0.11 * d[4 * i + 2]);
        const wrong = new Set(Array.from({length: 64}, (_, i) => Math.round(at(1024 + i))));
        return [...wrong, Math.round(at(0))]"""
    *wrong, right = page.run(grey)
    assert len(wrong) == 2
    assert min(abs(a - b) for a in wrong for b in wrong if a != b) > 40
    assert max(abs(shade - right) for shade in wrong) > 40
    page.open("layer=wrong")
    assert "wrong, striped" in page.find(".layer-key").text
