"""A loader whose process ends is told as what it is."""

import pytest

from pipeline.runtime.files import BadInput
from pipeline.runtime.readers import read


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(104, "Connection reset by peer"), ConnectionRefusedError(111, "x"),
        BrokenPipeError(32, "x"), EOFError(), FileNotFoundError(2, "No such file or directory"),
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_reader_that_ends_amid_a_batch_is_told_as_what_it_is(error):
    """Whatever its end does to the connection that the batch came by."""

    def loader():
        yield "batch"
        raise error

    found = read(loader())
    assert next(found) == "batch"
    with pytest.raises(BadInput, match=r"process that reads images has ended: .*compute\.workers"):
        next(found)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CUDA error"), ValueError("x"), FileNotFoundError(2, "gone", "a.png"),
     BadInput("a.png: is bad")],
)  # fmt: skip
def test_what_a_reader_says_itself_stays_what_it_is(error):
    def loader():
        raise error
        yield

    with pytest.raises(type(error)) as told:
        next(read(loader()))
    assert told.value is error
