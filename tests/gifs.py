"""GIF files whose indices are those given: Pillow's own writer sorts its palette anew."""

import struct

import numpy as np


def written(pixels, palette):
    """A GIF's bytes: uint8 (h, w) of indices into 256 colours, of nine bits each, uncompressed."""
    height, width = pixels.shape
    rows = pixels.ravel().tolist()
    codes = []
    for start in range(0, len(rows), 200):  # before a decoder would take ten bits
        codes += [256, *rows[start : start + 200]]
    bits = "".join(f"{code:09b}"[::-1] for code in (*codes, 257))
    data = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    blocks = b"".join(
        struct.pack("B", len(data[i : i + 255])) + data[i : i + 255]
        for i in range(0, len(data), 255)
    )
    head = b"GIF89a" + struct.pack("<2H3B", width, height, 0xF7, 0, 0)
    colours = np.asarray(palette, np.uint8).tobytes()
    frame = b"," + struct.pack("<4HB", 0, 0, width, height, 0)
    return head + colours + frame + b"\x08" + blocks + b"\0;"
