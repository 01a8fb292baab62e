"""A source and a target on disk, and the stages that translate the one, as DVC calls them."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from pipeline.domain import artifacts
from pipeline.model import model
from pipeline.runtime.contents import overlay
from pipeline.runtime.files import read_json
from pipeline.stages import evaluate_translation, fit_translator, translate
from tests.rounds import THREE, small
from tests.trained import NETWORKS

PARAMS = {
    "seed": 3,
    "source": {"game": {"root": "raw"}},
    "translations": {
        "painted": {
            "source": "game",
            "fit_translator": {"translator": "lab", "segmenter": "none"},
            "translate": {"copies": 2},
            "evaluate_translation": {"model": "source", "adapted": "warm"},
        }
    },
    "prepare": {"target": {"root": "raw"}},
    "compute": {"accelerator": "cpu", "precision": "32-true"},
    "pretrain": {"source": {"source": "game"}, "warm": {"source": "game"}},
}
TRAINING = {"steps": 2, "batch": 2, "augment": {"crop_width": 16, "crop_height": 16}}
OF = {
    name: {"fit_translator": {"translator": name, "segmenter": segmenter, "training": TRAINING,
                              "options": {"networks": NETWORKS}},
           "translate": {"copies": copies}}
    for name, segmenter, copies in (("fastcut", "none", 1), ("pixelda", "source", 2))
}  # fmt: skip
"""Of translators that are trained; models/source.pt is there for the second."""
FOLDER = Path("data/sources/painted")


def options(name):
    """Of a translator that takes long: few steps."""
    return {"iterations": 2} if name == "appearance" else {}


def changes(name):
    """Of `painted`, so that it is made by that translator."""
    segmenter = "source" if name == "appearance" else "none"
    fit = {"translator": name, "options": options(name), "segmenter": segmenter}
    return OF.get(name, {"fit_translator": fit})


def build(scenes, folder, images=5, **changes):
    """Indices and params.yaml in `folder`, which must be the current one; source and target."""
    source, target = scenes(images, name="source"), scenes(4, name="target", seed=7)
    source, target = (replace(d, root=folder) for d in (source, target))
    content = deepcopy(overlay(PARAMS, changes))
    content["source"]["game"]["root"] = content["prepare"]["target"]["root"] = str(folder)
    YAML(typ="safe").dump(content, folder / "params.yaml")
    artifacts.write_sources(folder / "data/sources/game/index.parquet", {"game": source})
    artifacts.write_domain(folder / "data/prepared/target.parquet", target, labelled=False)
    model.save(folder / "models/source.pt", small())
    artifacts.write_taxonomy(folder / "data/prepared/taxonomy.json", THREE)
    return source, target


def painted(**changes):
    """Changes of the translation's own params."""
    return {"translations": {"painted": changes}}


def call(monkeypatch, stage, item, **paths):
    words = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    monkeypatch.setattr("sys.argv", [stage.__name__, item, *words])
    stage.main()


def fit(monkeypatch, item="painted", source="game"):
    call(
        monkeypatch, fit_translator, item, source=f"data/sources/{source}/index.parquet",
        target="data/prepared/target.parquet", taxonomy="data/prepared/taxonomy.json",
        segmenter="models/source.pt", fitted=f"data/translators/{item}.npy",
        curve=f"reports/sources/{item}/training.csv",
        unfinished=f"data/unfinished/fit_translator/{item}",
    )  # fmt: skip


def made(monkeypatch, item="painted", source="game"):
    call(
        monkeypatch, translate, item, source=f"data/sources/{source}/index.parquet",
        fitted=f"data/translators/{item}.npy", taxonomy="data/prepared/taxonomy.json",
        segmenter="models/source.pt", translated=f"data/sources/{item}",
        classes=f"reports/sources/{item}/classes.csv",
        unfinished=f"data/unfinished/translate/{item}",
    )  # fmt: skip


def both(monkeypatch):
    fit(monkeypatch)
    made(monkeypatch)
    return contents()


def read_image(path):
    """uint8 (h, w, 3)."""
    return np.asarray(Image.open(path))


def contents(folder=FOLDER):
    """The bytes of each file by its path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*.*"))}


def evaluated(monkeypatch, source="game"):
    """The metrics, of models in `models/`."""
    name = "painted"
    call(
        monkeypatch, evaluate_translation, name, source=f"data/sources/{source}/index.parquet",
        translated=FOLDER / "index.parquet", target="data/prepared/target.parquet",
        taxonomy="data/prepared/taxonomy.json", model="models/source.pt",
        adapted="models/warm.pt", metrics=f"reports/sources/{name}/translation.json",
        table=f"reports/sources/{name}/translation.csv",
        changes=f"reports/sources/{name}/changes.csv", look=f"reports/sources/{name}/translation",
    )  # fmt: skip
    return read_json(Path(f"reports/sources/{name}/translation.json"))
