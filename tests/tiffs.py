"""TIFF files as other programs write them, byte by byte."""

import struct

import numpy as np


def written(pixels, photometric=None, reduced=None):
    """A plain TIFF's bytes: (h, w) or (h, w, 3); `photometric` 0 says that white is stored as 0.

    `reduced`: a smaller copy of the picture behind it, as GIS tools add them.
    """
    pages = [(pixels, 0)] + ([] if reduced is None else [(reduced, 1)])
    body, at, starts = b"", 8, []
    for page, subfile in pages:
        rows = np.packbits(page, axis=1) if page.dtype == bool else page
        data = rows.astype(rows.dtype.newbyteorder("<")).tobytes()
        channels = page.shape[2] if page.ndim > 2 else 1
        depth = 1 if page.dtype == bool else 8 * page.dtype.itemsize
        colour = 2 if channels == 3 else 1
        entries = {
            254: subfile, 256: page.shape[1], 257: page.shape[0], 258: depth, 259: 1,
            262: colour if photometric is None else photometric, 273: at, 277: channels,
            278: page.shape[0], 279: len(data), 339: 2 if page.dtype.kind == "i" else 1,
        }  # fmt: skip
        if channels == 3:  # a depth for each channel, behind the pixels
            entries[258] = at + len(data)
            data += struct.pack("<3H", *[depth] * 3)
        starts.append(at + len(data))
        directory = struct.pack("<H", len(entries))
        for tag, value in entries.items():
            count = 3 if tag == 258 and channels == 3 else 1
            directory += struct.pack("<HHII", tag, 3 if count == 3 else 4, count, value)
        body += data + directory + b"NEXT"
        at += len(data) + len(directory) + 4
    for following in (*starts[1:], 0):
        body = body.replace(b"NEXT", struct.pack("<I", following), 1)
    return struct.pack("<2sHI", b"II", 42, starts[0]) + body
