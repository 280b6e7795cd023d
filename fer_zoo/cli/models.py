"""`fer-zoo models`: the trained models of the zoo as a table."""

from __future__ import annotations

import argparse

from rich.table import Table

from fer_zoo.console import out
from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.models import list_models
from fer_zoo.tables import print_table
from fer_zoo.zoo.info import ModelInfo, trained_models


def main(arguments: list[str]) -> int:
    argparse.ArgumentParser(description="List the trained models, the most accurate of each task first.").parse_args(
        arguments
    )
    models = sorted(trained_models(), key=lambda model: (model.task != "FER2013", -model.accuracy.get("test", 0)))
    print_table(_table(models))
    untrained = set(list_models()) - {model.architecture for model in models}
    timed = sorted({model.latency.cpu for model in models if model.latency})
    out.print(
        "\nAccuracy of the float32 model on FER2013's test images, and on PrivateTest, their half that chose nothing; "
        "FER+ models by their annotators' majority, which does not compare. "
        f"Latency is the median time of one face{', one thread, ' + ' and '.join(timed) if timed else ''}, "
        "size and latency are of the int8 ONNX file.",
        f"Use one with --model NAME or load_classifier(NAME); the default is {DEFAULT_MODEL}.",
        f"Architectures without trained weights, for fer-zoo train --model NAME: {', '.join(sorted(untrained))}.",
        sep="\n",
        markup=False,
        soft_wrap=False,
        width=80,
    )
    return 0


def _table(models: list[ModelInfo]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", no_wrap=True)
    table.add_column("task", no_wrap=True)
    for heading in ("classes", "test", "Private\nTest", "size", "latency"):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in models:
        int8 = model.file("onnx", "int8")
        table.add_row(
            model.name,
            model.task,
            str(len(model.labels)),
            *(_percent(model.accuracy.get(split)) for split in ("test", "private_test")),
            _size(int8.bytes) if int8 else "",
            f"{model.latency.p50_ms:.3g} ms" if model.latency else "",
        )
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _size(count: int) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
