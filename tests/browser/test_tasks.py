"""What people come to the look page for, in how few actions: a key, a click or a typed line."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import test_correct as correcting
from tests.browser import test_review as reviewing
from tests.rounds import THREE

pytestmark = pytest.mark.browser


class Person:
    """Acts on a page, and counts how often."""

    def __init__(self, page):
        self.page, self.actions = page, 0

    def press(self, *keys):
        self.actions += len(keys)
        self.page.press(*keys)

    def click(self, selector):
        self.actions += 1
        self.page.until("return document.querySelector(arguments[0])", selector)
        self.page.find(selector).click()

    def choose(self, key, value):
        self.actions += 1
        self.page.choose(key, value)

    def write(self, line):
        """A line, and Enter."""
        self.actions += 1
        self.page.press(*line, Keys.ENTER)

    def since(self):
        """How many actions it took, and from here on none."""
        taken, self.actions = self.actions, 0
        return taken


@pytest.fixture
def person(page):
    page.open()
    return Person(page)


def test_the_images_whose_class_is_most_wrong(person, world):
    person.choose("class", THREE.names[2])
    page = person.page
    page.until("return look.round().errors")
    wrong = {i: reviewing.wrong_of(world, "round-3", i, 2) for i in range(0, 12, 2)}
    first = page.shown[: sum(1 for count in wrong.values() if count)]
    assert first == sorted(first, key=lambda i: (-wrong[i], i))
    assert {*first} == {i for i, count in wrong.items() if count}
    assert page.driver.find_elements("css selector", ".card .numbers")[0].text.endswith(
        f"wrong {THREE.names[2]}"
    )
    assert person.since() <= 4


def test_all_images_of_one_class_that_is_predicted_as_another(person, world):
    person.press("k")
    person.click("[data-cell='0-1']")
    expected = set()
    for index in range(0, 12, 2):
        planes = reviewing.planes(world, "round-3", index)
        if ((planes["truth"] == 0) & (planes["predicted"] == 1)).any():
            expected.add(index)
    assert {*person.page.shown} == expected
    assert 0 < len(expected) < 6
    assert person.since() <= 4


def test_exclude_three_note_one_correct_one_and_export(person, tmp_path):
    page = person.page
    page.open("sort=place")
    for _ in range(3):
        person.press(Keys.ARROW_RIGHT, "x")
        assert person.since() <= 3
    person.press(Keys.ARROW_RIGHT, Keys.ENTER)  # the next one, opened
    person.press("n")
    person.write("a bus, half hidden")
    assert person.since() - 1 <= 3  # the step to it is not counted
    page.press(Keys.ARROW_RIGHT)
    person.press("e")
    page.until("return look.editing()")
    person.actions += 1
    page.run(correcting.POINT, 40, 10, correcting.CLICK, {})
    page.downloaded("east__field.4.png", tmp_path, lambda: person.press(Keys.ENTER))
    assert person.since() <= 3
    made = page.downloaded("round-3.csv", tmp_path, lambda: person.click("#export"))
    assert person.since() == 1
    assert made.decode().splitlines() == [
        "image,verdict,note",
        *(f"east__field.{n},exclude," for n in range(3)),
        'east__field.3,fix,"a bus, half hidden"',
    ]
