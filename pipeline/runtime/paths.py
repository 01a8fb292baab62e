"""Where a stage's files lie: the `meta` of its entry in dvc.yaml, filled in as DVC does.

So a command is short: `python -m pipeline.stages.retrain round-1`. DVC prints it, and so do logs.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pipeline.runtime import contents, params
from pipeline.runtime.contents import Content, section_of
from pipeline.runtime.files import BadInput

FILE = Path("dvc.yaml")

_KEY = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
_RUNS = "DVC_STAGE"
"""What DVC sets for a command: the name that it has for the stage, such as evaluate_mean@both."""


def places(stage: str, item: str | None = None) -> dict[str, Path]:
    """By the name of its flag, where what a module of `stages` opens and writes lies.

    Empty of one that dvc.yaml does not run. Raises BadInput where there is no dvc.yaml, and for an
    item or a key that params.yaml does not have.
    """
    entries = _entries(stage)
    if not entries:
        return {}
    content: Content = {}
    if item is not None:
        content = params.read()
        own = _with(entries, item, content)
        if not own:
            raise BadInput(f"{contents.FILE}: {stage} {item}: has no such item; run segue check")
        entries = {name: entries[name] for name in own}
        content = {**content, "key": item, "item": own[_chosen(own)]}
    meta = _body(entries[_chosen(entries)]).get("meta") or {}
    if item is None and _KEY.search(str(meta)):
        content = params.read()
    return {name: Path(_filled(at, content, f"{stage} {item or ''}")) for name, at in meta.items()}


def _entries(stage: str) -> dict[str, Content]:
    """The entries of dvc.yaml that run a module, by name."""
    if not FILE.exists():
        raise BadInput(f"{FILE.absolute()}: no such file; work in the project's folder")
    found = section_of(params.parse(FILE), "stages", FILE)
    word = f"pipeline.stages.{stage}"
    return {name: entry for name, entry in found.items() if word in _body(entry)["cmd"].split()}


def _body(entry: Content) -> Content:
    """What is run, of an entry of one stage or of many."""
    body: Content = entry.get("do", entry)
    return body


def _with(entries: Content, item: str, content: Content) -> dict[str, Any]:
    """What params.yaml says of the item, by the name of each entry that runs it."""
    of = {name: _KEY.fullmatch(str(entry.get("foreach"))) for name, entry in entries.items()}
    mappings = {name: section_of(content, key[1]) for name, key in of.items() if key}
    return {name: mapping[item] for name, mapping in mappings.items() if item in mapping}


def _chosen(entries: Content) -> str:
    """The one that DVC runs now; the first where a stage is run by hand."""
    now = os.environ.get(_RUNS, "").rpartition(":")[2].partition("@")[0]
    return now if now in entries else next(iter(entries))


def _filled(template: str, content: Content, stage: str) -> str:
    """`template` with what stands in params.yaml for each ${key}."""

    def value(found: re.Match[str]) -> str:
        at: Any = content
        for key in found[1].split("."):
            at = at.get(key) if isinstance(at, dict) else None
        if at is None or isinstance(at, dict | list):
            raise BadInput(
                f"{contents.FILE}: {stage.strip()}: {found[1]} is missing, which {FILE} asks for; "
                "set it, and run segue check"
            )
        return str(at)

    return _KEY.sub(value, template)
