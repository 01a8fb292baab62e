"""Sky and ground: the array that everything else is painted on."""

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .classes import ROAD, SIDEWALK, SKY, TERRAIN
from .noise import look_up, tile
from .scene import Plan
from .style import Style
from .things import Thing

Image = NDArray[np.float32]

SURFACES = ("road", "path", "kerb", "grass")
CLASS = np.array([ROAD, SIDEWALK, SIDEWALK, TERRAIN], np.uint8)
UNDER_LOT = {"building": "path", "park": "grass", "wall": "grass", "fence": "grass"}


def lay_backdrop(
    plan: Plan,
    camera: Camera,
    style: Style,
    shade: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return image (H, W, 3) and label (H, W) of the empty street under its sky.

    `shade` (H, W) is the share of light that reaches the ground.
    """
    top, z, x = camera.ground()
    image = np.empty((camera.height, camera.width, 3), np.float32)
    label = np.full((camera.height, camera.width), SKY, np.uint8)
    image[:top] = _sky(camera, style, top, rng)
    surface = _surfaces(plan, z, x)
    label[top:] = CLASS[surface]
    colours = _colours(style, rng)[surface]
    colours[_marked(plan, z, x) & (surface == 0)] = 0.86 * colours[0, 0] / 4 + 165
    colours[_railed(plan, x) & (surface == 0)] *= 0.62
    colours += _texture(style, z, x, rng)[..., None]
    colours *= (shade[top:] * (style.ambient + 0.75 * style.sun))[..., None]
    keep = np.exp(-style.weather.haze * z)[:, None, None]
    image[top:] = colours * keep + np.array(style.haze_colour, np.float32) * (1 - keep)
    return np.clip(image, 0, 255).astype(np.uint8), label


def _sky(camera: Camera, style: Style, top: int, rng: np.random.Generator) -> Image:
    """Return the rows above the horizon: a gradient with clouds, flatter towards the horizon."""
    height = np.linspace(1.0, 0.0, max(top, 1), dtype=np.float32)[:top]
    zenith, horizon = (np.array(c, np.float32) for c in style.sky)
    sky = horizon + (zenith - horizon) * (height[:, None] ** 0.8)
    across = np.arange(camera.width, dtype=np.float32) * (300 / camera.width)
    rows = 30 + 260 * (1 - height) ** 2 + rng.uniform(0, 256)
    clouds = look_up(tile(7, 64), rows[:, None], across[None, :] + np.float32(rng.uniform(0, 256)))
    cloudy = rng.uniform(*style.clouds)
    cover = np.clip(0.5 * clouds + 2 * cloudy - 1, 0, 1)[..., None]
    tone = 240 + 8 * clouds[..., None] * cloudy
    return np.asarray(sky[:, None, :] * (1 - 0.75 * cover) + tone * 0.75 * cover, np.float32)


def _surfaces(plan: Plan, z: Image, x: Image) -> NDArray[np.uint8]:
    """Return the surface (an index into SURFACES) of every ground pixel.

    Each row is a depth and each strip a range of x, so a small table (row, strip) holds all.
    """
    table = np.empty((len(z), len(plan.strips)), np.uint8)
    for column, strip in enumerate(plan.strips):
        table[:, column] = SURFACES.index("grass" if strip == "lot" else strip)
    for thing in plan.things:
        if thing.kind in UNDER_LOT:
            table[_rows(thing, z), 0 if thing.x < 0 else -1] = SURFACES.index(UNDER_LOT[thing.kind])
    if plan.crossing:
        table[(z > plan.crossing[0]) & (z < plan.crossing[1])] = SURFACES.index("road")
    strip_of = np.zeros(x.shape, np.uint8)
    for edge in plan.edges:
        strip_of += x > edge
    return np.asarray(np.take_along_axis(table, strip_of, axis=1))


def _rows(thing: Thing, z: Image) -> NDArray[np.bool_]:
    return (z >= thing.z) & (z <= thing.z + thing.length)


def _colours(style: Style, rng: np.random.Generator) -> Image:
    kerb = tuple(0.5 * (a + 200) for a in style.path)
    base = np.array([style.road, style.path, kerb, style.grass], np.float32)
    return np.asarray(base * rng.uniform(0.9, 1.1, (4, 1)) + rng.normal(0, 3, (4, 3)), np.float32)


def _marked(plan: Plan, z: Image, x: Image) -> NDArray[np.bool_]:
    """Tell which pixels carry paint: lane lines, and zebra stripes before a side street."""
    dash = ((z % 7.0) < 3.0)[:, None]
    open_road = np.ones(len(z), bool)
    if plan.crossing:
        open_road = (z < plan.crossing[0] - 4.2) | (z > plan.crossing[1] + 1)
    marked = np.zeros(x.shape, bool)
    for line, dashed in plan.lines:
        stripe = np.abs(x - line) < 0.08
        marked |= (stripe & dash if dashed else stripe) & open_road[:, None]
    if plan.crossing:
        zebra = (z > plan.crossing[0] - 3.2) & (z < plan.crossing[0] - 0.4)
        marked |= zebra[:, None] & ((x % 1.1) < 0.55)
    return marked


def _railed(plan: Plan, x: Image) -> NDArray[np.bool_]:
    if plan.rails is None:
        return np.zeros(x.shape, bool)
    return np.asarray(np.abs(np.abs(x - plan.rails) - 0.72) < 0.06)


def _texture(style: Style, z: Image, x: Image, rng: np.random.Generator) -> Image:
    """Return grain and blotches lying on the ground, fading where they get too small to see."""
    shift = rng.uniform(0, 256, 4).astype(np.float32)
    depth = z[:, None]
    grain = look_up(tile(1, 2), depth * 9 + shift[0], x * 22 + shift[1])
    blotch = look_up(tile(2, 32), depth * 7 + shift[2], x * 16 + shift[3])
    near = 1 / (1 + depth / 14)
    return np.asarray(style.grain * grain * near + style.blotch * blotch * near**0.5, np.float32)
