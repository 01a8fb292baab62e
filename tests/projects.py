"""A copy of the project on a tiny world, in which `dvc repro` runs as for a user."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests import worlds

ROOT = Path(__file__).parents[1]
SIZE = (64, 32)
MODELS = ["source", "source-long", "warm", "both", "round-1", "round-2"]
OF_A_ROUND = ("infer", "correct", "pseudo_label", "split", "retrain", "evaluate", "gallery")
PARAMS = """
seed: 1
compute: {accelerator: cpu, precision: 32-true, threads: 1}
generate: {}
source:
  game: {reader: gta5, root: data/raw/game, width: 64, height: 32, minimum: 4}
  drawn: {reader: synthia, root: data/raw/drawn, width: 48, height: 32}
translations:
  painted:
    source: game
    fit_translator: {translator: lab, references: mean, segmenter: none}
    translate: {}
    evaluate_translation: {model: source, adapted: both}
mix:
  all: {one: game, other: drawn}
prepare:
  classes: cityscapes
  minimum: 4
  target: {reader: cityscapes, root: data/raw/city, width: 64, height: 32, options: {split: train}}
  val: {reader: cityscapes, root: data/raw/city, width: 64, height: 32, options: {split: val}}
network: {name: small, options: {width: 8}, weights: null}
training:
  batch: 2
  optimiser: {name: adamw, lr: 1e-2}
  augment: {crop_width: 64, crop_height: 32}
  log_every: 1
pretrain:
  source: {source: game, steps: 3}
  source-long: {source: painted, steps: 7}
warmup:
  warm: {from: source, source: all, objective: advent, steps: 2}
mean:
  both: {one: warm, other: source}
infer: {stride: 4}
prior: {source: game}
pseudo_label: {}
split: {}
retrain: {steps: 2}
evaluate: {few: 2}
panels: {width: 48}
gallery: {images: 2}
rounds:
  round-1:
    {teacher: warm, start: source, infer: {}, pseudo_label: {labeler: cbst, portion: 0.5},
     split: {ranker: entropy, easy: 0.5}, retrain: {source: game, objective: self_training},
     evaluate: {}, gallery: {}}
  round-2:
    {teacher: round-1, start: round-1, infer: {}, evaluate: {}, gallery: {},
     pseudo_label: {labeler: tpld, portion: 0.6, options: {window: 9}},
     split: {ranker: confidence, easy: 0.5},
     retrain: {source: all, objective: tpld, options: {dense: true}, batch: 4, use: easy,
               source_share: 0.25, hard_share: 0.5}}
"""


def write_worlds(raw: Path) -> None:
    """What PARAMS reads."""
    worlds.gta5(raw / "game", 8, SIZE)
    worlds.synthia(raw / "drawn", 3, SIZE)
    worlds.cityscapes(raw / "city", 6, SIZE)
    worlds.cityscapes(raw / "city", 4, SIZE, split="val")


class Project:
    """A copy of the project in a folder of its own; `write` makes its data below data/raw."""

    def __init__(
        self,
        folder: Path,
        params: str = PARAMS,
        write: Callable[[Path], object] = write_worlds,
    ) -> None:
        self.folder = folder
        self.first: list[str] = []
        self.said = ""
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
            if name and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        write(folder / "data/raw")
        (folder / "params.yaml").write_text(params)
        self.call("git", "init", "--quiet")

    def call(self, *command: str, fails: bool = False) -> str:
        """What the command prints; it must fail or not, as told. `said` has its errors too."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        env |= {
            "PATH": f"{Path(sys.executable).parent}:{env['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            "COLUMNS": "100",
        }
        env |= {f"GIT_{who}_NAME": "test" for who in ("AUTHOR", "COMMITTER")}
        env |= {f"GIT_{who}_EMAIL": "test@example.com" for who in ("AUTHOR", "COMMITTER")}
        done = subprocess.run(
            command, cwd=self.folder, env=env, text=True, capture_output=True, check=False
        )
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, printed
        self.said = printed
        return printed if fails else done.stdout

    def repro(self, *stages: str) -> list[str]:
        """`dvc repro`: the stages that ran, those restored from the cache left out."""
        return re.findall(r"Running stage '([^']+)'", self.call("dvc", "repro", *stages))

    def changed(self) -> set[str]:
        """The stages whose own inputs changed; those behind them are not known yet."""
        return set(json.loads(self.call("dvc", "status", "--json")))

    def hashes(self) -> dict[str, str]:
        """Each output of each stage by its path."""
        lock = YAML(typ="safe").load(self.folder / "dvc.lock")["stages"]
        return {out["path"]: out["md5"] for stage in lock.values() for out in stage["outs"]}

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def params(self) -> Any:
        return YAML(typ="safe").load(self.folder / "params.yaml")

    def write_params(self, content: Any) -> None:
        YAML().dump(content, self.folder / "params.yaml")


@contextmanager
def edited(project: Project) -> Iterator[Any]:
    """What params.yaml holds, to be changed and written; put back in the end."""
    before = project.read("params.yaml")
    content = project.params()
    try:
        yield content
    finally:
        (project.folder / "params.yaml").write_text(before)


def of_round(name: str, *stages: str) -> set[str]:
    return {f"{stage}@{name}" for stage in stages or OF_A_ROUND}
