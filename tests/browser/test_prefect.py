"""Prefect's pages as people use them: stages, states, artifacts, Run and Cancel; offline."""

import csv
import json
import re
from urllib.parse import urlsplit

import pytest
from PIL import Image
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.conftest import chromium
from tests.dummies import Dummies, until
from tests.flows import Server, Serving, flow

pytestmark = pytest.mark.browser

STAGES = """
stages:
  retrain:
    foreach: ${rounds}
    do:
      cmd: python stage.py retrain@${key} models/${key}
      deps: ["${item.teacher}"]
      outs: ["models/${key}"]
  gallery:
    foreach: ${rounds}
    do:
      cmd: mkdir -p look/${key} && cp mosaic.png look/${key}/
      deps: [mosaic.png, "models/${key}"]
      outs: ["look/${key}"]
  report:
    cmd: mkdir -p reports && cp rounds.csv index.html reports/
    deps: [rounds.csv, index.html, models/round-2]
    outs: [reports/rounds.csv, reports/index.html]
"""
PARAMS = "rounds: {round-1: {teacher: stage.py}, round-2: {teacher: models/round-1}}"
NAMES = ["retrain@round-1", "retrain@round-2", "gallery@round-1", "gallery@round-2", "report"]
HOSTILE = '<img src=x onerror="document.title=1"> | `a` **b**'
WAIT = 60  # seconds; the machine may be busy


class Prefect:
    """Prefect's pages in a browser; all that they ask for is kept."""

    def __init__(self, driver, server):
        self.driver, self.server = driver, server
        self.asked, self.answers = set(), []

    def open(self, path):
        self.driver.get(self.server.page + path)

    def text(self):
        return re.sub(r"\s+", " ", self.driver.find_element(By.TAG_NAME, "body").text)

    def shows(self, *texts):
        """Waits until the page shows all of the texts."""
        try:
            wait = WebDriverWait(self.driver, WAIT)
            wait.until(lambda _: all(text in self.text() for text in texts))
        except TimeoutException:
            missing = [text for text in texts if text not in self.text()]
            pytest.fail(f"{self.driver.current_url} shows no {missing}: {self.text()}")

    def find(self, selector):
        """What the selector, CSS or (with a leading /) XPath, finds once it is on the page."""
        by = By.XPATH if selector.startswith("/") else By.CSS_SELECTOR
        wait = WebDriverWait(self.driver, WAIT)
        return wait.until(lambda driver: driver.find_elements(by, selector), selector)[-1]

    def press(self, name):
        """The last button of that name that is shown and can be pressed."""
        selector = f"//button[normalize-space()='{name}']"

        def pressed(_):
            found = self.driver.find_elements(By.XPATH, selector)
            able = [button for button in found if button.is_displayed() and button.is_enabled()]
            if able:
                able[-1].click()
            return bool(able)

        WebDriverWait(self.driver, WAIT).until(pressed, f"no button {name}")

    def listen(self):
        """Keep what the network log has: addresses asked for, and answers that are errors."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            told = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.add(told["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                self.asked.add(told["url"])
            elif message["method"] == "Network.responseReceived":
                self.answers.append((told["response"]["status"], told["response"]["url"]))


@pytest.fixture(scope="module")
def dummies(tmp_path_factory):
    made = Dummies(tmp_path_factory.mktemp("dummies").resolve(), STAGES, PARAMS)
    with (made.folder / "rounds.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["model", "miou"], ["source", 30.5], [HOSTILE, 1]])
    made.write("index.html", "<p>the look page</p>")
    Image.effect_noise((320, 200), 100).convert("RGB").save(made.folder / "mosaic.png")
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("prefect"))
    yield made
    made.process.terminate()
    made.process.wait()


@pytest.fixture(scope="module")
def runs(server, dummies):
    """A run that did all, and one that had nothing to do."""
    return flow(server, dummies.folder)[0], flow(server, dummies.folder)[0]


@pytest.fixture
def prefect(tmp_path, server):
    with chromium(tmp_path, performance="ALL") as driver:
        driver.set_window_size(1400, 2000)  # of a long page Prefect draws what is in sight
        driver.get("about:blank")
        driver.get_log("performance")  # what the browser itself opens with
        made = Prefect(driver, server)
        yield made
        made.listen()
        assert "Oops" not in made.text()
    hosts = {urlsplit(url).netloc for url in made.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(server.page).netloc}
    # of its own icons Prefect lacks some
    assert [(code, url) for code, url in made.answers if code >= 400 and "/api/" in url] == []


def test_stages_and_their_states_by_name(prefect, runs):
    for run, state in zip(runs, ("Completed", "Cached"), strict=True):
        prefect.open(f"/runs/flow-run/{run}?tab=Task%20Runs")
        prefect.shows(*NAMES)
        assert prefect.text().count(state) >= len(NAMES)
    prefect.open("/runs")
    prefect.shows("segue", "Completed")


def test_tables_pictures_and_the_way_to_the_page(prefect, server, dummies, runs):
    assert server.artifacts(runs[1]).keys() == {"run"}
    prefect.open(f"/artifacts/artifact/{server.artifacts(runs[1])['run']['id']}")
    prefect.shows(f"Nothing was to do: all {len(NAMES)} stages are as they were.", "The page")
    prefect.open(f"/runs/flow-run/{runs[0]}")
    prefect.find("//*[normalize-space()='Artifacts']").click()
    prefect.shows("reports-rounds-csv", "reports-index-html", "look-round-1", "look-round-2")
    shown = server.artifacts(runs[0])
    prefect.open(f"/artifacts/artifact/{shown['reports-rounds-csv']['id']}")
    prefect.shows("source", "30.5", HOSTILE)
    assert prefect.driver.title != "1"
    prefect.open(f"/artifacts/artifact/{shown['look-round-2']['id']}")
    picture = prefect.find("img[alt=mosaic]")
    until(lambda: picture.get_property("naturalWidth") == 320, WAIT)
    prefect.open(f"/artifacts/artifact/{shown['reports-index-html']['id']}")
    address = (dummies.folder / "reports/index.html").as_uri()
    prefect.shows(address, f"python3 -m webbrowser -t {address}")


def test_run_and_cancel(prefect, server, dummies, runs):
    dummies.edit()
    dummies.write("wait", "")
    dummies.ran()
    with Serving(server, dummies):
        prefect.open("/deployments")
        prefect.find("a[href*='/deployments/deployment/']").click()
        prefect.press("Run")
        prefect.press("Quick run")
        until(dummies.ran, WAIT)
        asked = {"sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        run = server("/flow_runs/filter", asked)[0]["id"]
        prefect.open(f"/runs/flow-run/{run}")
        prefect.press("Cancel")
        prefect.press("Confirm")
        until(lambda: server.state(run) == "Cancelled", WAIT)
        prefect.shows("Cancelled")
        until(lambda: len(dummies.processes()) == 1, 15)
        assert dummies.locks() == "{}"
        dummies.remove("wait")
