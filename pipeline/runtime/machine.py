"""What to say of an error that is the machine's, and says nothing of the data: by its cause."""

from __future__ import annotations

import errno
from urllib.error import URLError

_SAYS = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT), "the disk is full, or your quota is; make room on it"
    ),
    errno.ENOLCK: (
        "the file system has no locks (as some network disks); work on one that has, or have it "
        "mounted with locks"
    ),
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE),
        "too many open files; raise the limit (ulimit -n), or lower compute.workers",
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "it may not be read or written; look at the rights of the file and of its folder",
    ),
    **dict.fromkeys((errno.EIO, errno.ESTALE), "the disk reports a fault; look at the disk"),
    errno.ENOMEM: "memory is short; lower compute.memory, compute.workers or training.batch",
    **dict.fromkeys(
        (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE),
        "another process that it talks to has ended; look for its own message above",
    ),
    **dict.fromkeys(
        (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT),
        "the network cannot be reached; nothing of the pipeline needs it but weights to download",
    ),
}


def told(error: BaseException) -> str:
    """One line: what it is, what to do, and that no file of the data was judged by it."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(error, MemoryError):
        says = _SAYS[errno.ENOMEM]
    elif isinstance(error, URLError):
        says = _SAYS[errno.ENETUNREACH]
    else:
        says = _SAYS.get(getattr(cause, "errno", None) or 0, "look at memory, disk and open files")
    return (
        f"{type(error).__name__}: {error}: {says}. No file of the data was judged by it; then run "
        "it again"
    )
