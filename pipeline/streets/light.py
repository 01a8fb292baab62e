"""From the painted street to the picture a camera would take of it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .classes import BUILDING, FENCE, SKY, TERRAIN, VEGETATION, WALL
from .noise import SIDE, look_up, tile
from .style import Style

Array = NDArray[np.float32]

LUMA = np.array([0.3, 0.59, 0.11], np.float32)

# how much of the style's texture shows on a class
ROUGHNESS = np.full(256, 0.15, np.float32)
ROUGHNESS[[BUILDING, WALL, FENCE, VEGETATION, TERRAIN, SKY]] = (0.5, 0.7, 0.5, 1.2, 0.8, 0.0)


def develop(
    image: NDArray[np.uint8], label: NDArray[np.uint8], style: Style, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the image (H, W, 3) with the surface texture, lens and sensor of the style."""
    tones = image.astype(np.float32)
    tones += (_texture(label.shape, style, rng) * ROUGHNESS[label])[..., None]
    tones = _grade(tones, style)
    if style.vignette:
        tones *= _vignette(label.shape, style.vignette)[..., None]
    if style.weather.blur:
        tones = _blurred(tones, style.weather.blur * image.shape[1])
    if style.weather.noise:
        tones += style.weather.noise * _sensor_noise(label.shape, rng)
    return np.clip(tones, 0, 255).astype(np.uint8)


def _texture(shape: tuple[int, ...], style: Style, rng: np.random.Generator) -> Array:
    """Return coarse and fine spots, of the same size in pictures of any size."""
    step = SIDE / shape[1]
    rows = np.arange(shape[0], dtype=np.float32) * step + np.float32(rng.uniform(0, SIDE))
    columns = np.arange(shape[1], dtype=np.float32) * step + np.float32(rng.uniform(0, SIDE))
    spots = look_up(tile(3, 4), rows[:, None], columns[None, :])
    return np.asarray(style.texture * spots, np.float32)


def _grade(tones: Array, style: Style) -> Array:
    """Apply saturation, contrast about the middle tone, gamma and colour cast."""
    grey = (tones @ LUMA)[..., None]
    vivid = grey + style.weather.saturation * (tones - grey)
    graded = np.clip(128 + style.weather.contrast * (vivid - 128), 0, 255)
    if style.weather.gamma != 1.0:
        graded = 255 * (graded / 255) ** np.float32(style.weather.gamma)
    return np.asarray(graded * np.array(style.weather.cast, np.float32), np.float32)


def _vignette(shape: tuple[int, ...], strength: float) -> Array:
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in shape[:2])
    return np.asarray(1 - strength * (y[:, None] + x[None, :]) / 2, np.float32)


def _blurred(tones: Array, radius: float) -> Array:
    image = Image.fromarray(np.clip(tones, 0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32)


def _sensor_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return noise of unit deviation, mostly common to the three channels."""
    shared = rng.standard_normal(shape, dtype=np.float32)[..., None]
    return 0.85 * shared + 0.5 * rng.standard_normal((*shape, 3), dtype=np.float32)
