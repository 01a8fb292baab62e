"""Verdicts of people on a round's pseudo-labels: a CSV file of each round, which git tracks."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.runtime.files import BadInput, readable, write_bytes

HEADER = ("image", "verdict", "note")
GOOD, FIX, EXCLUDE = VERDICTS = ("good", "fix", "exclude")
"""As it should be; to be corrected; not to be learned from in this round."""

_NAMES = "names are those of the round's labels, without .png"


class Verdict(NamedTuple):
    """One of VERDICTS, and what else was said."""

    verdict: str
    note: str = ""


Verdicts = Mapping[str, Verdict]
"""By the image's name as a file, as data/corrections has it, in the order of the file."""


def read(path: Path) -> dict[str, Verdict]:
    """A file of verdicts. Raises BadInput that names file and line.

    A name may come twice with one verdict: its notes are then joined.
    """
    with readable(path, "UTF-8 text", "save it as CSV in UTF-8"):
        text = path.read_bytes().decode("utf-8-sig")
    found: dict[str, Verdict] = {}
    with readable(path, "verdicts"):
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        _check_header(path, next(rows, []))
        for row in filter(None, rows):
            name, given = _row(f"{path}: line {rows.line_num}", row)
            before = found.get(name, given)
            if before.verdict != given.verdict:
                raise BadInput(
                    f"{path}: line {rows.line_num}: {name} is {before.verdict!r} above, and here "
                    f"{given.verdict!r}; keep one of the two rows"
                )
            found[name] = Verdict(given.verdict, _joined(before.note, given.note))
    return found


def _check_header(path: Path, row: list[str]) -> None:
    if tuple(row) != HEADER:
        raise BadInput(
            f"{path}: its first line is {','.join(row)!r}; it must be {','.join(HEADER)!r}, with "
            "commas"
        )


def _row(where: str, row: list[str]) -> tuple[str, Verdict]:
    if len(row) != len(HEADER):
        raise BadInput(
            f"{where}: {len(row)} fields, not {len(HEADER)}; put a note that has a comma in double "
            "quotes, and end a row without a note in a comma"
        )
    name, verdict, note = row
    if verdict not in VERDICTS:
        raise BadInput(f"{where}: {name}: {verdict!r} is no verdict; choose {', '.join(VERDICTS)}")
    return name, Verdict(verdict, note)


def _joined(before: str, note: str) -> str:
    if note in ("", *before.split("; ")):
        return before
    return f"{before}; {note}" if before else note


def write(path: Path, verdicts: Verdicts) -> None:
    """What `read` reads."""
    sink = io.StringIO(newline="")
    rows = csv.writer(sink, lineterminator="\n")
    rows.writerow(HEADER)
    rows.writerows((name, *given) for name, given in verdicts.items())
    write_bytes(path, sink.getvalue().encode())


def place(folder: Path, name: str) -> Path:
    """Where a round's verdicts lie, if there are any."""
    return folder / f"{name}.csv"


def of_round(folder: Path, rounds: Collection[str], name: str) -> dict[str, Verdict]:
    """Those of one round, none where it has no file. Raises BadInput for what counts nowhere."""
    if stray := next(_strays(folder, rounds), None):
        raise BadInput(stray)
    path = place(folder, name)
    return read(path) if path.exists() else {}


def check_names(path: Path, verdicts: Verdicts, known: Collection[str]) -> None:
    """Raises BadInput where a verdict is on no image of the target."""
    if unknown := [name for name in verdicts if name not in known]:
        more = f" ({len(unknown)} such names in all)" if len(unknown) > 1 else ""
        raise BadInput(f"{path}: {unknown[0]!r}: no target image has this name; {_NAMES}{more}")


def problems(folder: Path, labels: Mapping[str, Path]) -> Iterator[str]:
    """All that is wrong with a folder of verdicts; `labels`: by round, where its labels lie.

    Names are looked up there, where a round has labels yet.
    """
    yield from _strays(folder, labels)
    for name, made in labels.items():
        path = place(folder, name)
        try:
            if path.exists():
                verdicts = read(path)
                if known := {label.stem for label in made.glob("*.png")}:
                    check_names(path, verdicts, known)
        except BadInput as error:
            yield str(error)


def _strays(folder: Path, rounds: Collection[str]) -> Iterator[str]:
    """What lies in the folder and is no round's file."""
    for path in sorted(folder.glob("[!.]*")):
        if path.suffix != ".csv":
            yield f"{path}: is no .csv of a round; move it away"
        elif path.stem not in rounds:
            yield f"{path}: no round has this name; choose {', '.join(rounds)}"


def contradictions(one: Verdicts, other: Verdicts) -> list[str]:
    """The names on which two files do not agree."""
    return [name for name in one if name in other and one[name].verdict != other[name].verdict]


def merged(one: Verdicts, other: Verdicts, whose: str) -> dict[str, Verdict]:
    """All of both: where they contradict each other `one` holds, and its note says what did not.

    `whose`: what the note calls the other.
    """
    found = dict(one)
    for name, given in other.items():
        kept = found.get(name, given)
        note = given.note
        if kept.verdict != given.verdict:
            note = f"{whose}: {given.verdict}" + (f" ({note})" if note else "")
        found[name] = Verdict(kept.verdict, _joined(kept.note, note))
    return found
