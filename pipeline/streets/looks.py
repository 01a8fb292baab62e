"""The looks of the street world: the numbers to tune for a weaker or stronger shift."""

from .style import Style, Weather

# fmt: off

SUNNY = Weather(
    haze=0.0025, cast=(1.03, 1.0, 0.95), saturation=1.12, contrast=1.06, gamma=1.0,
    noise=1.5, blur=0.0,
)
GOLDEN = Weather(
    haze=0.004, cast=(1.06, 0.99, 0.91), saturation=1.0, contrast=1.05, gamma=1.0,
    noise=4.5, blur=0.0,
)
GLOOM = Weather(
    haze=0.006, cast=(0.92, 0.91, 0.94), saturation=0.65, contrast=0.9, gamma=1.15,
    noise=8.0, blur=0.0015,
)
OVERCAST = Weather(
    haze=0.003, cast=(0.98, 1.0, 1.0), saturation=0.95, contrast=1.0, gamma=1.0,
    noise=3.0, blur=0.0005,
)
DUSK = Weather(
    haze=0.009, cast=(0.82, 0.90, 1.0), saturation=0.6, contrast=0.8, gamma=1.2,
    noise=5.0, blur=0.002,
)

GAME = Style(
    number=1,
    focal=0.95, eye=1.55, horizon=(0.50, 0.58), bonnet=0.0,
    ambient=0.66, sun=0.50, elevation=0.8, shadow=0.42, contact=0.45, shadow_blur=0.0,
    warmth=0.07, clouds=(0.2, 0.75), haze_colour=(185, 205, 228),
    grain=3.0, blotch=3.0, texture=7.0,
    weather=SUNNY, harsh=SUNNY, vignette=0.0,
    lanes=(1, 2, 2), lane_width=(3.5, 4.1), sidewalk=(2.4, 4.2), floors=(1, 4),
    lots=(0.62, 0.16, 0.10, 0.12), verge=0.4, crossing=0.55, tree_row=0.4, parked=0.25,
    traffic=0.8, heavy=0.08, trams=0.16, people=3.0, riders=0.55, stands=0.45,
    lamps=(20, 32), signs=1.3, signals=0.6, bollards=0.1,
    sky=((72, 128, 214), (176, 206, 238)),
    road=(114, 112, 113), path=(190, 182, 170), grass=(112, 150, 62),
    foliage=((62, 118, 40), (88, 138, 48), (48, 100, 46), (108, 140, 52)),
    facades=((226, 206, 172), (212, 156, 116), (238, 230, 212), (182, 192, 204),
             (198, 122, 92), (232, 212, 148), (168, 176, 150)),
    roofs=((156, 86, 66), (120, 112, 108), (176, 118, 84)),
    glass=(74, 104, 138),
    masonry=((206, 190, 160), (176, 120, 92), (200, 200, 194)),
    railing=((232, 230, 224), (92, 98, 104), (150, 110, 76)),
    metal=(96, 98, 104),
    paint=((196, 40, 36), (236, 236, 232), (44, 84, 170), (232, 184, 52), (38, 38, 42),
           (176, 180, 186), (60, 130, 84), (220, 110, 40)),
    livery=((236, 150, 40), (60, 120, 190), (200, 52, 48), (236, 232, 224)),
    clothes=((200, 60, 50), (50, 90, 180), (240, 236, 226), (236, 190, 70), (70, 140, 90),
             (50, 50, 60), (190, 110, 170)),
)

ARCADE = Style(
    number=3,
    focal=0.74, eye=2.3, horizon=(0.40, 0.47), bonnet=0.0,
    ambient=0.80, sun=0.48, elevation=0.42, shadow=0.38, contact=0.4, shadow_blur=0.002,
    warmth=0.14, clouds=(0.3, 0.9), haze_colour=(218, 194, 178),
    grain=9.0, blotch=5.0, texture=9.0,
    weather=GOLDEN, harsh=GLOOM, vignette=0.3,
    lanes=(1, 2, 3), lane_width=(3.3, 3.7), sidewalk=(3.4, 5.6), floors=(3, 9),
    lots=(0.60, 0.16, 0.11, 0.13), verge=0.2, crossing=0.55, tree_row=0.45, parked=0.5,
    traffic=1.0, heavy=0.1, trams=0.25, people=10.0, riders=1.6, stands=1.4,
    lamps=(16, 26), signs=2.4, signals=1.0, bollards=0.4,
    sky=((126, 140, 186), (250, 214, 172)),
    road=(88, 86, 94), path=(156, 142, 138), grass=(104, 118, 56),
    foliage=((70, 94, 44), (96, 108, 46), (54, 84, 50), (112, 114, 50)),
    facades=((152, 148, 152), (112, 128, 146), (170, 118, 94), (198, 178, 150),
             (104, 108, 120), (180, 150, 156), (96, 132, 134)),
    roofs=((96, 74, 72), (70, 74, 88), (110, 86, 74)),
    glass=(128, 108, 100),
    masonry=((140, 124, 116), (156, 104, 84), (176, 166, 160)),
    railing=((70, 72, 82), (196, 190, 186), (120, 84, 70)),
    metal=(78, 76, 86),
    paint=((240, 196, 40), (206, 44, 96), (40, 150, 160), (34, 34, 40), (232, 228, 224),
           (120, 124, 132), (232, 100, 36), (60, 56, 120)),
    livery=((70, 150, 150), (232, 190, 60), (180, 60, 80), (210, 200, 196)),
    clothes=((40, 42, 56), (210, 70, 90), (60, 140, 150), (230, 220, 210), (110, 92, 120),
             (236, 170, 60), (70, 74, 90)),
)

CITY = Style(
    number=2,
    focal=1.08, eye=1.28, horizon=(0.43, 0.51), bonnet=0.06,
    ambient=1.02, sun=0.2, elevation=0.8, shadow=0.08, contact=0.55, shadow_blur=0.006,
    warmth=0.0, clouds=(0.7, 1.0), haze_colour=(196, 204, 204),
    grain=7.0, blotch=10.0, texture=12.0,
    weather=OVERCAST, harsh=DUSK, vignette=0.18,
    lanes=(1, 1, 2), lane_width=(2.9, 3.3), sidewalk=(2.6, 4.4), floors=(2, 6),
    lots=(0.66, 0.14, 0.10, 0.10), verge=0.3, crossing=0.5, tree_row=0.45, parked=0.45,
    traffic=0.9, heavy=0.06, trams=0.16, people=7.0, riders=0.9, stands=0.9,
    lamps=(14, 24), signs=1.6, signals=0.7, bollards=0.35,
    sky=((180, 198, 214), (226, 231, 233)),
    road=(94, 97, 98), path=(134, 130, 126), grass=(92, 108, 66),
    foliage=((52, 82, 44), (68, 96, 48), (44, 72, 46), (84, 100, 52)),
    facades=((164, 150, 130), (134, 126, 116), (182, 174, 154), (146, 110, 92),
             (124, 128, 130), (176, 156, 122), (118, 96, 84)),
    roofs=((98, 64, 54), (72, 74, 78), (84, 78, 74)),
    glass=(52, 60, 66),
    masonry=((122, 114, 104), (112, 84, 72), (140, 138, 132)),
    railing=((60, 66, 66), (84, 88, 84), (104, 88, 70)),
    metal=(70, 76, 76),
    paint=((36, 38, 42), (92, 96, 100), (170, 174, 176), (30, 44, 74), (206, 208, 206),
           (96, 30, 32), (64, 70, 74)),
    livery=((206, 200, 184), (150, 40, 40), (196, 170, 70), (70, 96, 120)),
    clothes=((40, 42, 50), (70, 76, 84), (44, 56, 84), (110, 100, 88), (120, 46, 44),
             (204, 200, 190), (60, 92, 150), (178, 72, 60)),
)

# fmt: on

LOOKS = {"game": GAME, "arcade": ARCADE, "city": CITY}
STYLES = tuple(LOOKS)


def style_named(name: str) -> Style:
    """Return the style of that name; ValueError for an unknown one."""
    if name not in LOOKS:
        raise ValueError(f"unknown style {name!r}: choose one of {', '.join(STYLES)}")
    return LOOKS[name]
