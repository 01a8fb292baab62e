"""A DVC pipeline of dummy stages in a folder of its own, for the tests of the flow."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SCRIPT = """
import signal, sys, time
from pathlib import Path
name, out = sys.argv[1], Path(sys.argv[2])
print(f"{name} begins", flush=True)
with Path("ran").open("a") as ran:
    ran.write(f"{name}\\n")
if Path("broken").exists() and name in Path("broken").read_text():
    sys.exit(f"error: {name} is broken")
if Path("stubborn").exists():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
while Path("wait").exists():
    time.sleep(0.05)
if Path("together").exists():  # ends only if two run at once
    Path(f"here-{name}").touch()
    until = time.monotonic() + 10
    while len(list(Path().glob("here-*"))) < 2:
        if time.monotonic() > until:
            sys.exit("error: alone")
        time.sleep(0.05)
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(" ".join(sys.argv))
print(f"{name} ends")
"""
STAGES = """
stages:
  source:
    cmd: python stage.py source work/source.model
    deps: [stage.py]
    outs: [work/source.model]
  other:
    cmd: python stage.py other work/other
    deps: [stage.py]
    outs: [work/other]
  infer:
    foreach: ${rounds}
    do:
      cmd: python stage.py infer@${key} work/${key}.infer
      deps: ["work/${item.teacher}.model"]
      outs: ["work/${key}.infer"]
  train:
    foreach: ${rounds}
    do:
      cmd: python stage.py train@${key} work/${key}.model ${item.portion}
      deps: ["work/${key}.infer"]
      params: ["rounds.${key}.portion"]
      outs: ["work/${key}.model"]
  report:
    cmd: python stage.py report work/report
    deps: [work/r2.model, work/other]
    outs: [work/report]
"""
PARAMS = """
rounds:
  r1: {teacher: source, portion: 0.2}  # a comment
  r2: {teacher: r1, portion: 0.3}
"""
NEEDS = {
    "source": set(),
    "other": set(),
    "infer@r1": {"source"},
    "train@r1": {"infer@r1"},
    "infer@r2": {"train@r1"},
    "train@r2": {"infer@r2"},
    "report": {"train@r2", "other"},
}


class Dummies:
    """The pipeline in `folder`; stages write their names to the file `ran`."""

    def __init__(self, folder: Path, stages: str = STAGES, params: str = PARAMS) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.write("stage.py", SCRIPT)
        self.write("dvc.yaml", stages)
        self.write("params.yaml", params)
        self.dvc("init", "--no-scm", "--quiet")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self) -> None:
        """Change the code of `source` and `other`, so that they have to run."""
        self.write("stage.py", f"{SCRIPT}# {time.time()}\n")

    def remove(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def ran(self) -> list[str]:
        """The stages that have run since the last call."""
        path = self.folder / "ran"
        names = path.read_text().split() if path.exists() else []
        self.remove("ran")
        return names

    def params(self) -> Any:
        return YAML(typ="safe").load(self.folder / "params.yaml")

    def dvc(self, *arguments: str) -> str:
        """What `dvc` prints; it must succeed."""
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment(), text=True, check=True, capture_output=True
        ).stdout

    def processes(self) -> list[str]:
        """Processes of this machine that run in the folder, those of the test itself left out."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").readlink() == self.folder and entry.name != str(os.getpid()):
                    state = re.split(r"\) ", (entry / "stat").read_text())[-1]
                    command = (entry / "cmdline").read_text().replace("\0", " ")
                    found += [] if state.startswith("Z") else [f"{entry.name} {command}"]
            except OSError:  # it has just ended
                continue
        return found

    def locks(self) -> str:
        """What DVC believes is being read or written."""
        path = self.folder / ".dvc/tmp/rwlock"
        return path.read_text().strip() if path.exists() else "{}"


def environment(**more: str) -> dict[str, str]:
    """Of a process that finds the package and this Python, and no Prefect but the test's own."""
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "GIT_"))
    }
    return env | {
        "PATH": f"{Path(sys.executable).parent}:{env['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        **more,
    }


def until(holds: Callable[[], Any], seconds: float = 30) -> Any:
    """What `holds` gives as soon as it is true; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def ignoring_interrupts() -> None:
    """As nohup and & of a shell script start a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
