"""The look page as people use it: filters, keys, links, classes, corrections, hostile names."""

from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from pipeline.look import maps
from pipeline.look import page as look_page
from tests import looks
from tests.browser.conftest import Page
from tests.rounds import THREE

pytestmark = pytest.mark.browser

RGB = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in THREE.colours]


def test_every_image_is_a_card_of_the_last_round(page):
    assert page.shown == [*range(12)]
    assert page.state["round"] == "round-3"
    assert page.find("#count").text == "12 images"
    titles = page.run("return [...document.querySelectorAll('.title')].map((t) => t.textContent)")
    assert titles == [name.split("/")[-1] for name in looks.NAMES]
    cards = "[...document.querySelectorAll('.card img')]"
    loaded = f"return {cards}.every((i) => i.complete && i.naturalWidth === 64)"
    assert page.until(loaded)


def test_sorting_and_filtering(page):
    page.choose("sort", "entropy")
    page.choose("down", "1")
    assert page.shown == [*range(11, -1, -1)]
    page.choose("subset", "hard")
    assert page.shown == [*range(11, 5, -1)]
    page.type("[data-range=entropy][data-end=to]", "40")
    assert page.shown == [9, 8, 7, 6]  # entropy is n / 24
    page.type("[data-key=name]", "FIELD.7")
    assert page.shown == [7]
    page.find("#reset").click()
    assert page.shown == [*range(11, -1, -1)]
    page.choose("down", "")
    page.choose("sort", "wrong")
    wrong = page.run("return look.round().columns.wrong")
    known = sorted(range(0, 12, 2), key=lambda index: (wrong[index], index))
    assert page.shown == [*known, *range(1, 12, 2)]  # without a truth they come last


def test_a_class_filter_counts_its_share(page):
    page.choose("class", THREE.names[1])
    page.type("[data-key=least]", "10")
    share = "return look.list.map((i) => look.share(look.round(), i))"
    assert 0 < len(page.shown) < 12
    assert min(page.run(share)) >= 0.1
    page.choose("sort", "share")
    assert page.run(share) == sorted(page.run(share))


def test_nothing_found_is_said(page):
    page.type("[data-key=name]", "no such image")
    assert page.shown == []
    assert page.find("#empty").is_displayed()


def test_keys_step_through_images_and_rounds(page):
    page.find(".card").click()
    assert page.find("#name").text == "field.0.png"
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.find("#name").text == "field.2.png"
    page.press(Keys.ARROW_UP)
    assert page.state["round"] == "round-2"
    page.press(Keys.ARROW_UP, Keys.ARROW_UP)
    assert page.state["round"] == "round-1"
    page.press(Keys.ARROW_DOWN, Keys.ARROW_LEFT, "2", "o", "m")
    state = page.state
    assert (state["round"], state["layer"], state["outline"]) == ("round-2", "predicted", True)
    assert page.find("#name").text == "field.1.png"
    assert state["marks"] == state["image"] == "000001"
    page.press(Keys.ESCAPE)
    assert not page.find("#detail").is_displayed()
    assert page.find("#grid").is_displayed()


def test_cards_are_reached_by_keys_alone(page):
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)
    assert page.find("#name").text == "field.1.png"
    page.driver.back()
    page.until("return !look.state.image")
    assert page.find("#grid").is_displayed()


def test_a_link_shows_the_same_to_someone_else(page):
    page.choose("sort", "entropy")
    page.choose("subset", "easy")
    page.find("#mark-all").click()
    page.find("[data-key=marked]").click()
    page.find("#rounds button").click()
    seen, address = page.shown, page.driver.current_url
    page.open(urlsplit(address).fragment)
    assert page.shown == seen == [*range(6)]
    assert page.state["round"] == "round-1"
    assert len(parse_qs(urlsplit(address).fragment)["marks"][0].split(",")) == 6


@pytest.mark.parametrize(
    "state", ["round=ghost", "image=ghost", "sort=ghost&layer=ghost", "off=x,99&opacity=x&wrong=-"]
)
def test_a_link_that_is_out_of_date_opens_all_the_same(state, page):
    page.open(state)
    assert page.state["round"] == "round-3"
    assert page.find("#count").text.endswith("12 images")


def test_a_class_is_switched_off_and_on(page):
    page.open("layer=predicted&opacity=100")
    assert page.colours(".card canvas") == set(RGB)
    page.find("#legend input").click()
    page.until("return look.state.off === '0'")
    page.until("return !document.querySelector('#legend input').checked")
    page.until(
        "const c = document.querySelector('.card canvas');"
        "return c.getContext('2d').getImageData(0, 0, 1, 1).data[3] === 0"  # soil is leftmost
    )
    assert page.colours(".card canvas") == set(RGB[1:])
    page.find("#all-on").click()
    page.until(
        "const c = document.querySelector('.card canvas');"
        "return c.getContext('2d').getImageData(0, 0, 1, 1).data[3] === 255"
    )


def test_opacity_is_adjusted(page):
    page.find(".card").click()
    page.press("-", "-")
    assert page.until("return document.querySelector('#stage canvas').style.opacity === '0.4'")


def test_the_class_under_the_pointer_is_named(page):
    page.open("image=000000")
    page.colours("#strip [data-layer=predicted] canvas")
    box = "const b = document.querySelector('#stage').getBoundingClientRect();"
    move = "document.querySelector('#stage').dispatchEvent(new PointerEvent('pointermove', "
    move += "{clientX: b.left + 2, clientY: b.bottom - 2}))"
    page.run(box + move)
    text = page.find("#readout").text
    soil = THREE.names[0]
    assert f"prediction: {soil} (0 %)" in text
    assert f"pseudo-label: {soil}" in text
    assert f"truth: {soil}" in text


def test_a_swipe_shows_two_rounds(page):
    page.open("image=000000&layer=predicted")
    page.press("s")
    page.until("return !document.querySelector('#divider').hidden")
    labels = page.run("return {...document.querySelector('#divider').dataset}")
    assert labels == {"left": "round-2", "right": "round-3"}
    page.run(
        "const s = document.querySelector('#swipe'); s.value = 25;"
        "s.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    clip = page.run("return document.querySelector('#other').closest('.pane').style.clipPath")
    assert clip.replace("px", "") == "inset(0 75% 0 0)"
    assert page.colours("#other") == set(RGB)


def test_a_correction_is_found_and_how_to_make_one_is_told(page):
    page.find("[data-key=corrected]").click()
    assert page.shown == [3]
    assert page.find(".badge.corrected").text == "corrected"
    page.find(".card").click()
    page.find("#correct summary").click()
    told = page.find("#commands").text
    assert "data/rounds/round-3/labels/east__field.3.png" in told
    assert "data/corrections/round-3/east__field.3.png" in told
    assert "segue branch round-3 NEW_NAME" in told


def test_hostile_names_are_shown_and_do_nothing(page):
    for index, name in enumerate(looks.HOSTILE, start=8):
        page.open("image=" + page.run("return look.data.ids[arguments[0]]", index))
        assert page.run("return document.querySelector('#name').textContent") == name.split("/")[-1]
        assert page.run("return document.querySelector('.path').textContent") == name
    assert (
        page.run("return document.querySelectorAll('img[onerror], body script script').length") == 0
    )
    quoted = page.run("return look.quoted(arguments[0])", "a'; rm -rf ~.png")
    assert quoted == "'a'\\''; rm -rf ~.png'"
    # a script that a name smuggled in would have opened a dialogue, and none may be there
    assert page.run("return document.scripts.length") == 27


def test_charts_are_of_all_rounds(page):
    page.find("[data-tab=charts]").click()
    titles = page.run(
        "return [...document.querySelectorAll('figcaption b')].map((b) => b.textContent)"
    )
    assert titles == [
        *("mIoU by round", "Entropy of the images, round-3", "IoU by class"),
        *("Coverage by class", "Precision by class", "Label quality by class"),
        *("Threshold λ by class", "What corrections changed"),
        *("Training loss on the source", "Training loss on the target"),
    ]
    assert page.run("return document.querySelectorAll('.uplot canvas').length") == 8
    bars = page.driver.find_elements("css selector", "#charts rect[fill=transparent]")
    bars[-1].click()
    assert page.state["tab"] == "images"
    assert page.shown[-1] == 11


def test_the_verdict_is_on_top_and_leads_to_the_images_of_a_class(page):
    said = page.find("#verdict").text
    assert said.startswith("round-3 is the best model on val: mIoU 33.0 (chosen on these labels)")
    page.run("look.set({corrected: true, outline: true})")
    page.find("#verdict a").click()
    page.until("return look.state.of === 'wrong_kept'")
    state = page.state
    assert (state["class"], state["round"], state["layer"]) == (THREE.names[1], "round-3", "wrong")
    assert (state["corrected"], state["outline"]) == (False, False)
    counted = page.run("return document.querySelector('#verdict a').title")
    assert counted == f"{len(page.shown)} images, the worst first"
    label = """const p = await look.planes(look.round(), arguments[0], true); let n = 0;
        for (let i = 0; i < p.label.length; i++) n += p.label[i] === 1 && p.truth[i] !== 1;
        return n / p.label.length"""
    shares = [page.run(f"return (async () => {{{label}}})(...arguments)", i) for i in page.shown]
    assert 0 < len(shares) < 12
    assert shares == sorted(shares, reverse=True)
    found = page.run("return look.list.map((i) => look.share(look.round(), i))")
    assert found == pytest.approx(shares, abs=1e-3)
    page.driver.back()
    page.until("return look.state.of === 'either'")


def test_a_link_to_no_image_is_text_alone(driver, tmp_path):
    shown = looks.world(tmp_path, rounds=1)
    for made in shown["rounds"]:  # as if nothing were labelled wrongly
        made["shares"]["wrong_kept"] = maps.pack(np.zeros((12, 3), "<u2"))
    look_page.write(tmp_path / "index.html", tmp_path / "page", shown)
    page = Page(driver, tmp_path)
    page.open()
    assert THREE.names[1] in page.find("#verdict").text
    assert page.driver.find_elements("css selector", "#verdict a") == []
    assert page.errors() == []


def test_wrong_labels_of_a_class_are_asked_for_where_a_truth_is_known(page, driver, tmp_path):
    option = "return Boolean(document.querySelector('[data-key=of] [value=wrong_kept]'))"
    assert page.run(option)
    looks.world(tmp_path, truth=False)
    other = Page(driver, tmp_path)
    other.open()
    assert not other.run(option)


def test_names_at_the_ends_of_lines_lie_apart(page):
    page.open("tab=charts")
    drawn = """const names = []; const put = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
          if (look.data.models.some((m) => m.name === text)) names.push([text, y, this.canvas]);
          put.apply(this, arguments); };
        look.render({off: ''}); return new Promise((resolve) => setTimeout(() => {
          CanvasRenderingContext2D.prototype.fillText = put;
          const last = names.at(-1)[2];
          resolve(names.filter((n) => n[2] === last).map(([text, y]) => [text, y]));
        }, 500))"""
    found = page.run(drawn)
    ends = dict(found[-4:])  # all four curves are the same
    assert ends.keys() == {"source", "round-1", "round-2", "round-3"}
    places = sorted(ends.values())
    assert min(b - a for a, b in pairwise(places)) >= 12


def test_branches_are_a_curve_each(driver, tmp_path):
    chosen = looks.params(3)
    chosen["rounds"]["round-3"]["teacher"] = "round-1"
    looks.world(tmp_path, rounds=3, chosen=chosen)
    page = Page(driver, tmp_path)
    page.open("image=000001")
    assert page.run("return look.data.rounds.map((r) => r.before)") == [None, "round-1", "round-1"]
    page.press("s")
    assert page.state["with"] == "round-1"
    page.open("tab=charts")
    assert page.run("return document.querySelectorAll('.uplot canvas').length") == 8
    assert page.errors() == []


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
@pytest.mark.parametrize("state", ["", "image=000000", "tab=charts"])
def test_nothing_is_wider_than_the_screen(size, state, page):
    page.driver.set_window_size(*size)
    try:
        page.open(state)
        assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.run("return document.querySelector('main').getBoundingClientRect().width") > 300
    finally:
        page.driver.set_window_size(1280, 800)


@pytest.mark.parametrize(
    "given", [{"names": looks.NAMES[:1]}, {"rounds": 0}, {"truth": False}, {"rounds": 1}]
)
def test_small_worlds_open(given, driver, tmp_path):
    looks.world(tmp_path, **given)
    page = Page(driver, tmp_path)
    for state in ("", "image=000000", "tab=charts"):
        page.open(state)
        page.until("return document.querySelector('main').textContent")
    assert page.errors() == []


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_page_without_any_label_has_no_dead_layer(rounds, driver, tmp_path):
    looks.world(tmp_path, rounds=rounds, truth=False, val=False)
    page = Page(driver, tmp_path)
    page.open("layer=truth&sort=wrong&wrong=10-20")
    assert page.state["layer"] == "label"
    assert page.state["sort"] == "place"
    assert page.shown == [*range(12)]
    change = ["changed"] if rounds > 1 else []
    texts = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
    layers = ["image", "prediction", "pseudo-label", "confidence", *change]
    assert page.run(texts, "#layer option") == layers
    assert not [text for text in page.run(texts, "#sort option") if "wrong" in text]
    ranges = page.run(texts, "#ranges .row > span:first-child")
    doubts = [*["Changed"] * (rounds > 1), "Label quality", "Unlike its mirror"]
    assert ranges == ["Coverage", "Entropy", "Confidence", *doubts]
    page.find(".card").click()
    assert page.until("return document.querySelectorAll('#strip button').length") == len(layers)
    page.run("look.set({image: '', tab: 'charts'})")
    titles = page.run(texts, "#charts figcaption b")
    assert titles[:3] == ["Entropy by round", "Information by round", "Neighbourhood by round"]
    assert not [title for title in titles if "IoU" in title]
    assert not [text for text in page.run(texts, "#charts .tip") if "nothing to show" in text]
    page.run("document.querySelector('#help-button').click()")
    assert f"1 … {len(layers)}" in page.run(texts, "#help dt")
    assert "truth" not in page.find("#help").text
    assert page.errors() == []
