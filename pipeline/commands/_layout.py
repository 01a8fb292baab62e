"""Where the mappings of a params file lie in its text, and what is put or moved there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import StringMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.commands import _text

_MERGE = "tag:yaml.org,2002:merge"


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


class Entry(NamedTuple):
    """A key of a mapping, and its value."""

    key: Node
    value: Node


class Layout:
    """A text, its nodes and what is to change; whatever is not named stays as it was written.

    An alias is the node of its anchor. What another node than was meant would say after a change
    is not looked into: compare what the text says in the end.
    """

    def __init__(self, text: str) -> None:
        self.end = _text.line_end(text)
        self._added = "" if text.endswith("\n") else self.end
        self._text = text + self._added  # so that every line has an end
        self._root = YAML(typ="safe", pure=True).compose(self._text)
        self._edits: list[_Edit] = []

    def entry(self, place: tuple[str, ...]) -> Entry:
        """What stands there, by way of merge keys too. Raises KeyError."""
        found = Entry(self._root, self._root)
        for key in place:
            found = entries(found.value)[key]
        return found

    def put(self, entry: Entry, pair: str, behind: str) -> None:
        """Makes `pair` (`key: value`) a mapping's first, or the next to its key `behind`."""
        node = entry.value
        end = node.end_mark.index
        if node.start_mark.index == end:  # nothing at all: its marks are of what comes next
            colon = self._text.index(":", entry.key.end_mark.index) + 1
            self._edit(colon, colon, f" {{{pair}}}")
        elif not isinstance(node, MappingNode):  # null, or an anchor of nothing
            self._edit(end - len(node.value), end, f"{' ' * (not node.value)}{{{pair}}}")
        elif not node.value:
            self._edit(end - 1, end - 1, pair)
        else:
            self._put(node, pair, _plain(node, behind))

    def _put(self, node: MappingNode, pair: str, behind: Node | None) -> None:
        first = node.value[0][0].start_mark
        at = behind.end_mark.index if behind else first.index
        if node.flow_style:
            self._edit(at, at, f", {pair}" if behind else f"{pair}, ")
            return
        at = self._text.index("\n", at) + 1 if behind else self._start(first)
        self._edit(at, at, f"{' ' * first.column}{pair}{self.end}")

    def cut(self, section: str, key: str, new: str) -> str:
        """Takes an entry out of a section: its lines, with its own comments, and its key as `new`.

        Raises KeyError where it stands there by a merge key alone.
        """
        holder = _own(self._root)[section].value
        name = _own(holder)[key].key
        start, column = self._start(name.start_mark), name.start_mark.column
        heads = (head.start_mark for node in (self._root, holder) for head, _ in node.value)
        behind = (mark.index - mark.column for mark in heads if mark.index > name.end_mark.index)
        rest = rf"(?:^(?:[ \t\r]*| {{0,{column}}}#.*)\n)*\Z"  # which is not the entry's
        end = self._before(rest, min(behind, default=len(self._text)))
        self._edit(start, end, "")
        before, after = name.start_mark.index, name.end_mark.index
        return f"{self._text[start:before]}{new}{self._text[after:end]}"

    def insert(self, section: str, lines: str) -> None:
        """Lines before a section and the comment directly above it. Raises KeyError."""
        at = self._start(_own(self._root)[section].key.start_mark)
        self._edit(at, at, lines)

    def changed(self) -> str:
        """The text with all changes; of those at one place, the later comes first."""
        text = self._text
        for edit in sorted(self._edits, key=lambda edit: edit.start, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text.removesuffix(self._added)

    def _edit(self, start: int, end: int, text: str) -> None:
        self._edits.append(_Edit(start, end, text))

    def _start(self, mark: StringMark) -> int:
        """Of the line of a key, or of the comments of its column directly above it."""
        return self._before(rf"(?:^ {{{mark.column}}}#.*\n)*\Z", mark.index - mark.column)

    def _before(self, lines: str, end: int) -> int:
        """Where a run of such lines begins that ends there."""
        found = re.search(lines, self._text[:end], re.MULTILINE)
        return found.start() if found else end


def entries(node: Node) -> dict[str, Entry]:
    """Of a mapping by key, its own before those of merge keys; none of what is no mapping."""
    return reduce(lambda found, base: {**entries(base), **found}, _merged(node), _own(node))


def bases(node: Node) -> Iterator[Node]:
    """The mappings that its merge keys bring, and those that theirs do."""
    for base in _merged(node):
        yield base
        yield from bases(base)


def _own(node: Node) -> dict[str, Entry]:
    pairs = node.value if isinstance(node, MappingNode) else []
    return {key.value: Entry(key, value) for key, value in pairs if isinstance(key, ScalarNode)}


def _merged(node: Node) -> Iterator[Node]:
    for key, value in _own(node).values():
        if key.tag == _MERGE:
            yield from value.value if isinstance(value, SequenceNode) else [value]


def _plain(node: Node, key: str) -> Node | None:
    """The value of a key of its own, if it is some text on one line and no alias."""
    for name, value in node.value:
        start, end = value.start_mark, value.end_mark
        if name.value == key and isinstance(value, ScalarNode) and start.line == end.line:
            return value if value.value and start.index > name.start_mark.index else None
    return None
