"""A zoo of linear classifiers: small enough to be made and measured in a blink."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.files import sha256
from fer_zoo.zoo import Artifact, update_manifest

MODEL = "linear"


@dataclass(frozen=True)
class Zoo:
    """An artifacts folder with labelled images, and what its Keras original answers."""

    artifacts: Path
    data: Path
    weights: np.ndarray

    @property
    def reports(self) -> Path:
        return self.artifacts / "reports"

    def predict_original(self, model: Path, images: np.ndarray) -> np.ndarray:
        """The original without Keras, to keep tests fast."""
        assert model.suffix == ".keras"
        logits = images.reshape(len(images), -1).astype("float32") / 255 @ self.weights
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def add(self, format: str, precision: str, path: str) -> Artifact:
        """Enter a file of this folder into the manifest."""
        file = self.artifacts / path
        reference = {} if format == "keras" else {"reference": "linear/model.keras"}
        facts = (MODEL, format, precision, path, sha256(file), file.stat().st_size, self.weights.size, 16128, "jax")
        artifact = Artifact(*facts, parity=reference)
        update_manifest([artifact], self.artifacts)
        return artifact

    def add_onnx(self, precision: str, weights: np.ndarray, path: str | None = None) -> Artifact:
        """Write a linear classifier as ONNX and enter it."""
        path = path or f"linear/model.{precision}.onnx"
        (self.artifacts / path).write_bytes(_onnx(weights))
        return self.add("onnx", precision, path)


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """An original, an equal fp32 export, and a slightly different int8 export."""
    rng = np.random.default_rng(0)
    data = tmp_path / "faces"
    for i, expression in enumerate(EXPRESSIONS * 6):
        file = data / "test" / expression / f"PublicTest_{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 48), dtype=np.uint8)).save(file)
    zoo = Zoo(tmp_path / "artifacts", data, rng.normal(0, 0.1, (48 * 48, 7)).astype("float32"))
    (zoo.artifacts / "linear").mkdir(parents=True)
    (zoo.artifacts / "linear/model.keras").write_bytes(b"only its hash matters here")
    zoo.add("keras", "fp32", "linear/model.keras")
    zoo.add_onnx("fp32", zoo.weights)
    zoo.add_onnx("int8", zoo.weights * np.float32(1.001))
    return zoo


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the seconds that looking at the machine takes."""
    import benchmarks.latency.measure
    import benchmarks.parity.measure
    import benchmarks.robustness.measure
    from benchmarks.machine import Machine

    machine = Machine(
        cpu="a processor",
        cores=2,
        os="an OS",
        python="3",
        packages={"numpy": "2"},
        architecture="x",
        flags=("avx2",),
        memory_gb=1.0,
        load_average=(0.0, 0.0, 0.0),
        commit="abc",
    )
    for module in (benchmarks.latency.measure, benchmarks.parity.measure, benchmarks.robustness.measure):
        monkeypatch.setattr(module, "describe", lambda: machine)
    monkeypatch.setattr(benchmarks.latency.measure, "peak_gmacs", lambda threads, seconds: 100.0 * threads)


def _onnx(weights: np.ndarray) -> bytes:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Mul", ["image", "scale"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    constants = {"scale": np.array(1 / 255, "float32"), "weights": weights.astype("float32")}
    graph = helper.make_graph(
        nodes,
        MODEL,
        [helper.make_tensor_value_info("image", kind, ["batch", 48, 48, 1])],
        [helper.make_tensor_value_info("probabilities", kind, ["batch", 7])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()
