"""`segue` as a person runs it, in this process."""

import pytest
from typer.testing import CliRunner

from pipeline.commands import app
from pipeline.runtime.files import BadInput


def invoke(*arguments):
    """What came of a command."""
    words = [*map(str, arguments)]
    return CliRunner().invoke(app(words), words)


def segue(*arguments):
    """stdout and stderr of a command that must succeed."""
    result = invoke(*arguments)
    if result.exception:
        raise result.exception
    return result.stdout, result.stderr


def refusal(*arguments):
    with pytest.raises(BadInput) as error:
        segue(*arguments)
    return str(error.value)
