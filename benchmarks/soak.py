"""Thirty rounds on tiny streets under the flow, killed again and again at random moments.

    python benchmarks/soak.py              # about half an hour, in clones of its own
    python benchmarks/soak.py --rounds 3 --longest 40 --out FILE

Beside it `dvc repro` runs the same in another clone and is left alone: both must end with the same
bytes. Rows go to benchmarks/results/soak.json, and Markdown is printed.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from clones import FOLDERS, clone, environment, locked, sizes
from rows import FOLDER, Row
from watching import Watched, peak, server, words

from pipeline.runtime.files import write_json

RESULTS = FOLDER / "soak.json"
EVERY = 0.25  # seconds between looks at the processes
VICTIMS = ("everything", "the flow", "DVC", "the stage")


def attempt(
    folder: Path, env: dict[str, str], draw: Callable[[], tuple[float, str]], watched: Watched
) -> Row:
    """The flow until it ends; `draw` gives the seconds until the next kill, and what is killed."""
    command = [sys.executable, "-m", "pipeline.flow", "--parallel", "2"]
    begun, told, memory, kills = time.monotonic(), folder / "flow.log", 0, []
    with told.open("w") as log:
        flow = psutil.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
    (wait, what), since = draw(), begun
    while flow.poll() is None:
        watched.look(flow)
        with suppress(psutil.NoSuchProcess, FileNotFoundError, StopIteration):
            memory = max(memory, peak(flow.pid))
        if time.monotonic() - since > wait and (found := watched.victims(what)):
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            kills.append(what)
            # whoever is left may go on for long: a failed branch stops what needs it alone
            (wait, what), since = draw(), time.monotonic()
        time.sleep(EVERY)
    ended = time.monotonic()
    _, left = psutil.wait_procs(watched.family, timeout=60)
    return {
        "kills": kills, "code": flow.returncode, "seconds": round(ended - begun), "flow": memory,
        "ran": told.read_text().count("Running stage '"),
        "left": [words(process) for process in left],
        "gone": round(time.monotonic() - ended, 1),
    }  # fmt: skip


def soak(given: argparse.Namespace, folder: Path) -> Row:
    rng = np.random.default_rng(given.seed)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        env = environment(free.getsockname()[1])
    killed, alone = (clone(folder / name, given.rounds) for name in ("killed", "alone"))
    with (folder / "alone.log").open("w") as log:
        reference = subprocess.Popen(["dvc", "repro"], cwd=alone, env=env, stdout=log, stderr=log)
    rows: list[Row] = []
    watched = Watched()

    def draw() -> tuple[float, str]:
        return rng.uniform(5, given.longest), str(rng.choice(VICTIMS))

    with server(killed, env) as page:
        while not rows or rows[-1]["code"] != 0:
            assert len(rows) < given.most, "the flow does not come to its end"
            row = attempt(killed, env, draw, watched)
            models = len([*(killed / "models").glob("round-*.pt")])
            print(json.dumps(row | {"rounds": models}), flush=True)
            row |= {"rounds": models, "disk": sizes(killed), "server": page.memory_info().rss}
            rows.append(row)
    assert reference.wait() == 0, (folder / "alone.log").read_text()[-2000:]
    again = subprocess.check_output(["dvc", "repro"], cwd=killed, env=env, text=True)
    mine, others = locked(killed), locked(alone)
    return {
        "rounds": given.rounds, "attempts": rows, "peaks": dict(watched.peaks),
        "outputs": len(others),
        "different": sorted(k for k in mine.keys() | others.keys() if mine.get(k) != others.get(k)),
        "ran_again": again.count("Running stage"),
        "left": sorted(str(p.relative_to(killed)) for p in remains(killed)),
        "alone": sizes(alone),
    }  # fmt: skip


def remains(folder: Path) -> list[Path]:
    """What only a run in progress has: partial files, checkpoints, locks."""
    found = [*folder.rglob("*.partial"), *folder.glob(".dvc/tmp/segue/*")]
    return found + [path for path in folder.glob("data/unfinished/**/*") if path.is_file()]


# --- what came of it -----------------------------------------------------------------------


def table(found: Row) -> str:
    """Markdown: what held, memory of the first and of the last rounds, disk by round."""
    rows = found["attempts"]
    kills = [kind for row in rows for kind in row["kills"]]
    by_kind = ", ".join(f"{kills.count(kind)} {kind}" for kind in VICTIMS)
    last = rows[-1]
    lines = [
        "| what | measured |", "|---|---|",
        f"| rounds, all there | {found['rounds']}, {last['rounds']} |",
        f"| runs of the flow; kills (SIGKILL) | {len(rows)}; {len(kills)} ({by_kind}) |",
        f"| outputs that differ from a run that was left alone | "
        f"{len(found['different'])} of {found['outputs']} |",
        f"| stages that a last `dvc repro` runs | {found['ran_again']} |",
        f"| processes left a minute after a kill | {sum(len(row['left']) for row in rows)} |",
        f"| longest until all processes of a killed run were gone | "
        f"{max(row['gone'] for row in rows)} s |",
        f"| partial files, checkpoints, locks left | {len(found['left'])} |",
        "", "| peak memory, MB | first five rounds | last five |", "|---|---|---|",
        *memory(found), "",
        "| disk, MB | " + " | ".join(FOLDERS) + " |", "|---|" + "---|" * len(FOLDERS),
    ]  # fmt: skip
    shown = [row for row in rows if row["rounds"]]
    for row in [*shown[:: max(1, len(shown) // 5)], last]:
        cells = " | ".join(f"{row['disk'][name] / 1e6:.1f}" for name in FOLDERS)
        lines.append(f"| after {row['rounds']} rounds | {cells} |")
    cells = " | ".join(f"{found['alone'][name] / 1e6:.1f}" for name in FOLDERS)
    return "\n".join([*lines, f"| left alone, all rounds | {cells} |"])


def memory(found: Row) -> Iterator[str]:
    """By stage, medians over rounds; and of the flow and of Prefect's server over the runs."""
    by_stage: dict[str, dict[int, int]] = defaultdict(dict)
    for name, size in found["peaks"].items():
        stage, _, item = name.partition("@")
        if item.startswith("round-"):
            by_stage[stage][int(item.removeprefix("round-"))] = size
    for stage, sized in sorted(by_stage.items()):
        early = [size for number, size in sized.items() if number <= 5]  # noqa: PLR2004
        late = [size for number, size in sized.items() if number > found["rounds"] - 5]
        yield f"| {stage} | {_mb(early)} | {_mb(late)} |"
    rows = found["attempts"]
    for name in ("flow", "server"):
        yield (
            f"| {name}, first and last five runs | "
            + " | ".join(_mb([row[name] for row in part]) for part in (rows[:5], rows[-5:]))
            + " |"
        )


def _mb(values: list[int]) -> str:
    return f"{np.median(values) / 1e6:.0f}" if values else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--longest", type=float, default=75, help="seconds until a kill, at most")
    parser.add_argument("--most", type=int, default=200, help="runs after which it gives up")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and of what is killed")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="only print what is there")
    given = parser.parse_args()
    if not given.table:
        with tempfile.TemporaryDirectory() as folder:
            write_json(given.out, soak(given, Path(folder)))
    print(table(json.loads(given.out.read_text())))


if __name__ == "__main__":
    main()
