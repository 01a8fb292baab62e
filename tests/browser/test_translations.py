"""The tab of translations: its pictures, their order, its keys; without any it is not there."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests import looks
from tests.browser.conftest import Page
from tests.rounds import THREE

pytestmark = pytest.mark.browser

RGB = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in THREE.colours]
CANVAS = "#translation-panels figure:nth-of-type({}) canvas"
NAMED = "return document.querySelector('#translation-name').textContent"


@pytest.fixture(scope="module")
def translated(driver, tmp_path_factory):
    folder = tmp_path_factory.mktemp("translated")
    looks.world(folder, translated=looks.TRANSLATED)
    return Page(driver, folder)


@pytest.fixture
def page(translated):
    translated.open("tab=translations&opacity=100")
    return translated


def test_the_image_of_which_most_changed_comes_first(page):
    assert page.find("#count").text == "1 of 6, most changed first"
    assert page.run(NAMED).startswith(looks.SOURCES[5])
    assert page.run(NAMED).endswith("9.4 % changed")
    assert page.find("#translation-verdict").text == "painted (lab, n: 0): verdict 0."


def test_all_six_pictures_are_there(page):
    captions = "[...document.querySelectorAll('#translations figcaption')]"
    whose = "the target image whose look it has"
    titles = ["source", "translated", whose, "prediction before", "prediction after"]
    assert page.run(f"return {captions}.map((c) => c.textContent)") == [*titles, "changed"]
    loaded = "[...document.querySelectorAll('#translation-panels img')]"
    assert page.until(f"return {loaded}.every((i) => i.complete && i.naturalWidth === 64)")
    sources = page.run(f"return {loaded}.map((i) => i.getAttribute('src'))")
    assert sources[2] == "panels/00002.jpg"  # image 5 was translated as target image 5 % 3
    assert sources[1] == "sources/painted/translation/translated/00005.jpg"


def test_predictions_before_after_and_what_changed(page):
    assert page.colours(CANVAS.format(4)) == {RGB[0]}
    assert page.colours(CANVAS.format(5)) == {RGB[0], RGB[1]}
    assert page.colours(CANVAS.format(6)) == {RGB[1]}
    page.choose("judge", "adapted")
    assert page.find("#judge").get_attribute("value") == "adapted"
    page.until(
        f"const c = document.querySelector('{CANVAS.format(4)}'); const p = c.getContext('2d')"
        f".getImageData(0, 0, 1, 1).data; return p[0] === {THREE.colours[2][0]}"
    )


def test_keys_step_through_images_and_translations(page):
    page.press(Keys.ARROW_RIGHT)
    assert page.run(NAMED).startswith(looks.SOURCES[4])
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert page.run(NAMED).startswith(looks.SOURCES[5])
    page.press(Keys.ARROW_DOWN)
    assert page.find("#translation-verdict").text.startswith("washed")
    assert page.run(NAMED).startswith(looks.SOURCES[5])  # the same image, of another translator
    assert page.find("#count").text == "6 of 6, most changed first"
    page.press(Keys.ARROW_UP)
    assert page.state["translation"] == "painted"
    page.press("t")
    assert page.find("#grid").is_displayed()
    assert not page.find("#translations").is_displayed()
    page.press("t")
    assert page.find("#translations").is_displayed()


def test_the_same_image_by_each_translator_is_a_click_away(page):
    buttons = page.driver.find_elements("css selector", "#translation-others button")
    assert [b.text for b in buttons] == ["painted", "washed"]
    buttons[1].click()
    assert page.state["translation"] == "washed"


def test_of_a_trained_one_no_target_image_is_said_to_have_the_look(page):
    page.press(Keys.ARROW_DOWN)
    assert page.find("#translation-verdict").text.startswith("washed (cyclegan")
    caption = "return document.querySelectorAll('#translations figcaption')[2].textContent"
    assert page.run(caption) == "a target image; it learnt from all"


def test_a_link_opens_what_was_shown(page):
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    address, name = page.run("return location.hash"), page.run(NAMED)
    page.open(address[1:])
    assert page.run(NAMED) == name
    assert page.find("#translation-verdict").text.startswith("washed")


def test_tables_say_how_close_and_what_became_of_which(page):
    text = page.find("#translation-facts").text
    assert "source, untouched" in text
    assert "target, half against half" in text
    assert "soil crop 5.00 10.0" in text
    assert "weed soil" not in text  # of the other model


def test_without_translations_there_is_no_tab(driver, tmp_path):
    looks.world(tmp_path)
    page = Page(driver, tmp_path)
    page.open("tab=translations")
    assert not page.find("[data-tab=translations]").is_displayed()
    assert page.find("#grid").is_displayed()
    assert page.find("#rounds").is_displayed()


def test_nothing_is_wrong_in_the_console(page):
    assert page.errors() == []
