"""Time the training steps of one network on one backend: `python -m benchmarks.training.step BACKEND NETWORK VARIANT`.

A process of its own, since a backend is chosen before Keras is imported. Prints JSON. The network `peak` is a matrix
product, the most that a step could reach.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from fer_zoo.backend import select_backend

if TYPE_CHECKING:
    import keras

BATCH = 128
VARIANTS = ("stock float32", "ours float32", "ours bfloat16")
PEAK = "peak"
_PEAK_SIZE = 2048


def main(backend: str, network: str, variant: str, warmup: int, seconds: float) -> None:
    select_backend(backend)
    if network == PEAK:
        print(json.dumps({"gflops": _peak_gflops(variant.rpartition(" ")[2], seconds)}))
        return
    import keras

    from fer_zoo.data import load_dataset
    from fer_zoo.data.batches import one_hot
    from fer_zoo.models.macs import count_macs
    from fer_zoo.sharding import all_cores

    training = load_dataset().subset("train")
    images, targets = training.images[: 4 * BATCH, ..., None].astype("float32"), one_hot(training.labels[: 4 * BATCH])

    class Feed(keras.utils.PyDataset):
        @property
        def num_batches(self) -> int:
            return 1_000_000

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            start = index % 4 * BATCH
            return images[start : start + BATCH], targets[start : start + BATCH]

    clock = _clock(warmup, seconds)
    stock = variant == "stock float32"
    keras.utils.set_random_seed(0)
    with nullcontext() if stock else all_cores(BATCH):
        model = _build(network)
        trained = _stock(model) if stock else _ours(model, variant.removeprefix("ours "), backend)
        trained.fit(Feed(), steps_per_epoch=1_000_000, shuffle=False, verbose=0, callbacks=[clock])
    print(json.dumps(clock.figures() | {"weights": model.count_params(), "macs": count_macs(model)}))


def _peak_gflops(precision: str, seconds: float) -> float:
    """The best of the products of two square matrices in `seconds`, billions of multiplications and additions each."""
    import keras
    import numpy as np

    normal = np.random.default_rng(0).normal(size=(_PEAK_SIZE, _PEAK_SIZE)).astype("float32")
    matrix = keras.ops.cast(keras.ops.convert_to_tensor(normal), precision)
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.matmul(matrix, matrix)[0, 0], "float32"))
        best = min(best, time.perf_counter() - start)
    return 2 * _PEAK_SIZE**3 / best / 1e9


def _clock(warmup: int, seconds: float) -> Any:
    import keras

    class Clock(keras.callbacks.Callback):
        """Times every step after `warmup` steps, and stops when `seconds` are over and at least five were timed."""

        def __init__(self) -> None:
            super().__init__()
            self.ends: list[float] = []

        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            if logs:
                float(logs["loss"])  # Waits for the step on a backend that computes ahead.
            self.ends.append(time.perf_counter())
            if len(self.ends) > warmup + 5 and self.ends[-1] - self.ends[warmup] > seconds:
                self.model.stop_training = True

        def figures(self) -> dict[str, Any]:
            times = [1e3 * (b - a) for a, b in zip(self.ends[warmup:], self.ends[warmup + 1 :], strict=False)]
            cuts = statistics.quantiles(times, n=10)
            return {
                "steps": len(times),
                "images_per_second": BATCH * len(times) / (self.ends[-1] - self.ends[warmup]),
                "step_p10_ms": cuts[0],
                "step_p50_ms": statistics.median(times),
                "step_p90_ms": cuts[-1],
            }

    return Clock()


def _stock(model: keras.Model) -> keras.Model:
    """Stock Keras: the model itself, with Keras's own choice of compilation."""
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def _ours(model: keras.Model, precision: str, backend: str) -> keras.Model:
    from fer_zoo.training import TrainingConfig
    from fer_zoo.training.optimizer import compiled

    return compiled(model, TrainingConfig(backend=backend, precision=precision), steps=100)


def _build(network: str) -> keras.Model:
    if network == "baseline_cnn":
        from fer_zoo.models import build_model

        return build_model(network)
    return {"mobilenet-like": _mobilenet_like, "vgg": _vgg}[network]()


def _mobilenet_like() -> keras.Model:
    """Depthwise-separable blocks as MobileNet has them, 24² to 6²."""
    from fer_zoo.models.blocks import classifier, conv_bn, image_input

    image, x = image_input()
    x = conv_bn(x, 32, "stem", strides=2)
    for block, (filters, strides) in enumerate(((64, 1), (128, 2), (128, 1), (256, 2), (256, 1))):
        x = _depthwise(x, strides, f"block{block}_depthwise")
        x = conv_bn(x, filters, f"block{block}", kernel=1)
    return _model(image, classifier(x, 7, 0.0))


def _depthwise(x: keras.KerasTensor, strides: int, name: str) -> keras.KerasTensor:
    from keras import layers

    x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=name)(x)
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))


def _vgg() -> keras.Model:
    """Eight 3x3 convolutions, two each of 64, 128, 256 and 256 channels at 48², 24², 12² and 6²."""
    from keras import layers

    from fer_zoo.models.blocks import classifier, conv_bn, image_input

    image, x = image_input()
    for stage, filters in enumerate((64, 128, 256, 256), start=1):
        x = conv_bn(conv_bn(x, filters, f"stage{stage}a"), filters, f"stage{stage}b")
        x = layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x) if stage < 4 else x
    return _model(image, classifier(x, 7, 0.0))


def _model(image: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.Model:
    import keras

    return keras.Model(image, probabilities)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
