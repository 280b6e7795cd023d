"""Core ML, by coremltools from torch's exported program."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.errors import FerZooError

from .target import Source, Target

_PACKAGE = "model.mlpackage"
_WEIGHTS = f"{_PACKAGE}/Data/com.apple.CoreML/weights/weight.bin"


def write(source: Source, folder: Path) -> None:
    """Write `model.mlpackage`, for iOS 16 and macOS 13, which classifies a gray image, as Vision wants it."""
    from ..convert import quiet, torch_module

    with quiet():
        import coremltools
        import torch

        class Channel(torch.nn.Module):
            """Takes images of one channel, `[1, 1, 48, 48]`, which is Core ML's order."""

            def __init__(self) -> None:
                super().__init__()
                self.model = torch_module(source.model)

            def forward(self, image: torch.Tensor) -> torch.Tensor:
                return self.model(image.reshape(1, IMAGE_SIZE, IMAGE_SIZE, 1))

        shape = (1, 1, IMAGE_SIZE, IMAGE_SIZE)
        with torch.no_grad():
            program = torch.export.export(Channel().eval(), (torch.zeros(shape),), strict=False)
        precision = coremltools.precision
        gray = coremltools.colorlayout.GRAYSCALE
        model = coremltools.convert(
            program.run_decompositions({}),
            inputs=[coremltools.ImageType(name="image", shape=shape, color_layout=gray)],
            classifier_config=coremltools.ClassifierConfig(source.labels, "expression"),
            minimum_deployment_target=coremltools.target.iOS16,
            compute_precision=precision.FLOAT16 if source.precision == "fp16" else precision.FLOAT32,
            skip_model_load=True,
        )
        model.short_description = f"{source.metadata['model']} of fer_zoo: the facial expression of a face"
        model.license = source.metadata["license"]
        model.save(str(folder / _PACKAGE))
    # For ExecuTorch's debugger.
    (folder / _PACKAGE / "executorch_debug_handle_mapping.json").unlink(missing_ok=True)


def check(source: Source, folder: Path) -> str:
    """Read the file again, and hold its input, labels and kernels against the original's: Core ML runs on macOS only.

    Raises:
        FerZooError: They differ.
    """
    from ..convert import quiet

    with quiet():
        import coremltools
        from coremltools.libmilstoragepython import _BlobStorageReader as Weights

        package = coremltools.utils.load_spec(str(folder / _PACKAGE))
    function = package.mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    image = package.description.input[0].type.imageType
    (classes,) = (operation.inputs["classes"] for operation in operations if operation.type == "classify")
    values = classes.arguments[0].value.immediateValue.list.values
    labels = [value.immediateValue.tensor.strings.values[0] for value in values]
    if (image.width, image.height, labels) != (IMAGE_SIZE, IMAGE_SIZE, source.labels):
        raise FerZooError(f"{_PACKAGE} takes another image or has other labels than the original")
    half = source.precision == "fp16"
    reader = Weights(str(folder / _WEIGHTS))
    read = reader.read_fp16_data if half else reader.read_float_data
    places = [operation.attributes["val"].blobFileValue.offset for operation in operations if operation.type == "const"]
    kept = {_sorted(np.array(read(place), np.uint16 if half else np.float32), half) for place in places if place}
    kernels = [weight for weight in source.model.get_weights() if weight.ndim > 1]
    missing = [
        kernel.shape for kernel in kernels if _sorted(kernel.astype(np.float16 if half else np.float32)) not in kept
    ]
    if missing:
        raise FerZooError(f"{_PACKAGE} lacks the weights of shape {', '.join(map(str, missing))}")
    return (
        f"the input, the {len(labels)} labels and all {len(kernels)} kernels are the original's; Core ML predicts on "
        "macOS only, so that its predictions were not compared"
    )


def _sorted(weights: np.ndarray, bits: bool = False) -> bytes:
    """A key that identifies weights whatever the order of their axes."""
    return np.sort((weights.view(np.float16) if bits else weights).ravel()).tobytes()


TARGET = Target(
    name="coreml",
    title="Core ML",
    packages=("coremltools",),
    install="coremltools",
    precisions=("fp32", "fp16"),
    converter="torch",
    file=_WEIGHTS,
    input={"name": "image", "shape": [1, 1, 48, 48], "dtype": "image", "range": [0, 255], "layout": "gray, 8 bits"},
    write=write,
    check=check,
)
