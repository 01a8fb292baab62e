"""The procedural streets: determinism, label exactness, class balance, the shift of styles."""

import subprocess
import sys
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.streets import STYLES, render
from pipeline.streets.camera import place_camera
from pipeline.streets.looks import LOOKS
from pipeline.streets.scene import plan_street

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]

FREQUENT = {"road": 0, "building": 2, "sky": 10}
RARE = {
    "wall": 3, "fence": 4, "light": 6, "sign": 7, "rider": 12, "train": 16,
    "motorcycle": 17, "bicycle": 18,
}  # fmt: skip
COUNT = 96
GAMES = ("game", "arcade")


@lru_cache
def streets(style: str) -> tuple[Pair, ...]:
    return tuple(render(style, 3, index, 256, 128) for index in range(COUNT))


@lru_cache
def pixels(style: str) -> NDArray[np.int64]:
    """Count the pixels of each class (column) in each picture (row)."""
    return np.array([np.bincount(label.ravel(), minlength=256) for _, label in streets(style)])


@pytest.mark.parametrize("style", STYLES)
def test_equal_arguments_give_equal_bytes(style: str) -> None:
    first, second = render(style, 5, 2, 96, 48), render(style, 5, 2, 96, 48)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import sys, zlib; from pipeline.streets import render;"
        "print([zlib.crc32(a.tobytes()) for a in render('city', 5, 2, 96, 48)])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] != ""


@pytest.mark.parametrize(
    "other", [("city", 5, 2), ("game", 6, 2), ("game", 5, 3)], ids=["style", "seed", "index"]
)
def test_each_argument_changes_picture_and_labels(other: tuple[str, int, int]) -> None:
    one, two = render("game", 5, 2, 96, 48), render(*other, 96, 48)
    assert not np.array_equal(one[0], two[0])
    assert not np.array_equal(one[1], two[1])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [(16, 16), (17, 61), (64, 32), (131, 77), (512, 256)])
def test_any_size(style: str, size: tuple[int, int]) -> None:
    width, height = size
    image, label = render(style, 0, 1, width, height)
    assert image.shape == (height, width, 3)
    assert label.shape == (height, width)
    for array in (image, label):
        assert array.dtype == np.uint8
        assert array.flags.writeable


@pytest.mark.parametrize("style", STYLES)
def test_only_the_nineteen_classes_and_ignore(style: str) -> None:
    found = np.flatnonzero(pixels(style).sum(0))
    assert set(found.tolist()) <= {*range(19), 255}


@pytest.mark.parametrize("style", STYLES)
def test_every_class_is_seen_often_enough(style: str) -> None:
    seen = (pixels(style)[:, :19] >= 20).sum(0)
    assert (seen >= 5).all(), seen


@pytest.mark.parametrize("style", STYLES)
def test_classes_are_imbalanced(style: str) -> None:
    share = pixels(style).sum(0) / pixels(style).sum()
    assert all(share[c] > 0.05 for c in FREQUENT.values())
    assert share[list(FREQUENT.values())].sum() > 0.5
    assert all(0.0002 < share[c] < 0.02 for c in RARE.values())
    assert share[255] < 0.08


def test_only_the_city_shows_the_bonnet() -> None:
    assert all(pixels(game)[:, 255].sum() == 0 for game in GAMES)
    assert (pixels("city")[:, 255] > 0).all()
    label = render("city", 0, 0, 256, 128)[1]
    assert set(np.flatnonzero((label == 255).any(1)).tolist()) <= set(range(110, 128))


@pytest.mark.parametrize("style", STYLES)
def test_labels_lie_on_what_is_drawn(style: str) -> None:
    """The sky is the brightest or bluest part, vegetation the greenest: aligned in each style."""
    sky, road, green, house = [], [], [], []
    for image, label in streets(style)[:40]:
        tones = image.astype(float)
        excess = tones[..., 1] - (tones[..., 0] + tones[..., 2]) / 2
        sky.append(tones[label == 10].mean())
        road.append(tones[label == 0].mean())
        green.append(excess[label == 8].mean() if (label == 8).any() else np.nan)
        house.append(excess[label == 2].mean())
    assert np.mean(sky) > np.mean(road) + 20
    assert np.nanmean(green) > np.mean(house) + 4


@pytest.mark.parametrize("style", STYLES)
def test_label_edges_are_image_edges(style: str) -> None:
    """Across a border of sky and building the picture steps, right there and not beside it."""
    steps: dict[int, list[float]] = {-3: [], 0: [], 3: []}
    for image, label in streets(style):
        tones = image.astype(float).mean(2)
        jump = np.abs(np.diff(tones, axis=1))
        border = (label[:, 3:-4] == 10) & (label[:, 4:-3] == 2)
        for shift in steps:
            steps[shift] += jump[:, 3 + shift : 252 + shift][border].tolist()
    assert np.mean(steps[0]) > 2 * max(np.mean(steps[-3]), np.mean(steps[3]))


def images(style: str) -> NDArray[np.float64]:
    return np.stack([image for image, _ in streets(style)]).astype(float)


def chroma(style: str) -> float:
    return float(np.ptp(images(style), axis=3).mean())


def test_game_and_city_differ_in_light_and_in_layout() -> None:
    game, city = images("game"), images("city")
    assert np.abs(game.mean((0, 1, 2)) - city.mean((0, 1, 2))).max() > 10
    assert game.mean(3).std((1, 2)).mean() > city.mean(3).std((1, 2)).mean()
    assert chroma("game") > 1.5 * chroma("city")
    sky = {s: pixels(s)[:, 10].mean() for s in STYLES}
    people = {s: pixels(s)[:, 11].mean() for s in STYLES}
    assert sky["game"] > 1.3 * sky["city"]
    assert people["city"] > people["game"]


def test_the_arcade_is_warmer_and_grainier_than_both() -> None:
    warmth, grain = {}, {}
    for style in STYLES:
        tones = images(style)
        warmth[style] = (tones[..., 0] - tones[..., 2]).mean()
        road = np.stack([label == 0 for _, label in streets(style)])[:, :, 1:-1]
        grain[style] = np.abs(np.diff(tones.mean(3), 2, axis=2))[road].mean()
    assert warmth["arcade"] > max(warmth["game"], warmth["city"]) + 15
    assert grain["arcade"] > 1.3 * max(grain["game"], grain["city"])
    assert chroma("game") > 1.5 * chroma("arcade") > 1.5 * 1.3 * chroma("city")


def test_the_arcade_is_as_dense_as_the_city() -> None:
    """In how much of it is sky, cars and people it is nearer to the city than the game is."""
    for wanted in (10, 11, 13):
        game, arcade, city = (np.log(pixels(s)[:, wanted].mean()) for s in STYLES)
        assert abs(arcade - city) < 0.6 * abs(game - city)


def test_the_arcade_sees_wider_from_higher_up_on_a_broader_road() -> None:
    """Somebody 12 m ahead: how tall in the picture, and how far below the horizon the feet are."""
    tall, below, kerb = {}, {}, {}
    for style, look in LOOKS.items():
        found = []
        for seed in range(100):
            rng = np.random.default_rng(seed)
            plan = plan_street(look, rng)
            camera = place_camera(look, plan.lane, 256, 128, rng)
            feet, head = (camera.pixel(camera.seen((0.0, y, 12.0)))[1] for y in (0.0, 1.75))
            found.append((feet - head, feet - camera.v0, plan.edges[len(plan.edges) // 2]))
        tall[style], below[style], kerb[style] = np.mean(found, axis=0)
    assert 1.2 * tall["arcade"] < min(tall["game"], tall["city"])
    eye = {style: below[style] / tall[style] for style in STYLES}
    assert eye["arcade"] > 1.4 * max(eye["game"], eye["city"])
    assert kerb["arcade"] > 1.15 * max(kerb["game"], kerb["city"])


def test_a_low_sun_casts_long_shadows(monkeypatch: pytest.MonkeyPatch) -> None:
    def ground() -> tuple[float, bytes]:
        found = [render("arcade", 3, index, 128, 64) for index in range(16)]
        tones = [image[label == 0].mean() for image, label in found]
        return float(np.mean(tones)), b"".join(label.tobytes() for _, label in found)

    low, labels = ground()
    high = replace(LOOKS["arcade"], elevation=1.3)
    monkeypatch.setitem(LOOKS, "arcade", high)
    assert ground()[0] > low + 4
    assert ground()[1] == labels


def test_styles_have_their_own_numbers() -> None:
    assert STYLES == ("game", "arcade", "city")
    assert len({look.number for look in LOOKS.values()}) == len(LOOKS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("town", 0, 0, 64, 32), r"'town'.*game, arcade, city"),
        (("game", 0, 0, 8, 32), r"width is 8.*at least 16"),
        (("game", 0, 0, 64, 15), r"height is 15.*at least 16"),
        (("game", -1, 0, 64, 32), r"seed is -1"),
        (("game", 0, -2, 64, 32), r"index is -2"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple[str, int, int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(*arguments)
