"""The built-in world: procedural streets of two games and a city, with exact labels.

"game" shows sunny suburbs, "arcade" a downtown at evening, "city" narrower streets under clouds.
Imports nothing else of the project. Used by generate and its section.
"""

from .looks import STYLES
from .world import render

__all__ = ["STYLES", "render"]
