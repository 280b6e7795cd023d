"""The page of training runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from fer_zoo.evaluation import original
from fer_zoo.text import markdown_rows
from fer_zoo.zoo import with_portable_paths

from ..table import Columns, markdown_table
from .rows import ExperimentRow
from .training_run import Run


def to_markdown(title: str, runs: Sequence[Run]) -> str:
    """Settings and accuracy, F1 by expression, and commands.

    The original's figures come first where they compare with all runs.

    Args:
        title: Title of the page.
        runs: On the same classes; settings and accuracies are compared with the first one's.
    """
    first, rows = runs[0], [run.row() for run in runs]
    count = f"{first.splits['test']['n']:,}"
    changes = {run.name: _changed(run, first) for run in runs}
    columns: Columns[ExperimentRow] = [
        ("run", lambda row: row.run),
        ("backend", lambda row: row.backend),
        ("settings", lambda row: changes[row.run]),
        ("epoch", lambda row: f"{row.best_epoch} of {row.epochs}"),
        ("minutes", lambda row: f"{row.minutes:.0f}"),
        ("train", lambda row: f"{row.train_accuracy:.1%}"),
        ("PublicTest", lambda row: f"{row.public_test:.1%}"),
        ("PrivateTest", lambda row: f"{row.private_test:.1%}"),
        (f"all {count}", lambda row: f"{row.test:.2%}"),
        ("points", lambda row: f"{100 * (row.test - rows[0].test):+.2f}"),
        ("95 % interval", lambda row: f"{row.test_interval[0]:.1%} to {row.test_interval[1]:.1%}"),
        ("macro-F1", lambda row: f"{row.macro_f1:.3f}"),
        ("ECE", lambda row: f"{row.ece:.3f}"),
    ]
    left = [heading for heading, _ in columns]
    table = markdown_table(columns, rows, left=left).splitlines()
    if beside_original(runs):
        published = original.MOBILENET_V2_ACCURACY if _all_transfer(runs) else original.ACCURACY
        cells = {"run": original_name(runs), "backend": "tensorflow", f"all {count}": f"{published:.1%}"}
        table.insert(2, markdown_rows([[cells.get(heading, "") for heading in left]]))
    classes: Columns[tuple[str, dict[str, float]]] = [
        ("run", lambda row: row[0]),
        *((name, lambda row, name=name: f"{row[1][name]:.2f}") for name in first.expressions),
    ]
    names = [heading for heading, _ in classes]
    commands = "\n".join(f"- {run.name}: `{with_portable_paths(run.config['command'])}`" for run in runs)
    sections = [
        f"# {title}",
        "\n".join(table),
        f"`settings` are those that differ from the run {first.name}, whose command is below; `points` are what they "
        f"changed on the {count}. The epoch is chosen on PublicTest. `train` is the accuracy on the training batches "
        "of that epoch, dropout and augmentation on; minutes are the wall time of the training steps, on a machine "
        "that may have been shared.",
        "![What each run changed, on either half of the test images](points.png)"
        if len(runs) > 1
        else "![Accuracy by epoch, and F1 by expression](runs.png)",
        f"## F1 by expression, all {count}",
        markdown_table(classes, list(f1_by_run(runs).items()), left=names),
        f"## Commands\n\n{commands}",
    ]
    return "\n\n".join(sections) + "\n"


def f1_by_run(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """F1 of each expression on all test images, by run, the original's baseline first where the runs are of one."""
    by_run = {run.name: run.row().f1 for run in runs}
    if not beside_original(runs) or _all_transfer(runs):
        return by_run
    return {original_name(runs): {name: row["f1"] for name, row in original.PER_CLASS.items()}} | by_run


def beside_original(runs: Sequence[Run]) -> bool:
    """Whether the original project's figures compare with all runs."""
    return all(run.beside_original for run in runs)


def original_name(runs: Sequence[Run]) -> str:
    """The label of the original project, with its number of test images if the runs have another."""
    return "original" if runs[0].splits["test"]["n"] == original.N else f"original, of {original.N:,}"


def _all_transfer(runs: Sequence[Run]) -> bool:
    return all(run.is_transfer for run in runs)


def _changed(run: Run, first: Run) -> str:
    if averaged := run.config.get("averaged"):
        return f"the mean of {len(averaged)} trainings' weights"
    settings, first_settings = run.settings, first.settings
    names = [name for name in {**first_settings, **settings} if settings.get(name) != first_settings.get(name)]
    return "; ".join(f"{name.replace('_', ' ')} {settings.get(name, 'none')}" for name in names)
