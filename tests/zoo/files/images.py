"""Whole image files of all kinds that are read, small and made on the spot."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import tifffile
from PIL import Image

from video.still.heif_builder import write_heif

IMAGES = (
    "image.png", "animation.png", "image.jpg", "strips.tif", "tiles.tif", "jpeg.tif", "image.webp", "lossless.webp",
    "grid.heic", "grid.avif", "image.tga", "image.bmp", "image.exr", "image.jp2",
)  # fmt: skip
FRAMES = {"animation.png": 5}
"""How many there are, where it is not one."""
X, Y = np.arange(96)[None, :, None], np.arange(64)[:, None, None]


def picture(index: int = 0) -> np.ndarray:
    smooth = X * 1.5 + Y + np.array([0, 20, 40]) + 9 * index
    return ((smooth + 12 * np.sin(X / 3) * np.sin(Y / 5 + index)) % 250).astype(np.uint8)


def image_bytes(name: str, folder: Path) -> bytes:
    path = folder / name
    image = Image.fromarray(picture())
    kind, _, suffix = name.partition(".")
    if kind == "animation":
        others = [Image.fromarray(picture(n)) for n in range(1, FRAMES[name])]
        image.save(path, save_all=True, append_images=others, duration=40)
    elif kind == "grid":
        whole = np.tile(picture(), (2, 2, 1))[:128, :128]
        tiles = [whole[:64, :64], whole[:64, 64:], whole[64:, :64], whole[64:, 64:]]
        write_heif(path, tiles, columns=2, brand=suffix, pixel_format="yuv420p")
    elif kind == "tiles":
        tifffile.imwrite(path, picture(), tile=(32, 32), photometric="rgb", compression="zlib")
    elif kind == "jpeg":
        image.save(path, compression="jpeg", strip_size=96 * 3 * 16)
    elif suffix == "exr":
        path.write_bytes(_exr())
    else:
        options = {"lossless.webp": {"lossless": True}, "image.tga": {"compression": "tga_rle"}}.get(name, {})
        image.save(path, **options)
    return path.read_bytes()


def png(width: int = 96, height: int = 64, index: int = 0, mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture(index)).resize((width, height)).convert(mode).save(data, "PNG")
    return data.getvalue()


def _exr() -> bytes:
    encoder = av.CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 96, 64, "gbrpf32le"
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(picture(), "rgb24").reformat(format="gbrpf32le")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
