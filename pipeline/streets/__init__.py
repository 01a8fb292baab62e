"""A procedural world of streets in two styles, "game" and "city", with exact labels."""

from .looks import STYLES
from .world import render

__all__ = ["STYLES", "render"]
