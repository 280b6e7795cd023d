"""The process that decodes pictures and finds their faces; `photos` starts and ends it."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from fer_zoo.crops import crop_centre
from fer_zoo.errors import FerZooError
from fer_zoo.faces import FaceDetector
from fer_zoo.faces.search import PhotoFaces, search_photo
from fer_zoo.memory import keep_memory
from fer_zoo.pictures import PictureTooLargeError, read_picture

# Pictures of at most so many pixels and bytes are decoded in the server's own process.
SMALL_PIXELS = 256 * 256
_SMALL_BYTES = 100_000
_SMALL_FORMATS = (b"\x89PNG\r\n", b"\xff\xd8\xff")


@dataclass(frozen=True)
class Unreadable:
    """A picture that is refused with an HTTP status and one sentence."""

    status: int
    reason: str


def work(end: socket.socket, max_pixels: int, max_faces: int) -> None:
    """Reply to each `(content, cropped)` with `PhotoFaces` or `Unreadable`, until the server closes the connection."""
    # Ctrl-C goes to all processes of a terminal; the server then waits for the requests that run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    connection = Connection(end.detach())
    detector = FaceDetector()
    with suppress(EOFError, OSError):
        while True:
            content, cropped = connection.recv()
            connection.send(read_crops(content, cropped, detector, max_pixels, max_faces))


def read_crops(
    content: bytes, cropped: bool, detector: FaceDetector, max_pixels: int, max_faces: int
) -> PhotoFaces | Unreadable:
    """The faces of an image file.

    Args:
        content: Content of the file.
        cropped: Whether the picture shows one face and nothing else, so that it is not searched.
        detector: Finds the faces.
        max_pixels: Larger pictures are refused before they are decoded.
        max_faces: Return at most so many faces, those with the best scores.
    """
    try:
        return search_photo(content, detector, whole=cropped, max_pixels=max_pixels, max_faces=max_faces)
    except PictureTooLargeError as error:
        return Unreadable(413, f"{error}; shrink or crop it")
    except FerZooError as error:
        return Unreadable(400, str(error))
    except MemoryError:
        return Unreadable(413, "the image needs more memory than there is; shrink or crop it")


def read_small_face(content: bytes) -> PhotoFaces | None:
    """Decode a small picture of one face here, which takes less time than sending it to another process.

    Returns:
        The face; `None` if the picture is not a PNG or JPEG of at most `SMALL_PIXELS`, or cannot be read.
    """
    if len(content) > _SMALL_BYTES or not content.startswith(_SMALL_FORMATS):
        return None
    try:
        picture = read_picture(content, SMALL_PIXELS)
    except FerZooError:
        return None
    crops = crop_centre(picture.pixels)[None]
    return PhotoFaces(picture.width, picture.height, None, crops, picture.animated, picture.mode)
