"""The look page as people use it: filters, keys, links, classes, corrections, hostile names."""

from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

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
    clip = page.run("return document.querySelector('#other').style.clipPath")
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
    assert page.run("return document.scripts.length") == 10


def test_charts_are_of_all_rounds(page):
    page.find("[data-tab=charts]").click()
    titles = page.run(
        "return [...document.querySelectorAll('figcaption b')].map((b) => b.textContent)"
    )
    assert titles == [
        *("mIoU by round", "Entropy of the images, round-3", "IoU by class"),
        *("Coverage by class", "Threshold λ by class"),
    ]
    assert page.run("return document.querySelectorAll('.uplot canvas').length") == 4
    bars = page.driver.find_elements("css selector", "#charts rect[fill=transparent]")
    bars[-1].click()
    assert page.state["tab"] == "images"
    assert page.shown[-1] == 11


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
    assert page.run("return document.querySelectorAll('.uplot canvas').length") == 4
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
    assert ranges == ["Coverage", "Entropy", "Confidence", *(["Changed"] * (rounds > 1))]
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
