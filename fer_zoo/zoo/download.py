"""Downloads the zoo's model files that are not on this machine."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fer_zoo.console import download_progress
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.files import atomic_path, sha256
from fer_zoo.zoo.artifact import Artifact
from fer_zoo.zoo.paths import artifact_path, cached_path, has_checksum, verify_checksum

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Where the project publishes its model files, in the layout of the artifacts folder; empty until it does.
PUBLISHED_AT = ""
_HUB = "https://huggingface.co/{}/resolve/main/"

_OTHER_ADDRESS = "set FER_ZOO_MODELS to another address or to a folder that has the zoo's files"

_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_CHUNK = 1 << 16


def fetch(artifact: Artifact, folder: Path) -> Path:
    """The path of an artifact's file, with its checksum verified; the file is downloaded if it is not on this machine.

    Args:
        artifact: An entry of the manifest.
        folder: The artifacts folder, where the manifest is.

    Raises:
        UsageError: The file is not on this machine, and there is no address to download it from.
        FerZooError: The file is damaged, its path leaves the folder, or it cannot be downloaded.
    """
    path = artifact_path(artifact, folder)
    return verify_checksum(path, artifact.sha256) if path.is_file() else fetch_to_cache(artifact)


def fetch_to_cache(artifact: Artifact) -> Path:
    """The path of an artifact's copy in the cache, which is downloaded if it is missing or damaged.

    The copy appears when it is complete and its SHA-256 is that of the manifest, so that several processes may download
    the same file at once.

    Raises:
        UsageError: `FER_ZOO_MODELS` is not an address, or it is not set and the project has no address of its own.
        FerZooError: The file cannot be downloaded, or is not the one that the manifest describes.
    """
    path = cached_path(artifact)
    if path.is_file() and has_checksum(path, artifact.sha256):
        return path
    base = models_address()
    if not base:
        raise UsageError(f"{artifact.reference} is not on this machine; {_how_to_get(artifact)}")
    with atomic_path(path) as temporary:
        if isinstance(base, Path):
            source: str | Path = artifact_path(artifact, base)
            _copy(base / artifact.path, temporary)
        else:
            source = base + quote(artifact.path)
            _download(source, temporary, artifact)
        if sha256(temporary) != artifact.sha256:
            raise FerZooError(
                f"{source} is not the file that the manifest describes (its sha256 differs), and was not kept; "
                "set FER_ZOO_MODELS to where the files of this version are"
            )
    return path


def models_address() -> str | Path:
    """Where model files are downloaded from: `FER_ZOO_MODELS`, else the project's own address.

    Returns:
        A web address that ends in `/`, a folder, or an empty string if there is no address.

    Raises:
        UsageError: `FER_ZOO_MODELS` is neither a web address, nor `hf://OWNER/NAME`, nor a folder.
    """
    text = os.environ.get("FER_ZOO_MODELS") or PUBLISHED_AT
    if not text:
        return ""
    if re.fullmatch(r"hf://[\w.-]+/[\w.-]+/?", text):
        return _HUB.format(text.removeprefix("hf://").rstrip("/"))
    if re.match(r"https?://[^/]", text):
        return text.rstrip("/") + "/"
    if Path(text).is_dir():
        return Path(text)
    raise UsageError(f"FER_ZOO_MODELS is {text!r}; it takes a web address, hf://OWNER/NAME or a folder")


def _how_to_get(artifact: Artifact) -> str:
    clone = "has it" if artifact.shipped else f"makes it with `python -m export {artifact.model}`"
    return f"a clone of the project {clone}; or set FER_ZOO_MODELS to an address to download it from"


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise FerZooError(f"there is no file {source}; set FER_ZOO_MODELS to a folder that has the zoo's files")
    shutil.copyfile(source, target)


def _download(address: str, target: Path, artifact: Artifact) -> None:
    """Download a file; if the connection breaks, start again from its first byte.

    Raises:
        FerZooError: The file cannot be downloaded.
    """
    import requests
    from pooch import HTTPDownloader

    with download_progress() as bar:
        progress = _PoochProgress(bar, bar.add_task(str(artifact.reference), total=artifact.bytes))
        download = HTTPDownloader(progress, chunk_size=_CHUNK)
        for attempt in range(1, _ATTEMPTS + 1):
            progress.reset()
            try:
                return download(address, target, None)
            except requests.HTTPError as error:
                status = "an error" if error.response is None else error.response.status_code
                raise FerZooError(f"the server answered {status} to {address}; {_OTHER_ADDRESS}") from error
            except (requests.exceptions.ChunkedEncodingError, requests.ReadTimeout) as error:
                if attempt == _ATTEMPTS:
                    raise FerZooError(
                        f"the connection to {address} broke off {attempt} times; run the same command again"
                    ) from error
                time.sleep(_PAUSE_SECONDS)
            except requests.RequestException as error:
                raise FerZooError(f"{address} cannot be reached; check the network, or {_OTHER_ADDRESS}") from error


class _PoochProgress:
    """Shows the progress of pooch's downloader, which expects tqdm's methods, on a progress bar of rich."""

    total = 0

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def update(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def reset(self) -> None:
        self._bar.reset(self._task)

    def close(self) -> None:
        pass
