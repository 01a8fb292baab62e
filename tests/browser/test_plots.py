"""`dvc plots` in a browser: curves are drawn, nobody is asked, no figure has a path above it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.conftest import chromium

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
STAGES = """
stages:
  train:
    cmd: "true"
    plots:
    - curve.csv: {cache: false, x: step, y: source, y_label: loss, title: round-1}
    - rounds.csv: {cache: false, x: model, y: miou, y_label: mIoU (%), title: mIoU of each model}
    - empty.csv: {cache: false, x: model, y: miou, title: nothing}
    - figures: {cache: false}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project of DVC with curves and a figure, and the page that this project gives it."""
    made = tmp_path_factory.mktemp("plots")

    def call(*words):
        env = os.environ | {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", *words], cwd=made, env=env, check=True)

    call("dvc", "init", "--no-scm", "--quiet")
    for name in (".dvc/config", ".dvc/plots", "pipeline/look/static"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, made / name)
    (made / "dvc.yaml").write_text(STAGES)
    (made / "curve.csv").write_text("step,lr,source\n10,0.1,3.5\n20,0.1,2.5\n30,0.1,1.5\n")
    (made / "rounds.csv").write_text("model,miou\nsource,30.5\nround-1,35.25\n")
    (made / "empty.csv").write_text("model,miou\nsource,\n")
    (made / "figures").mkdir()
    Image.new("RGB", (60, 30), "red").save(made / "figures/mosaic.png")
    call("dvc", "plots", "show")
    return made


def test_curves_are_drawn_and_nobody_is_asked(folder, tmp_path):
    with chromium(tmp_path, browser="ALL", performance="ALL") as driver:
        driver.get((folder / "dvc_plots/index.html").as_uri())
        count = "return document.querySelectorAll('.uplot canvas').length"
        WebDriverWait(driver, 10).until(lambda _: driver.execute_script(count) == 2)
        text = "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)"
        assert driver.execute_script(text, ".u-title") == ["round-1", "mIoU of each model"]
        assert "nothing: nothing to show as lines" in driver.execute_script(text, "body")[0]
        seen = driver.execute_script(text, "body")[0]
        assert ".csv" not in seen
        assert "mosaic.png" not in seen
        shown = "const i = document.images[0]; return [i.complete, i.naturalWidth]"
        assert driver.execute_script(shown) == [True, 60]
        asked = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        urls = [e["params"]["request"]["url"] for e in asked
                if e["method"] == "Network.requestWillBeSent"]  # fmt: skip
        assert any(url.endswith("static/uplot.js") for url in urls)
        assert [url for url in urls if url.startswith(("http", "ws"))] == []
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE"] == []
        driver.save_screenshot(str(folder / "plots.png"))
