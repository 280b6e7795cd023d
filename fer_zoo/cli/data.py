"""`fer-zoo data check`, `fer-zoo data crop` and `fer-zoo data download`."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from fer_zoo.console import out
from fer_zoo.data.check import check, print_check
from fer_zoo.data.crop_folders import crop_photos
from fer_zoo.data.readers import open_source
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.files import temporary_folder
from fer_zoo.packages import not_installed

KAGGLE = "msambare/fer2013"
BY_HAND = (
    f"By hand: open https://www.kaggle.com/datasets/{KAGGLE}, press Download, "
    "and pass the zip (or the folder it unpacks to) as --data, e.g. python -m fer_zoo.train --data archive.zip"
)


def download(output: Path | None = None) -> Path:
    """Fetch FER2013 from Kaggle.

    Args:
        output: Folder to copy it to; `None` leaves it in kagglehub's own cache folder.

    Returns:
        The folder that contains `train` and `test`.

    Raises:
        UsageError: `output` is not an empty folder.
        FerZooError: kagglehub is not installed, or Kaggle cannot be reached; the message says how to download by hand.
    """
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is not an empty folder; choose another --output")
    try:
        import kagglehub
    except ImportError as error:
        raise FerZooError(f"{not_installed('kagglehub')}. {BY_HAND}") from error
    try:
        folder = Path(kagglehub.dataset_download(KAGGLE))
    except Exception as error:  # kagglehub raises exceptions of requests, of urllib3 and of its own.
        unreachable = isinstance(error, OSError) and getattr(error, "response", None) is None
        reason = "no connection" if unreachable else (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FerZooError(f"cannot download {KAGGLE} from Kaggle ({reason}). {BY_HAND}") from error
    open_source(folder)
    if output is None:
        return folder
    with temporary_folder(output.absolute().parent) as temporary:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        if output.exists():
            output.rmdir()
        temporary.rename(output)
    return output


def main(arguments: list[str]) -> int | None:
    options = _parser().parse_args(arguments)
    if options.command == "download":
        out.print(f"FER2013 is in {download(options.output)}: pass that folder as --data", markup=False)
        return 0
    if options.command == "crop":
        cropped = crop_photos(options.photos, options.output)
        for line in cropped.lines():
            out.print(line, markup=False)
        out.print(f"Written to {options.output}: pass that folder as --data", markup=False)
        return 1 if cropped.unreadable else 0
    result = check(options.path, options.output)
    print_check(result)
    out.print(f"Written to {options.output}", markup=False)
    return 1 if result.unreadable else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check a data set, cut faces out of photos, or download FER2013.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    checking = commands.add_parser(
        "check",
        help="counts (FER2013's beside the official ones), unreadable files, copies, a sample of the faces",
        description="Count the images per class and split beside the official numbers, and find unreadable files, "
        "wrong sizes, exact copies, test images that are also in train, and copies with different labels. "
        "Exit code 1 when a file cannot be read.",
    )
    checking.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", help="a folder, a zip or a CSV (default: the bundled sample)"
    )
    checking.add_argument(
        "--output",
        type=Path,
        default=Path("runs/data_check"),
        metavar="DIR",
        help="where check.json and check.png go (default: %(default)s)",
    )
    cropping = commands.add_parser(
        "crop",
        help="cut the largest face out of each photo, for training on them",
        description="Cut the largest face out of each photo below a folder, as prediction does, and write it as a gray "
        "image of 48x48 pixels to a folder of the same name in OUTPUT. Photos of at most 64 pixels are faces already. "
        "Exit code 1 when a photo cannot be read; the others are written all the same.",
    )
    cropping.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder with a folder of photos for each class")
    cropping.add_argument("output", type=Path, metavar="OUTPUT", help="a new or empty folder")
    downloading = commands.add_parser(
        "download",
        help=f"fetch the full FER2013 from Kaggle ({KAGGLE})",
        description=f"Fetch the full FER2013 from Kaggle ({KAGGLE}) with kagglehub.",
    )
    downloading.add_argument(
        "--output", type=Path, metavar="DIR", help="an empty or new folder to copy it to (default: kagglehub's cache)"
    )
    return parser
