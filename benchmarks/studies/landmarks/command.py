"""`python -m benchmarks landmarks`: what landmarks, attention and multi-scale features add to fernet_nano."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.backend import BACKENDS, select_backend
from fer_zoo.console import out
from fer_zoo.option_types import positive
from fer_zoo.packages import require
from fer_zoo.training.history import EpochRecord
from fer_zoo.training.reporter import Reporter

from ...arguments import add_data, add_output, command_parser, output_folder
from ...drawing import save_figure
from ...outputs import write_outputs
from .variants import VARIANTS


class _Lines(Reporter):
    """A line for each message and each epoch."""

    def message(self, text: str) -> None:
        out.print(text, markup=False)

    def epoch(self, record: EpochRecord, number: int, epochs: int) -> None:
        out.print(f"epoch {number}/{epochs}  loss {record.loss:.4f}  PublicTest {record.selection_accuracy:.2%}")


def main(arguments: list[str]) -> int:
    """Train and measure, and write `landmarks.json`, `.csv`, `.md` and `.png`, and `landmarks_faces.png`."""
    parser = command_parser(
        "landmarks",
        "Train fernet_nano with and without guidance by landmarks, attention and multi-scale features, on the same "
        "budget, and measure all on faces as they are, and turned, hidden and shifted. Runs that exist are reused.",
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="only these")
    parser.add_argument("--seeds", nargs="+", type=positive, default=[1, 2, 3], metavar="N", help="one run for each")
    parser.add_argument("--epochs", type=positive, default=6, metavar="N", help="of each run")
    parser.add_argument("--images", type=positive, metavar="N", help="of PrivateTest; else all")
    parser.add_argument("--runs", type=Path, default=Path("runs", "landmarks"), metavar="FOLDER", help="of the runs")
    parser.add_argument("--backend", choices=BACKENDS, help="of the trainings; else the environment's KERAS_BACKEND")
    add_data(parser)
    add_output(parser)
    options = parser.parse_args(arguments)
    backend = select_backend(options.backend)
    require("matplotlib", "sklearn", "cv2")
    from .measure import measure
    from .page import to_markdown
    from .plot import plot_differences, plot_faces

    study, examples = measure(
        options.data,
        options.runs,
        options.variants,
        options.seeds,
        options.epochs,
        options.images,
        backend,
        _Lines(),
    )
    folder = output_folder(options)
    save_figure(folder / "landmarks_faces.png", plot_faces(examples), dpi=110)
    page = write_outputs(folder, "landmarks", to_markdown(study), plot_differences(study), study, study.runs)
    out.print(f"report: {page}", markup=False)
    return 0
