"""What this project takes for granted of Keras although its documentation does not say so, one test each.

A new Keras release that fails here changed one of these; the docstring names the code that relies on it.
"""

from __future__ import annotations

import numpy as np
import pytest
from workers import Workers

from fer_zoo.backend import BACKENDS

everywhere = pytest.mark.parametrize("backend", BACKENDS)


def read_positions() -> list[int]:
    import keras

    read = []

    class Recorded(keras.utils.PyDataset):
        num_batches = 4

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            read.append(index)
            return np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(Recorded(), steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
    return read


@everywhere
def test_fit_reads_a_dataset_in_order_over_all_epochs(backend: str, on_backend: Workers) -> None:
    """`training.stream`: `fit` may look at the first batches before it trains, and then reads each once, in order."""
    assert on_backend(backend, read_positions)[-4:] == [0, 1, 2, 3]


def weights_at_epoch_end() -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    import keras

    class Recorded(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            found.append([keras.ops.convert_to_numpy(weight).copy() for weight in model.weights])
            model.optimizer.finalize_variable_values(model.trainable_variables)
            found.append([keras.ops.convert_to_numpy(weight).copy() for weight in model.weights])

    found: list[list[np.ndarray]] = []
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    start = [weight.copy() for weight in model.get_weights()]
    model.compile(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(np.ones((1, 1)), start[0] + 1, verbose=0, callbacks=[Recorded()])
    return start, found[0], found[1]


@everywhere
def test_averaged_weights_are_taken_over_at_the_end_of_an_epoch(backend: str, on_backend: Workers) -> None:
    """`training.loop`: in `on_epoch_end` the model has its trained weights, also on JAX, and the optimizer's
    `finalize_variable_values` replaces them by their moving average, which starts at the first step's result."""
    start, trained, averaged = on_backend(backend, weights_at_epoch_end)
    np.testing.assert_allclose(trained[0], start[0] + 1, rtol=1e-5)
    np.testing.assert_allclose(averaged[0], trained[0], rtol=1e-5)


def seen_by_update_step() -> list[tuple[int, float]]:
    import keras

    seen = []

    class Recorded(keras.optimizers.AdamW):
        def update_step(self, gradient: object, variable: keras.Variable, learning_rate: object) -> None:
            seen.append((self._get_variable_index(variable), float(keras.ops.convert_to_numpy(learning_rate))))
            super().update_step(gradient, variable, learning_rate)

    variables = [keras.Variable(np.ones(2, np.float32), name=name) for name in "abc"]
    optimizer = Recorded(0.25, weight_decay=0.1)
    optimizer.build(variables)
    optimizer.apply([keras.ops.ones(2)] * 3, variables)
    return seen


@everywhere
def test_update_step_is_called_for_each_variable(backend: str, on_backend: Workers) -> None:
    """`training.optimizer.with_factors`: once a variable, with its place in `build` and the current learning rate."""
    assert on_backend(backend, seen_by_update_step) == [(0, 0.25), (1, 0.25), (2, 0.25)]


def test_a_clone_has_the_weights_of_its_original_in_their_order() -> None:
    """`training.acceleration`, `models.ensemble`: `clone_function` may return a subclass of the layer."""
    import keras
    from keras import layers

    class Subclass(layers.Dense):
        pass

    image = layers.Input((3,))
    branches = [layers.Dense(size, name=f"branch{size}")(image) for size in (4, 2)]
    model = keras.Model(image, layers.Dense(5, name="last")(layers.Concatenate()(branches[::-1])))

    def copied(layer: layers.Layer) -> layers.Layer:
        return (Subclass if isinstance(layer, layers.Dense) else type(layer)).from_config(layer.get_config())

    clone = keras.models.clone_model(model, clone_function=copied)
    assert [weight.shape for weight in clone.weights] == [weight.shape for weight in model.weights]
    assert {layer.name for layer in clone.layers if isinstance(layer, Subclass)} == {"branch4", "branch2", "last"}
    again = type(model)(clone.inputs, clone.outputs)
    assert [id(weight) for weight in again.weights] == [id(weight) for weight in clone.weights]


def test_a_clone_calls_each_layer_through_the_call_function() -> None:
    """`export.folding`, `models.resnet50`, `models.efficientnet_b0`: `call_function` sees every layer but inputs, in
    the order of computation, and what it returns takes the layer's place."""
    import keras
    from keras import layers

    seen = []

    def call(layer: layers.Layer, *args: object, **kwargs: object) -> object:
        seen.append(layer.name)
        return args[0] if layer.name == "left_out" else layer(*args, **kwargs)

    image = layers.Input((3,))
    model = keras.Model(image, layers.ReLU(name="kept")(layers.ReLU(name="left_out")(image)))
    clone = keras.models.clone_model(model, layers.Input((3,)), lambda layer: layer, call)
    assert seen == ["left_out", "kept"]
    assert [layer.name for layer in clone.layers][1:] == ["kept"]


def test_outbound_nodes_lead_to_the_layers_that_take_an_output() -> None:
    """`training.transfer.split_frozen`."""
    from keras import layers

    first, second, third = (layers.Dense(2) for _ in range(3))
    x = first(layers.Input((2,)))
    second(x)
    third(x)
    assert [node.operation for node in first._outbound_nodes] == [second, third]


def test_batch_normalization_reads_its_momentum_in_each_call() -> None:
    """`training.batch_norm`, `training.transfer.freeze`: the attribute may be set after the layer was built."""
    from keras import layers

    norm = layers.BatchNormalization(momentum=0.9)
    norm.build((None, 1))
    norm.momentum = 0.0
    norm(np.full((4, 1), 3, np.float32), training=True)
    assert [weight.name for weight in norm.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [float(weight[0]) for weight in norm.get_weights()] == [1, 0, 3, 0]


@everywhere
def test_dropout_keeps_its_seed_in_a_variable(backend: str, on_backend: Workers) -> None:
    """`training.checkpoint`: all state of a training is in the variables of model and optimizer (torch's dropout draws
    from its global generator instead, which `training.loop` seeds)."""
    names = on_backend(backend, variables_of_a_trained_dropout)
    assert names[0] == names[1]
    assert "seed_generator_state" in names[0]


def variables_of_a_trained_dropout() -> tuple[list[str], list[str]]:
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    model.compile(keras.optimizers.AdamW(), "mse")
    model.optimizer.build(model.trainable_variables)
    names = []
    for _ in range(2):
        names.append([variable.name for variable in (*model.variables, *model.optimizer.variables)])
        model.fit(np.ones((2, 3)), np.ones((2, 1)), verbose=0)
    return names[0], names[1]


def shapes_in_a_step() -> list[tuple[int, ...]]:
    import keras

    from fer_zoo import sharding

    seen = []

    class Recorded(keras.Model):
        def train_step(self, state: object, data: tuple) -> object:
            seen.append(data[0].shape)
            return super().train_step(state, data)

    with sharding.all_cores(batch_size=2):
        image = keras.layers.Input((3,))
        model = Recorded(image, keras.layers.Dense(1)(image))
        model.compile("sgd", "mse")
        model.fit(np.ones((5, 3)), np.ones((5, 1)), batch_size=2, verbose=0)
    return seen


def test_a_step_on_jax_is_an_overridden_method_that_gets_whole_batches(on_backend: Workers) -> None:
    """`sharding`: traced once a shape with state and data, whatever the layout that the distribution gives the data."""
    assert on_backend("jax", shapes_in_a_step) == [(2, 3), (1, 3)]
