"""The page and the project: verdicts of data/review, its folder, what corrections changed."""

import threading

import pytest

from pipeline.look import open as look_open
from pipeline.review import verdicts
from pipeline.review.verdicts import Verdict
from tests import looks
from tests.browser.conftest import Page

pytestmark = pytest.mark.browser

OURS = {"east__field.0": Verdict("exclude", "dark"), "east__field.1": Verdict("good")}
OTHERS = "return document.querySelector('#others').textContent"
VERDICT = "return document.querySelector('#verdicts [aria-pressed=true]')?.textContent ?? null"
TEXT = "return look.review.text('round-3')"


def made(folder, given):
    """A report of a project whose data/review has these verdicts on round-3."""
    verdicts.write(folder / "review/round-3.csv", given)
    looks.world(folder, rounds=3, review=folder / "review")


@pytest.fixture
def judged(driver, tmp_path):
    made(tmp_path, OURS)
    page = Page(driver, tmp_path)
    page.open()
    page.run("localStorage.clear()")
    page.open("sort=place")
    yield page
    assert page.errors() == []


def test_the_projects_verdicts_are_there(judged):
    assert judged.find("#given").text == "1 good, 0 fix, 1 exclude"
    judged.choose("verdict", "exclude")
    assert judged.shown == [0]
    judged.open("image=000000&sort=place")
    assert (judged.run(VERDICT), judged.find("#note").get_property("value")) == ("exclude", "dark")
    assert judged.run(TEXT) == (
        "image,verdict,note\neast__field.0,exclude,dark\neast__field.1,good,\n"
    )


def test_one_is_changed_and_another_taken_back(judged):
    judged.open("image=000000&sort=place")
    judged.press("g")
    judged.open("image=000001&sort=place")
    judged.press("g")  # the same again
    assert judged.run(VERDICT) is None
    judged.open("image=000000&sort=place")
    assert (judged.run(VERDICT), judged.run(OTHERS)) == (
        "good",
        "",
    )  # no contradiction: it is later
    assert judged.run(TEXT) == "image,verdict,note\neast__field.0,good,dark\n"


def test_what_the_project_says_later_stands_beside(judged):
    judged.open("image=000000&sort=place")
    judged.press("g")
    judged.open("image=000002&sort=place")
    judged.press("r")
    other = {"east__field.0": Verdict("fix", "a rider"), "east__field.2": Verdict("fix", "a bus")}
    made(judged.folder, other)
    judged.open("image=000000&sort=place")
    assert (judged.run(VERDICT), judged.run(OTHERS)) == ("good", "the project says fix: a rider")
    judged.choose("verdict", "both")
    assert judged.shown == [0]
    judged.press("g")  # a person's word settles it
    assert judged.run(OTHERS) == ""
    assert judged.run(TEXT) == (
        'image,verdict,note\neast__field.0,good,"dark; the project: fix, a rider"\n'
        "east__field.2,fix,a bus\n"
    )


@pytest.fixture
def served(driver, tmp_path):
    """At an address, where a browser has files of its own; what it wrote is forgotten."""
    made(tmp_path, OURS)
    serving = look_open.server(tmp_path, 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    driver.get(f"http://{look_open.HOST}:{serving.server_address[1]}/index.html#sort=place")
    page = Page(driver, tmp_path)
    page.until("return document.body.dataset.ready")
    yield page
    page.run(
        "return navigator.storage.getDirectory().then((root) => root.remove({recursive: true}))"
    )
    driver.get("about:blank")
    serving.shutdown()
    serving.server_close()


CHOOSE = """window.showDirectoryPicker = async () => {
    const root = await navigator.storage.getDirectory();
    if (arguments[0]) await root.getFileHandle(arguments[0], { create: true });
    return root;
};
document.querySelector('#project').click()"""
READ = """return (async () => {
    let at = await navigator.storage.getDirectory();
    const parts = arguments[0].split('/'), name = parts.pop();
    for (const part of parts) at = await at.getDirectoryHandle(part);
    return (await (await at.getFileHandle(name)).getFile()).text();
})()"""
SAID = "return document.querySelector('#said').textContent"


def test_a_projects_folder_is_written_to(served):
    served.run(CHOOSE, "dvc.yaml")
    served.until("return document.querySelector('#said').textContent.includes('are now written')")
    served.press("x")  # the first card has the focus, or the image is opened
    served.run("look.give('fix', 3)")
    served.find("#export").click()
    said = served.until("return document.querySelector('#said').textContent.includes('dvc repro')"
                        " && document.querySelector('#said').textContent")  # fmt: skip
    assert said == "data/review/round-3.csv is written. Next: dvc repro"
    assert served.run(READ, "data/review/round-3.csv") == served.run(TEXT)
    assert "east__field.3,fix," in served.run(TEXT)


def test_what_somebody_wrote_into_the_folder_meanwhile_is_taken_in(served):
    served.run(CHOOSE, "dvc.yaml")
    served.until("return look.writes()")
    theirs = "image,verdict,note\neast__field.0,fix,a rider\neast__field.5,good,\n"
    served.run("return look.keep('data/review/round-3.csv', new Blob([arguments[0]]))", theirs)
    served.find("#export").click()
    said = served.until("return document.querySelector('#said').textContent.includes('contradict')"
                        " && document.querySelector('#said').textContent")  # fmt: skip
    assert said.startswith("data/review/round-3.csv is written.")
    written = served.run(READ, "data/review/round-3.csv")
    assert 'east__field.0,exclude,"dark; the project\'s file: fix, a rider"' in written
    assert "east__field.5,good," in written


def test_another_folder_is_refused(served):
    served.run(CHOOSE, "")
    said = served.until(SAID)
    assert said == "That folder has no dvc.yaml: choose the project's own."
    assert served.run("return look.writes()") is False


def test_what_corrections_changed_leads_to_their_images(driver, tmp_path):
    looks.world(tmp_path, rounds=1, corrected={"east__field.3"})
    page = Page(driver, tmp_path)
    page.open("tab=charts")
    head, row = page.driver.find_elements("css selector", "#charts figure.wide tr")
    assert " ".join(head.text.split()).startswith("round class images pixels corrected to it")
    assert row.text == f"round-1 {looks.THREE.names[1]} 1 1,700 900 600 200 40 7"
    row.find_element("css selector", "button").click()
    assert (page.state["corrected"], page.state["class"]) == (True, looks.THREE.names[1])
    assert page.errors() == []
