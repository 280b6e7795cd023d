"""Decodes pictures of all common formats to upright 8-bit arrays; all image files are decoded here."""

from __future__ import annotations

import io
import math
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.packages import not_installed
from fer_zoo.text import reason

# A path, the content of an image file, or a Pillow image.
PictureSource = str | os.PathLike | bytes | Image.Image

# Pillow supports many more formats; some are decoded by slow Python code, and one starts another program.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF")
FORMAT_NAMES = "JPEG, PNG, BMP, GIF, WebP, TIFF, PPM, PGM, AVIF or HEIC"
SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm"),
    *(".ppm", ".tif", ".tiff", ".webp"),
)

MAX_PIXELS = 80_000_000

_ORIENTATION = 0x0112
_TIFF_BITS_PER_SAMPLE, _TIFF_SAMPLE_FORMAT = 258, 339
_TIFF_SIGNED = 2
_PNG_START = b"\x89PNG\r\n\x1a\n"
# The chunks that the pixels of a PNG depend on.
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_HEIC_BRANDS = (b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevx", b"mif1", b"msf1")
# Rows that are computed at a time, so that little memory is needed in addition to the picture.
_ROWS = 256


class PictureError(FerZooError):
    """A picture that cannot be read.

    Attributes:
        reason: The message without the name of the picture, such as `is empty`.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.reason = reason

    def __str__(self) -> str:
        return " ".join(self.args)


class PictureTooLargeError(PictureError):
    """A picture that has too many pixels; it was not decoded."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 `[h, w]` (gray) or `[h, w, 3]` (RGB), upright.
        mode: Pillow's name of the mode in which the picture is stored; `L` is 8-bit gray.
        animated: Whether the file is an animation; `pixels` is its first frame.
        width: Width of the upright picture at its stored size, in pixels.
        height: Height of the upright picture at its stored size, in pixels.
        scale: 1, 2, 4 or 8: the stored size divided by the size of `pixels`.
    """

    pixels: np.ndarray
    mode: str
    animated: bool
    width: int
    height: int
    scale: int = 1

    @property
    def rgb(self) -> np.ndarray:
        """The pixels as RGB, uint8 `[h, w, 3]`."""
        return self.pixels if self.pixels.ndim == 3 else np.repeat(self.pixels[..., None], 3, axis=2)


@dataclass(frozen=True)
class _Options:
    """The options of `read_picture`."""

    max_pixels: int
    longer_side: int | None
    gray_suffices: bool


def read_picture(
    source: PictureSource,
    max_pixels: int = MAX_PIXELS,
    *,
    longer_side: int | None = None,
    gray_suffices: bool = False,
) -> Picture:
    """Decode a picture: JPEG, PNG, BMP, GIF, WebP, TIFF, PPM or PGM; AVIF where Pillow has it, HEIC with pillow-heif.

    - The picture is rotated by its EXIF orientation, stored as a number or as text. Metadata that cannot be read is
      ignored.
    - Transparent parts are composited on black. Of an animation, the first frame is read.
    - Gray stays gray; palettes, CMYK, YCbCr, LAB and HSV become RGB. The ICC profile of the file is ignored.
    - Values of more than 8 bits are scaled by the range of the format: 16-bit gray from 0..65535, TIFF of 12 bits from
      0..4095. For formats without a fixed range, it is the smallest range that contains the largest value: 0..1, 0..255
      or 0..65535 for floating-point numbers, 8, 16, 24 or 32 (signed: 31) bits for 32-bit integers.

    Args:
        source: A path, the content of an image file, or a Pillow image.
        max_pixels: Larger pictures are refused before they are decoded.
        longer_side: Lowest number of pixels that the longer side must have: a JPEG file is decoded at 1/2, 1/4 or 1/8
            of its size if that is enough, which takes a fraction of the time and memory. Other formats, and Pillow
            images, are decoded at full size.
        gray_suffices: Whether colours may be left out to save time. `pixels` of a JPEG file is then its stored luma.

    Raises:
        UsageError: `source` is of another type.
        PictureTooLargeError: The picture has more than `max_pixels`.
        PictureError: The file is missing, empty, damaged, or in another format.

    Examples:
        >>> from fer_zoo.pictures import read_picture
        >>> picture = read_picture("photo.jpg")
        >>> picture.pixels.dtype, picture.pixels.shape, picture.animated
        (dtype('uint8'), (480, 480, 3), False)
    """
    if not isinstance(source, PictureSource):
        kinds = "a path, the content of an image file as bytes, or a Pillow image"
        raise UsageError(f"a photo must be {kinds}, not {type(source).__name__}")
    name = "the image" if isinstance(source, bytes | Image.Image) else os.fspath(source)
    options = _Options(max_pixels, longer_side, gray_suffices)
    try:
        if isinstance(source, Image.Image):
            # At full size, since Pillow's `draft` would change the caller's image.
            return _decoded(source, name, _Options(max_pixels, None, gray_suffices=False))
        with _binary(source, name) as file:
            try:
                return _read(file, name, options)
            except (FerZooError, MemoryError, Image.DecompressionBombError):
                raise
            except Exception:  # Pillow raises many types of errors, even if only the metadata of a PNG is damaged.
                if (pixels_only := _without_metadata(file)) is None:
                    raise
                return _read(pixels_only, name, options)
    except (FerZooError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise PictureError(name, f"is not an image in a format that is read here: {FORMAT_NAMES}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLargeError(name, f"has too many pixels, the limit is {_millions(max_pixels)}") from error
    except Exception as error:  # Damaged files make Pillow raise OSError, SyntaxError, ValueError, EOFError and others.
        raise PictureError(name, f"cannot be read: {reason(error)}") from error


@contextmanager
def _binary(source: str | os.PathLike | bytes, name: str) -> Iterator[IO[bytes]]:
    """Open a picture as a binary file; PictureError if there is no such file."""
    if isinstance(source, bytes):
        if not source:
            raise PictureError(name, "is empty")
        yield io.BytesIO(source)
        return
    path = Path(source)
    try:
        status = path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise PictureError(name, "is a link to a file that does not exist") from error
        raise PictureError(name, "does not exist") from error
    if stat.S_ISDIR(status.st_mode):
        raise PictureError(name, "is a folder, not an image")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(name, "is a device or a pipe, not a file")
    if not status.st_size:
        raise PictureError(name, "is empty")
    with path.open("rb") as file:
        yield file


def _read(file: IO[bytes], name: str, options: _Options) -> Picture:
    start = file.read(64)
    file.seek(0)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS and b"avif" not in start:
        return _decoded(_heic(file, name), name, options)
    if start[4:8] == b"ftyp" and b"avif" in start and "AVIF" not in _formats():
        raise PictureError(name, "is an AVIF image, which Pillow reads from version 11.3 on; upgrade Pillow")
    with Image.open(file, formats=_formats()) as image:
        return _decoded(image, name, options)


def _heic(file: IO[bytes], name: str) -> Image.Image:
    try:
        import pillow_heif
    except ImportError as error:
        raise PictureError(name, f"is a HEIC image: {not_installed('pillow_heif')}") from error
    # Not registered in Pillow, which would change the whole process.
    return pillow_heif.open_heif(file).to_pillow()


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _decoded(image: Image.Image, name: str, options: _Options) -> Picture:
    width, height = image.size
    if width * height > options.max_pixels:
        limit = f"({_millions(width * height)}, the limit is {_millions(options.max_pixels)})"
        raise PictureTooLargeError(name, f"has too many pixels {limit}")
    animated = image.format in ("GIF", "WEBP", "PNG", "AVIF") and getattr(image, "is_animated", False)
    mode = image.mode
    scale = _draft(image, options)
    image.load()
    orientation = _orientation(image)
    if orientation >= 5:
        width, height = height, width
    return Picture(_upright(_pixels(image), orientation), mode, animated, width, height, scale)


def _draft(image: Image.Image, options: _Options) -> int:
    """Set a JPEG file to be decoded at the smallest size that suffices; returns the scale, 1 for full size."""
    if image.format not in ("JPEG", "MPO") or (options.longer_side is None and not options.gray_suffices):
        return 1
    width, height = image.size
    longer = options.longer_side or max(width, height)
    # Unless the scale divides the size, the last column and row stand for fewer pixels than the others. In a picture
    # that is rotated or mirrored they would become the first.
    whole = math.gcd(width, height, 8) if _orientation(image) > 1 else 8
    scales = [scale for scale in (8, 4, 2) if scale <= whole and scale * longer <= max(width, height)]
    # A side of 1 pixel is never made smaller.
    size = [max(1, side // max(scales, default=1)) for side in image.size]
    drafted = image.draft("L" if options.gray_suffices else None, tuple(size))  # type: ignore[arg-type]
    return round(width / drafted[1][2]) if drafted else 1


def _pixels(image: Image.Image) -> np.ndarray:
    """The pixels in the orientation in which the picture is stored, uint8 `[h, w]` or `[h, w, 3]`."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _scaled(image)
    if image.has_transparency_data:
        target = "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
        try:
            image = image.convert(target)
        except Exception:  # The transparent colour is damaged: it is ignored.
            image.info.pop("transparency", None)
        else:
            return _on_black(image)
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, *profiles, outputMode="RGB") or image
    # `convert` would copy the picture even if nothing changes.
    image = image if image.mode in ("L", "RGB") else image.convert("RGB")
    pixels = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
    for rows, part in _parts(image):
        pixels[rows] = part.reshape(pixels[rows].shape)
    return pixels[..., 0] if image.mode == "L" else pixels


def _on_black(image: Image.Image) -> np.ndarray:
    """Composite a picture of mode LA or RGBA on black."""
    pixels = np.empty((image.height, image.width, len(image.getbands()) - 1), np.uint8)
    for rows, part in _parts(image):
        pixels[rows] = (part[..., :-1].astype(np.uint16) * part[..., -1:] + 127) // 255
    return pixels[..., 0] if image.mode == "LA" else pixels


def _parts(image: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the picture some rows at a time: the slice of the rows and their pixels."""
    for top in range(0, image.height, _ROWS):
        bottom = min(top + _ROWS, image.height)
        yield slice(top, bottom), np.asarray(image.crop((0, top, image.width, bottom)))


def _scaled(image: Image.Image) -> np.ndarray:
    """Scale values of more than 8 bits to 8 bits."""
    values = np.asarray(image)
    tags: Any = getattr(image, "tag_v2", {})
    if values.dtype == np.int32 and image.format == "TIFF" and tags.get(_TIFF_SAMPLE_FORMAT) != (_TIFF_SIGNED,):
        values = values.view(np.uint32)
    low, high = values.min(), values.max()
    if image.mode.startswith("I;16"):
        ranges = [2 ** (tags.get(_TIFF_BITS_PER_SAMPLE) or (16,))[0] - 1]
    elif image.format in ("PNG", "PPM"):
        ranges = [65535]  # Pillow's decoder has already scaled the file's own range to this one.
    elif values.dtype.kind == "f":
        ranges = [1, 255, 65535]
    else:
        ranges = [2**bits - 1 for bits in (8, 16, 24, 31 if values.dtype == np.int32 else 32)]
    limit = next((limit for limit in ranges if low >= 0 and high <= limit), None)
    if limit is None:  # Also for NaN.
        raise ValueError(f"its values lie in {low:g}..{high:g}, not in 0..{ranges[-1]}")
    scaled = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        scaled[top : top + _ROWS] = values[top : top + _ROWS] * np.float64(255 / limit) + 0.5
    if isinstance(transparent := image.info.get("transparency"), int):
        scaled[values == transparent] = 0
    return scaled


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 (upright) if there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
        number = int(value.rstrip("\0 ") if isinstance(value, str) else value)
    except Exception:  # Pillow raises SyntaxError, struct.error, TypeError and others for damaged EXIF.
        return 1
    return number if 1 <= number <= 8 else 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a picture upright: EXIF orientations 5 to 8 lie on their side, and every second one is mirrored."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _without_metadata(file: IO[bytes]) -> io.BytesIO | None:
    """A copy of a PNG with only the chunks that its pixels depend on; `None` for other formats."""
    file.seek(0)
    if file.read(len(_PNG_START)) != _PNG_START:
        return None
    stripped = io.BytesIO()
    stripped.write(_PNG_START)
    while len(head := file.read(8)) == 8:
        content = file.read(int.from_bytes(head[:4], "big"))
        checksum = file.read(4)
        if head[4:] not in _PNG_CHUNKS:
            continue
        if head[4:] == b"tRNS" and zlib.crc32(head[4:] + content).to_bytes(4, "big") != checksum:
            continue
        stripped.write(head + content + checksum)
    stripped.seek(0)
    return stripped


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:.4g} million"
