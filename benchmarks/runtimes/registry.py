"""The registry of runtimes: their names, the formats that they support, and the packages to install.

Each runtime runs files by a script in `runners`. The scripts import nothing of this project, since each runtime is
installed in an environment of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fer_zoo.errors import UsageError

# The zoo's own runtimes, by format.
OWN = {"onnx": "onnxruntime==1.32.0", "tflite": "ai-edge-litert==2.3.0"}
OWN_RUNNERS = {"onnx": "onnx_runtime.py", "tflite": "litert.py"}
# ONNX Runtime for Node.js, and its runner.
OWN_NODE = "onnxruntime-node@1.30.0"
OWN_NODE_RUNNER = "onnx_runtime.mjs"

_BOTH = ("onnx", "tflite")
_TORCH = "torch==2.13.0"
_ONNX_RUNTIME = "https://onnxruntime.ai"
_OPENCV = "https://opencv.org"
_OPENVINO = "https://docs.openvino.ai"
_OPENVINO_VERSION = "2026.4.1"
_LITERT = "https://ai.google.dev/edge/litert"
_MICRO = "https://github.com/tensorflow/tflite-micro"
_VELA = "https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela"
_TRANSFORMERS = "https://huggingface.co/docs/transformers.js"
_MEDIAPIPE = "https://ai.google.dev/edge/mediapipe/solutions/vision/image_classifier"


@dataclass(frozen=True)
class Runtime:
    """One runtime in one version.

    Attributes:
        name: Name with version.
        url: Website of the runtime.
        runner: File name of its script in `runners`; a `.mjs` runs on Node.js.
        formats: Supported formats: `keras`, `onnx`, `tflite`.
        packages: Packages that pip or npm installs, with versions.
        variables: Environment variables of its process.
        timed: Whether the zoo's own runtime of the format is installed beside it, to be timed in the same process. Two
            builds of one runtime exclude each other.
        variant: The function of `variants.py` that changes a file into what the runtime takes; empty for none.
    """

    name: str
    url: str
    runner: str
    formats: tuple[str, ...]
    packages: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    timed: bool = True
    variant: str = ""

    @property
    def is_node(self) -> bool:
        """Whether it runs on Node.js, not Python."""
        return self.runner.endswith(".mjs")

    @property
    def installed(self) -> tuple[str, ...]:
        """All packages that are installed in its environment."""
        own = [OWN_NODE if self.is_node else OWN[format] for format in self.formats] if self.timed else []
        return tuple(dict.fromkeys((*self.packages, *own)))


def _onnx_runtime(version: str, *packages: str, provider: str = "") -> Runtime:
    name = f"ONNX Runtime {version}" + (f", {provider} provider" if provider else "")
    variables = {"ONNX_PROVIDER": f"{provider}ExecutionProvider"} if provider else {}
    return Runtime(name, _ONNX_RUNTIME, "onnx_runtime.py", ("onnx",), packages, variables, timed=False)


def _opencv(version: str, engine: str = "", variables: dict[str, str] | None = None) -> Runtime:
    name = f"OpenCV {version}" + (f", {engine} engine" if engine else "")
    packages = (f"opencv-python-headless=={version}",)
    return Runtime(name, _OPENCV, "opencv_dnn.py", _BOTH, packages, variables or {})


def _openvino(processor: str = "", variables: dict[str, str] | None = None) -> Runtime:
    name = "OpenVINO 2026.4" + (f", {processor}" if processor else "")
    return Runtime(name, _OPENVINO, "openvino_cpu.py", _BOTH, (f"openvino=={_OPENVINO_VERSION}",), variables or {})


def _keras(version: str, backend: str, *packages: str) -> Runtime:
    name, variables = f"Keras {version} on {backend}", {"KERAS_BACKEND": backend.lower()}
    packages = (f"keras=={version}", *packages)
    return Runtime(name, "https://keras.io", "keras_backend.py", ("keras",), packages, variables, timed=False)


RUNTIMES = (
    _onnx_runtime("1.32", OWN["onnx"]),
    _onnx_runtime("1.20", "onnxruntime==1.20.1"),
    _onnx_runtime("1.16", "onnxruntime==1.16.3", "numpy<2"),
    _onnx_runtime("1.24", "onnxruntime-openvino==1.24.1", "openvino==2025.4.1", provider="OpenVINO"),
    Runtime("onnxruntime-node 1.30", _ONNX_RUNTIME, OWN_NODE_RUNNER, ("onnx",), (OWN_NODE,), timed=False),
    Runtime("onnxruntime-web 1.30", _ONNX_RUNTIME, OWN_NODE_RUNNER, ("onnx",), ("onnxruntime-web@1.30.0",)),
    Runtime(
        "transformers.js 4.3",
        _TRANSFORMERS,
        "transformers.mjs",
        ("onnx",),
        ("@huggingface/transformers@4.3.2",),
        timed=False,
        variant="for_transformers",
    ),
    Runtime("onnx 1.23, reference", "https://onnx.ai", "onnx_reference.py", ("onnx",), ("onnx==1.23.2",)),
    _openvino(),
    # As on Skylake. OpenVINO adds products of int8 in 16 bits there, where large sums are cut off.
    _openvino("AVX-512 without VNNI", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}),
    _opencv("4.12.0.88"),
    _opencv("4.14.0.94"),
    _opencv("5.0.0.93"),
    _opencv("5.0.0.93", "classic", {"OPENCV_FORCE_DNN_ENGINE": "1"}),
    Runtime("tract 0.23", "https://github.com/sonos/tract", "tract_onnx.py", ("onnx",), ("tract==0.23.9",)),
    Runtime(
        "ncnn 2026-10, by pnnx",
        "https://github.com/Tencent/ncnn",
        "ncnn_pnnx.py",
        ("onnx",),
        ("ncnn==1.0.20261020", "pnnx==20261020", _TORCH),
    ),
    Runtime("MNN 3.6", "https://github.com/alibaba/MNN", "mnn.py", _BOTH, ("MNN==3.6.1",)),
    Runtime(
        "IREE 3.13",
        "https://iree.dev",
        "iree_cpu.py",
        ("onnx",),
        ("iree-base-compiler[onnx]==3.13.0", "iree-base-runtime==3.13.0"),
    ),
    Runtime(
        "TVM 0.27", "https://tvm.apache.org", "tvm_cpu.py", ("onnx",), ("apache-tvm==0.27.0.post1", "onnx==1.19.1")
    ),
    Runtime(
        "tinygrad 0.14", "https://tinygrad.org", "tinygrad_onnx.py", ("onnx",), ("tinygrad==0.14.0",), {"DEV": "CPU"}
    ),
    Runtime("LiteRT 2.3", _LITERT, "litert.py", ("tflite",), (OWN["tflite"],)),
    Runtime("LiteRT 2.3, CompiledModel", _LITERT, "litert_compiled.py", ("tflite",), (OWN["tflite"],)),
    Runtime(
        "tflite-runtime 2.14",
        _LITERT,
        "litert.py",
        ("tflite",),
        ("tflite-runtime==2.14.0", "numpy<2"),
        timed=False,
    ),
    Runtime(
        "MediaPipe 1.2",
        _MEDIAPIPE,
        "mediapipe_classifier.py",
        ("tflite",),
        ("mediapipe==1.2.3",),
        variant="for_mediapipe",
    ),
    Runtime(
        "TFLite Micro 2026-10",
        _MICRO,
        "tflite_micro_interpreter.py",
        ("tflite",),
        ("tflite-micro==0.dev20261023182759",),
    ),
    Runtime("Vela 5.2, Ethos-U55", _VELA, "vela.py", ("tflite",), ("ethos-u-vela==5.2.0",), timed=False),
    _keras("3.15.1", "TensorFlow", "tensorflow==2.21.0"),
    _keras("3.15.1", "JAX", "jax==0.10.2"),
    _keras("3.15.1", "torch", _TORCH),
    _keras("3.15.1", "NumPy"),
    _keras("3.15.1", "OpenVINO", f"openvino=={_OPENVINO_VERSION}"),
    _keras("3.14.1", "torch", _TORCH),
    _keras("3.10.0", "torch", _TORCH),
)

# The runtimes of a quick run, which are small to install: one for each format.
CORE = ("ONNX Runtime 1.32", "LiteRT 2.3")


def find_runtimes(names: tuple[str, ...]) -> tuple[Runtime, ...]:
    """The runtimes whose name begins with one of `names`, whatever the case; all of them where it is empty.

    Raises:
        UsageError: A name matches no runtime.

    Example:
        >>> [runtime.name for runtime in find_runtimes(("tract", "openvino"))]
        ['OpenVINO 2026.4', 'OpenVINO 2026.4, AVX-512 without VNNI', 'tract 0.23']
    """
    for name in names:
        if not any(runtime.name.lower().startswith(name.lower()) for runtime in RUNTIMES):
            raise UsageError(f"there is no runtime {name!r}; there are {', '.join(r.name for r in RUNTIMES)}")
    lower = tuple(name.lower() for name in names)
    return tuple(runtime for runtime in RUNTIMES if not names or runtime.name.lower().startswith(lower))
