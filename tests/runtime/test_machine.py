"""Errors of the machine: each cause has its own words and its own way out."""

import errno
from urllib.error import HTTPError, URLError

import pytest

from pipeline.runtime import machine

CAUSES = {
    "full": OSError(errno.ENOSPC, "No space left on device"),
    "quota": OSError(errno.EDQUOT, "Disk quota exceeded"),
    "locks": OSError(errno.ENOLCK, "No locks available"),
    "handles": OSError(errno.EMFILE, "Too many open files"),
    "rights": PermissionError(errno.EACCES, "Permission denied"),
    "fault": OSError(errno.EIO, "Input/output error"),
    "memory": MemoryError("Unable to allocate 9 GiB"),
    "ended": ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    "network": URLError(OSError(-3, "Temporary failure in name resolution")),
    "refused": HTTPError("https://x", 403, "Forbidden", None, None),
    "unknown": OSError(errno.EDOM, "Numerical argument out of domain"),
}
WORDS = {
    "full": "make room", "quota": "make room", "locks": "has no locks", "handles": "ulimit -n",
    "rights": "rights of the file", "fault": "look at the disk", "memory": "memory is short",
    "ended": "another process", "network": "the network cannot be reached",
    "refused": "the network cannot be reached", "unknown": "look at memory, disk and open files",
}  # fmt: skip


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_its_own_way_out(cause):
    told = machine.told(CAUSES[cause])
    assert told.startswith(f"{type(CAUSES[cause]).__name__}: ")
    assert WORDS[cause] in told
    others = {words for other, words in WORDS.items() if words != WORDS[cause]}
    assert not [words for words in others if words in told]
    assert "\n" not in told
