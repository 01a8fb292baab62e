"""CIELAB and translations by their formulas, in float64, pixel by pixel: slow, none of ours."""

import numpy as np

RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip
WHITE = RGB_TO_XYZ @ np.ones(3)
GOLDEN = {  # to two decimals, as tables print them
    (255, 255, 255): (100, 0, 0), (0, 0, 0): (0, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18), (0, 0, 255): (32.30, 79.19, -107.86),
    (119, 119, 119): (50.03, 0, 0),
}  # fmt: skip


def to_lab(image):
    """(..., 3) float64 of uint8."""
    value = image / 255.0
    light = np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    t = light @ RGB_TO_XYZ.T / WHITE
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def to_rgb(lab):
    """uint8 (..., 3), cut off where the colours end."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    t = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    light = np.clip(t * WHITE @ np.linalg.inv(RGB_TO_XYZ).T, 0, 1)
    value = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    return np.floor(255 * value + 0.5).astype(np.uint8)


def of_the_same_rank(own, other):
    """For each value of `own` the one of `other` whose pixels have the same mean rank."""
    own, other = own.ravel().astype(float), np.sort(other.ravel().astype(float))
    levels = np.unique(other)
    ranks = [((other < v).sum() + (other == v).sum() / 2) / other.size for v in levels]
    mine = [((own < v).sum() + (own == v).sum() / 2) / own.size for v in own]
    return np.interp(mine, ranks, levels)


def reinhard(image, other):
    own, wanted = (to_lab(each).reshape(-1, 3) for each in (image, other))
    scaled = (own - own.mean(0)) / own.std(0) * wanted.std(0) + wanted.mean(0)
    return to_rgb(scaled).reshape(image.shape)


def histograms(image, other):
    """Channel by channel, never all together."""
    made = [
        of_the_same_rank(image[..., c], other[..., c]).reshape(image.shape[:2]) for c in range(3)
    ]
    return np.rint(np.stack(made, -1)).astype(np.uint8)


def dft(length):
    at = np.arange(length)
    return np.exp(-2j * np.pi * np.outer(at, at) / length)


def fourier(image, other, b):
    """By matrices of the whole spectrum: amplitudes of |frequency| <= b in both directions."""
    height, width = image.shape[:2]
    down, across = (np.minimum(np.arange(n), n - np.arange(n)) for n in (height, width))
    window = (down[:, None] <= b) & (across <= b)
    made = []
    for channel in range(3):
        own, wanted = (
            dft(height) @ each[..., channel].astype(float) @ dft(width) for each in (image, other)
        )
        mixed = np.where(window, np.abs(wanted), np.abs(own)) * np.exp(1j * np.angle(own))
        back = dft(height).conj() @ mixed @ dft(width).conj() / (height * width)
        assert np.abs(back.imag).max() < 1e-9
        made.append(back.real)
    return np.stack(made, -1)


def photo(seed, size=(40, 28), low=0, high=255):
    """uint8 (h, w, 3): smooth colours with some noise, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(low, high, (4, 5, 3))
    smooth = coarse.repeat(-(-size[1] // 4), 0).repeat(-(-size[0] // 5), 1)[: size[1], : size[0]]
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def noise_of_1_over_f(seed, size=(64, 48)):
    """uint8 (h, w, 3): amplitudes that fall with frequency, as those of streets do."""
    rng = np.random.default_rng(seed)
    height, width = size[1], size[0]
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij"))
    spectra = np.fft.rfft2(rng.normal(0, 1, (3, height, width))) / np.maximum(radius, 1 / width)
    planes = np.fft.irfft2(spectra, s=(height, width)).transpose(1, 2, 0)
    return np.clip(128 + 30 * (planes - planes.mean()) / planes.std(), 0, 255).astype(np.uint8)
