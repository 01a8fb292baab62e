"""The built-in world: procedural streets in two styles, "game" and "city", with exact labels.

Imports nothing else of the project. Used by generate and its section.
"""

from .looks import STYLES
from .world import render

__all__ = ["STYLES", "render"]
