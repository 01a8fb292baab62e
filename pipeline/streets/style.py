"""What makes up the look of a street world: plain numbers."""

from dataclasses import dataclass

from .colour import Colour, Palette

Span = tuple[float, float]


@dataclass(frozen=True)
class Weather:
    """Air, light and sensor: what changes from one drive to the next in the same streets."""

    haze: float  # per metre
    cast: Colour  # gain of each channel
    saturation: float
    contrast: float
    gamma: float  # > 1 darkens the middle tones
    noise: float  # standard deviation in tones
    blur: float  # radius as a share of the picture's width

    def towards(self, other: "Weather", share: float) -> "Weather":
        """Return the weather `share` (0..1) of the way to the other one."""
        red, green, blue = (mix(a, b, share) for a, b in zip(self.cast, other.cast, strict=True))
        return Weather(
            haze=mix(self.haze, other.haze, share),
            cast=(red, green, blue),
            saturation=mix(self.saturation, other.saturation, share),
            contrast=mix(self.contrast, other.contrast, share),
            gamma=mix(self.gamma, other.gamma, share),
            noise=mix(self.noise, other.noise, share),
            blur=mix(self.blur, other.blur, share),
        )


def mix(start: float, end: float, share: float) -> float:
    """Return the number `share` of the way from `start` to `end`."""
    return (1 - share) * start + share * end


@dataclass(frozen=True)
class Style:
    """Everything that distinguishes one look from another.

    Lengths are metres, colours RGB 0..255, spans (low, high). The shift between two
    domains is the difference of two instances in `looks`.
    """

    number: int  # enters the random seed

    # camera
    focal: float  # share of the picture's width
    eye: float  # height above the road
    horizon: Span  # share of the picture's height
    bonnet: float  # share of the picture's height hidden by the ego vehicle

    # light
    ambient: float
    sun: float
    elevation: float  # of the sun above the horizon, in radians
    shadow: float  # darkness of cast shadows, 0..1
    contact: float  # darkness of contact shadows, 0..1
    shadow_blur: float  # share of the picture's width
    warmth: float  # > 0 makes sunlit faces yellower
    clouds: Span  # cover of the sky, 0..1
    haze_colour: Colour

    # surface texture, in tones of 0..255
    grain: float
    blotch: float
    texture: float

    # weather and sensor
    weather: Weather  # at its mildest
    harsh: Weather  # each picture lies somewhere between the two
    vignette: float  # darkening of the corners, 0..1

    # layout
    lanes: tuple[int, ...]  # each way
    lane_width: Span
    sidewalk: Span
    floors: tuple[int, int]
    lots: tuple[float, float, float, float]  # weights of building, park, wall, fence
    verge: float  # chance of a strip of grass by the kerb
    crossing: float  # chance of a side street
    tree_row: float  # chance for each side
    parked: float  # share of taken parking slots; 0 leaves the parking lane out
    traffic: float  # vehicles per lane on 60 m
    heavy: float  # share of trucks and of buses in the traffic
    trams: float  # chance of a tram
    people: float  # mean number
    riders: float
    stands: float  # mean number of groups of parked bicycles or motorcycles
    lamps: Span  # distance between lamp posts
    signs: float
    signals: float
    bollards: float  # chance for each side

    # palettes
    sky: tuple[Colour, Colour]  # zenith, horizon
    road: Colour
    path: Colour
    grass: Colour
    foliage: Palette
    facades: Palette
    roofs: Palette
    glass: Colour
    masonry: Palette
    railing: Palette
    metal: Colour
    paint: Palette
    livery: Palette
    clothes: Palette
