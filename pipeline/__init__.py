"""Carries a semantic-segmentation model from a labelled domain to an unlabelled one, in rounds.

Every file has a room, and each room's __init__ says what lives in it. docs/architecture.md draws
them.
"""

import sys
from importlib.util import find_spec

if find_spec("pydantic") is None:
    sys.exit(
        f"error: {sys.executable} has none of the packages that this needs; activate the project's "
        "environment: . .venv/bin/activate (`make demo` makes it)"
    )
