"""Photos in stores that fsspec reaches: S3, Google Cloud Storage, Azure, HDFS, HTTP and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces.photos import Photo
from fer_zoo.packages import not_installed
from fer_zoo.pictures import SUFFIXES, PictureError
from fer_zoo.text import reason

Result = TypeVar("Result")


def is_address(text: object) -> bool:
    """Whether it is an address such as `s3://bucket/photo.jpg`, and not a path."""
    return isinstance(text, str) and "://" in text


def fetch(photo: Photo) -> Photo:
    """The content of a photo at an address; other photos as they are.

    Raises:
        UsageError: fsspec, or its package for that kind of store, is not installed.
        PictureError: It cannot be read.
    """
    if not isinstance(photo, str) or not is_address(photo):
        return photo
    files, path = open_store(photo)
    try:
        content: bytes = files.cat_file(path)
    except FileNotFoundError as error:
        raise PictureError(photo, "does not exist") from error
    except Exception as error:  # Each store has exceptions of its own.
        raise PictureError(photo, f"cannot be read: {reason(error)}") from error
    return content


def open_store(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address or of a local path, and the path in it.

    Raises:
        UsageError: fsspec, or its package for that kind of store, is not installed, or there is no such kind.
    """
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise not_installed("fsspec") from error
    try:
        files, path = fsspec.core.url_to_fs(address)
    except ImportError as error:  # fsspec names the package.
        raise UsageError(f"{address} cannot be opened: {reason(error)}") from error
    except ValueError as error:
        raise UsageError(f"{address} is no address that is known here: {reason(error)}") from error
    return files, path


def find_photos(address: str) -> list[str]:
    """The addresses of the image files anywhere below an address, by name, but for hidden ones; of a file, itself.

    Raises:
        UsageError: As in `open_store`.
        FerZooError: Nothing is there, it has no images, or it cannot be read.
    """
    files, path = open_store(address)
    found: list[str] = _asked(address, lambda: files.find(path))
    if found == [path]:
        return [address]
    if not found:
        raise FerZooError(f"there is nothing at {address}")
    names = [name for name in found if name.lower().endswith(SUFFIXES) and not name.rpartition("/")[2].startswith(".")]
    if not names:
        raise FerZooError(f"the folder {address} has no images")
    return [files.unstrip_protocol(name) for name in sorted(names)]


def _asked(address: str, ask: Callable[[], Result]) -> Result:
    try:
        return ask()
    except Exception as error:  # Each store has exceptions of its own.
        raise FerZooError(f"{address} cannot be read: {reason(error)}") from error
