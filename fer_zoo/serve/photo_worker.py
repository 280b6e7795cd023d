"""The process that decodes pictures and finds their faces; `photos` starts and ends it."""

from __future__ import annotations

import ctypes
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from fer_zoo.crops import crop_centre
from fer_zoo.errors import FerZooError
from fer_zoo.faces import Face, FaceDetector, crop_face
from fer_zoo.pictures import PictureTooLargeError, read_picture

# Of a picture after which the memory that was freed goes back to the system.
_LARGE = 4_000_000


@dataclass(frozen=True)
class Crops:
    """The faces of one picture.

    Attributes:
        width: Of the upright picture, in pixels.
        height: The same.
        faces: Where they are, the best score first; `None` where the picture is one face already.
        crops: uint8 `[n, 48, 48]`, one for each.
    """

    width: int
    height: int
    faces: list[Face] | None
    crops: np.ndarray


@dataclass(frozen=True)
class Unreadable:
    """A picture that is refused with an HTTP status and one sentence."""

    status: int
    reason: str


def work(connection: Connection, max_pixels: int, max_faces: int) -> None:
    """Answer each `(content, cropped)` with `Crops` or `Unreadable` until the other end closes."""
    # Ctrl-C goes to all processes of a terminal; the server then waits for the requests that run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    detector = FaceDetector()
    with suppress(EOFError, OSError):
        while True:
            content, cropped = connection.recv()
            found = read_crops(content, cropped, detector, max_pixels, max_faces)
            connection.send(found)
            if isinstance(found, Crops) and found.width * found.height > _LARGE:
                _release_memory()


def read_crops(
    content: bytes, cropped: bool, detector: FaceDetector, max_pixels: int, max_faces: int
) -> Crops | Unreadable:
    """The faces of an image file.

    Args:
        content: Of the file.
        cropped: The picture is one face already; none is searched.
        detector: Finds them.
        max_pixels: Larger pictures are refused before they are decoded.
        max_faces: The best are kept.
    """
    try:
        photo = read_picture(content, max_pixels).pixels
    except PictureTooLargeError as error:
        return Unreadable(413, f"{error}; shrink or crop it")
    except FerZooError as error:
        return Unreadable(400, str(error))
    except MemoryError:
        return Unreadable(413, "the image needs more memory than there is; shrink or crop it")
    height, width = photo.shape[:2]
    if cropped:
        return Crops(width, height, None, crop_centre(photo)[None])
    faces = detector.detect(photo)[:max_faces]
    return Crops(width, height, faces, np.array([crop_face(photo, face) for face in faces], np.uint8))


def _release_memory() -> None:
    """glibc keeps freed memory for the process, up to hundreds of megabytes after a large picture."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
