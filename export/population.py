"""A copy of a trained model whose predictions are for another population."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from fer_zoo.errors import UsageError
from fer_zoo.files import write_json
from fer_zoo.inference.prior import Prior, frequencies, normalized
from fer_zoo.zoo import labels_of, run_config
from fer_zoo.zoo.keras_file import save_keras

from .make import load_model
from .publish import RUN_FILES

# The least share of a class, whose logarithm is finite.
_LEAST = 1e-6


@contextmanager
def adapted_to(source: Path, prior: Prior, training: tuple[float, ...] | None) -> Iterator[Path]:
    """A copy of a run; the log of `prior` over the training prior is added to its model's last bias.

    The softmax of the shifted logits equals what `fer_zoo.inference.prior.adapt` computes from the probabilities, so
    that files of any format can contain the adaptation.

    Args:
        source: A `model.keras`, with the files of its run beside it.
        prior: As `load_classifier` takes it, but for `estimate`.
        training: The share of each class in training: `fer_zoo.zoo.training_prior`.

    Yields:
        The `model.keras` of the copy, whose `config.json` has the new `prior`; it is removed afterwards.

    Raises:
        UsageError: The prior is to be estimated, the training prior is not known, or the model is an ensemble.
    """
    model = load_model(source)
    logits = model.get_layer("logits")
    if not isinstance(logits, keras.layers.Dense):
        raise UsageError(f"{model.name} averages several models: it has no last bias; export one of them")
    if training is None:
        raise UsageError(f"{model.name} does not tell how often each class occurred in its training; train it again")
    labels = labels_of(source, model.output_shape[1])
    target = frequencies(prior, labels, normalized(training))
    if target is None:
        raise UsageError("an export needs fixed frequencies: estimate them first with `Classifier.estimate_prior`")
    kernel, bias = logits.get_weights()
    logits.set_weights([kernel, bias + np.log(np.maximum(target, _LEAST) / normalized(training))])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in RUN_FILES:
            if (source.parent / name).exists():
                shutil.copyfile(source.parent / name, folder / name)
        write_json(folder / "config.json", run_config(source.parent) | {"prior": target.tolist()})
        save_keras(model, folder / source.name, labels)
        yield folder / source.name
