"""A headless Chromium, and pages of fabricated reports opened from disk."""

import shutil
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests import looks

QUIET = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"),
    *("disable-background-networking", "disable-component-update"),
)


class Page:
    """One open page of one world."""

    def __init__(self, driver, folder):
        self.driver, self.folder = driver, folder

    def open(self, state=""):
        self.driver.get("about:blank")
        self.driver.get((self.folder / "index.html").as_uri() + f"#{state}")
        self.until("return document.body.dataset.ready")

    def run(self, script, *given):
        return self.driver.execute_script(script, *given)

    def until(self, script, *given):
        """Its value, once it is true."""
        return WebDriverWait(self.driver, 10).until(lambda _: self.run(script, *given))

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, *keys):
        """Keys to the page, not to an element: the one of the focus may have just been hidden."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def type(self, selector, text):
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def choose(self, key, value):
        """A select's value, as a person sets it."""
        script = "const s = document.querySelector(arguments[0]); s.value = arguments[1];"
        script += "s.dispatchEvent(new Event('input', {bubbles: true}))"
        self.run(script, f"select[data-key={key}]", value)

    @property
    def shown(self):
        """The places of the images in the list, in order."""
        return self.run("return look.list")

    @property
    def state(self):
        return self.run("return look.state")

    def downloaded(self, name, folder, act):
        """The bytes of a file that an act downloads."""
        how = {"behavior": "allow", "downloadPath": str(folder)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", how)
        act()
        path = folder / name
        WebDriverWait(self.driver, 10).until(lambda _: path.exists() and path.stat().st_size)
        return path.read_bytes()

    def errors(self):
        return [e for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def colours(self, canvas):
        """What a canvas has painted, as '#rrggbb', fully opaque pixels alone; once it is there."""
        return set(
            self.until(
                """const c = document.querySelector(arguments[0]);
                if (!c || !c.width) return null;
                const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                const seen = new Set();
                for (let i = 0; i < p.length; i += 4) if (p[i + 3] === 255)
                  seen.add('#' + [p[i], p[i + 1], p[i + 2]].map(
                    (v) => v.toString(16).padStart(2, '0')).join(''));
                return seen.size ? [...seen] : null;""",
                canvas,
            )
        )


@contextmanager
def chromium(profile, **logs):
    """A headless browser that keeps these logs, each of a level."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*QUIET, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", logs)
    made = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    made.set_window_size(1280, 800)
    try:
        yield made
    finally:
        made.quit()


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile"), browser="ALL") as made:
        yield made


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Twelve images, four of hostile names, three rounds, one correction."""
    folder = tmp_path_factory.mktemp("world")
    looks.world(folder, rounds=3, corrected={"east__field.3"})
    return folder


@pytest.fixture
def page(driver, world):
    """In the order of the data; what people said of its images before is forgotten."""
    made = Page(driver, world)
    made.open()
    made.run("localStorage.clear()")
    made.open("sort=place")
    yield made
    assert made.errors() == []
