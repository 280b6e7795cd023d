"""One face as pictures of every kind."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

Y, X = np.mgrid[:48, :48]
FACE = (10 + 2 * X + 3 * Y).astype(np.uint8)
GRAY = Image.fromarray(FACE)
LEFT = X < 20


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _oriented(orientation: int, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(GRAY, kind, exif=exif)


def _with_alpha(image: Image.Image, alpha: np.ndarray) -> Image.Image:
    image = image.copy()
    image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return image


def _chunk(name: bytes, content: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", right if checksum is None else checksum)


def _png_with(chunk: bytes) -> bytes:
    """The face with a chunk behind the header."""
    content = encoded(GRAY, "PNG")
    return content[:33] + chunk + content[33:]


def _pgm(maximum: int) -> bytes:
    values = np.round(FACE / 255 * maximum).astype(">u2")
    return b"P5 48 48 %d\n" % maximum + values.tobytes()


def _transparent_palette() -> bytes:
    image = Image.fromarray(np.where(LEFT, 0, FACE).astype(np.uint8)).convert("P")
    return encoded(image, "PNG", transparency=image.getpixel((0, 0)))


def _wide_float() -> bytes:
    return encoded(Image.fromarray(np.pad(FACE, ((0, 0), (8, 9)), mode="edge") / np.float32(255)), "TIFF")


ORIENTATION_AS_TEXT = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI4sI", 0x0112, 2, 2, b"6", 0)
BLACK_LEFT = np.where(LEFT, 0, FACE)
ANIMATION = {"save_all": True, "append_images": [Image.new("L", (48, 48), 200)]}

# The content of a file, the face in it, and how many levels a lossy format or a conversion of colours may change.
CASES: dict[str, tuple[Callable[[], bytes], np.ndarray, int]] = {
    "1": (lambda: encoded(Image.fromarray(LEFT), "PNG"), np.where(LEFT, 255, 0), 0),
    "L": (lambda: encoded(GRAY, "PNG"), FACE, 0),
    "BMP": (lambda: encoded(GRAY, "BMP"), FACE, 0),
    "LA opaque": (lambda: encoded(_with_alpha(GRAY, 255 + 0 * X), "PNG"), FACE, 0),
    "LA transparent": (lambda: encoded(_with_alpha(GRAY, np.where(LEFT, 0, 255)), "PNG"), BLACK_LEFT, 0),
    "LA half": (lambda: encoded(_with_alpha(GRAY, 128 + 0 * X), "PNG"), (FACE * 128.0 + 127) // 255, 0),
    "P": (lambda: encoded(GRAY.convert("P"), "PNG"), FACE, 0),
    "P transparent": (_transparent_palette, BLACK_LEFT, 0),
    "GIF": (lambda: encoded(GRAY, "GIF"), FACE, 0),
    "animated GIF": (lambda: encoded(GRAY, "GIF", **ANIMATION), FACE, 0),
    "animated PNG": (lambda: encoded(GRAY, "PNG", **ANIMATION), FACE, 0),
    "RGB": (lambda: encoded(GRAY.convert("RGB"), "PNG"), FACE, 0),
    "RGBA": (lambda: encoded(_with_alpha(GRAY.convert("RGB"), np.where(LEFT, 0, 255)), "PNG"), BLACK_LEFT, 0),
    "WebP": (lambda: encoded(GRAY.convert("RGB"), "WEBP", lossless=True), FACE, 0),
    "CMYK": (lambda: encoded(GRAY.convert("CMYK"), "TIFF"), FACE, 1),
    "CMYK JPEG": (lambda: encoded(GRAY.convert("CMYK"), "JPEG", quality=100), FACE, 4),
    "YCbCr": (lambda: encoded(GRAY.convert("RGB").convert("YCbCr"), "TIFF", compression="tiff_lzw"), FACE, 1),
    "LAB": (lambda: encoded(Image.merge("LAB", [GRAY, *[Image.new("L", (48, 48), 128)] * 2]), "TIFF"), FACE, 30),
    "JPEG gray": (lambda: encoded(GRAY, "JPEG", quality=100), FACE, 2),
    "JPEG colour": (lambda: encoded(GRAY.convert("RGB"), "JPEG", quality=100), FACE, 2),
    "16-bit PNG": (lambda: encoded(Image.fromarray(FACE * np.uint16(257)), "PNG"), FACE, 0),
    "16-bit TIFF": (lambda: encoded(Image.fromarray(FACE * np.uint16(257)), "TIFF"), FACE, 0),
    "16-bit PGM": (lambda: _pgm(65535), FACE, 0),
    "10-bit PGM": (lambda: _pgm(1023), FACE, 0),
    "32-bit TIFF of 0..255": (lambda: encoded(Image.fromarray(FACE.astype(np.int32)), "TIFF"), FACE, 0),
    "32-bit TIFF of 0..65535": (lambda: encoded(Image.fromarray(FACE.astype(np.int32) * 257), "TIFF"), FACE, 0),
    "32-bit TIFF": (lambda: encoded(Image.fromarray(FACE.astype(np.int32) * 8421504), "TIFF"), FACE, 1),
    "float TIFF of 0..1": (lambda: encoded(Image.fromarray(FACE / np.float32(255)), "TIFF"), FACE, 0),
    "float TIFF of 0..255": (lambda: encoded(Image.fromarray(FACE.astype(np.float32)), "TIFF"), FACE, 0),
    "orientation 3": (lambda: _oriented(3), FACE[::-1, ::-1], 0),
    "orientation 6": (lambda: _oriented(6), np.rot90(FACE, -1), 0),
    "orientation 6 of a TIFF": (lambda: _oriented(6, "TIFF"), np.rot90(FACE, -1), 0),
    "orientation as text": (
        lambda: encoded(GRAY, "JPEG", quality=100, exif=ORIENTATION_AS_TEXT),
        np.rot90(FACE, -1),
        2,
    ),
    "orientation 9": (lambda: _oriented(9), FACE, 0),
    "EXIF that is none": (lambda: encoded(GRAY, "PNG", exif=b"Exif\0\0\0\x08\0\x02\x01\x12\0\x03"), FACE, 0),
    "EXIF without end": (lambda: encoded(GRAY, "JPEG", quality=100, exif=b"Exif\0\0II*\0\xff\xff\xff\0"), FACE, 2),
    "text of a wrong checksum": (lambda: _png_with(_chunk(b"tEXt", b"a\0b", checksum=1)), FACE, 0),
    "text that unpacks to 2 MB": (
        lambda: _png_with(_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000)))),
        FACE,
        0,
    ),
    "colour profile that is none": (lambda: _png_with(_chunk(b"iCCP", b"x\0\0nothing")), FACE, 0),
    "transparency of a wrong checksum": (lambda: _png_with(_chunk(b"tRNS", b"\0\x0a", checksum=1)), FACE, 0),
    "wide": (lambda: encoded(Image.fromarray(np.pad(FACE, ((0, 0), (8, 9)))), "PNG"), FACE, 0),
    "tall": (lambda: encoded(Image.fromarray(np.pad(FACE, ((8, 9), (0, 0)))), "PNG"), FACE, 0),
    "wide float TIFF": (_wide_float, FACE, 0),
}
