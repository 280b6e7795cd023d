"""The files of the page: shipped in this package, or written to a folder that any web server can host."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from pathlib import Path

from fer_zoo.errors import UsageError
from fer_zoo.faces.detector import MODEL
from fer_zoo.files import remove_leftovers, write_bytes
from fer_zoo.serve.catalog import ServedModel, catalog

STATIC = Path(__file__).with_name("static")
CATALOG = "models.json"

# `wasm-unsafe-eval` allows the page to compile WebAssembly and nothing else; connect-src keeps photos on the machine.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}


def page_files(models: list[ServedModel], default: ServedModel) -> dict[str, bytes | Path]:
    """Every file of the page by its address relative to the page: the content of `models.json`, else a path on disk.

    Files whose name ends in `.gz` are compressed; their address has no `.gz`.
    """
    static = {path.relative_to(STATIC).as_posix().removesuffix(".gz"): path for path in sorted(STATIC.rglob("*"))}
    files: dict[str, bytes | Path] = {
        address: path for address, path in static.items() if Path(address).suffix in TYPES
    }
    files["yunet.onnx"] = MODEL
    files["yunet.LICENSE.txt"] = MODEL.with_suffix(".LICENSE")
    files |= {model.address: model.verified_path() for model in models}
    files[CATALOG] = json.dumps(asdict(catalog(models, default)), indent=2, ensure_ascii=False).encode()
    return files


def unpacked(path: Path) -> bytes:
    """The content of a file of the page, decompressed if it is compressed."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def build(folder: Path, models: list[ServedModel], default: ServedModel) -> int:
    """Write the page to `folder`; an older page there is replaced and its models are removed.

    Returns:
        The size of all files in bytes.

    Raises:
        UsageError: `folder` is a file, or a folder that contains anything but an older page.
    """
    remove_leftovers(folder)
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / CATALOG).exists())):
        raise UsageError(f"{folder} is not an empty folder, nor a page built before; choose another one")
    files = page_files(models, default)
    _remove_models(folder)
    total = 0
    # The catalog is written first: if this process is killed, the next build recognizes the folder as a page.
    for address in sorted(files, key=lambda address: address != CATALOG):
        content = files[address]
        data = unpacked(content) if isinstance(content, Path) else content
        write_bytes(folder / address, data)
        total += len(data)
    return total


def _remove_models(folder: Path) -> None:
    """Remove the models of an older page in the folder."""
    catalog_file = folder / CATALOG
    if catalog_file.exists():
        for model in json.loads(catalog_file.read_text("utf-8"))["models"]:
            path = folder / model["file"]
            if (folder / "models").resolve() in path.resolve().parents:
                path.unlink(missing_ok=True)
