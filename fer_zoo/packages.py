"""Optional packages: which extra of fer_zoo installs each, and the error if one is missing."""

from __future__ import annotations

import importlib.util

from fer_zoo.errors import UsageError

# The smallest extra that installs each package, by the name of the imported module.
EXTRAS = {
    "ai_edge_litert": "litert",
    "av": "video",
    "cpuinfo": "benchmark",
    "cv2": "video",
    "flatbuffers": "export",
    "fsspec": "ray",
    "httptools": "serve",
    "h5py": "export",
    "jax": "jax",
    "kagglehub": "download",
    "keras": "tensorflow",
    "matplotlib": "benchmark",
    "msgspec": "serve",
    "onnx": "embed",
    "pillow_heif": "heic",
    "prometheus_client": "serve",
    "psutil": "benchmark",
    "pyarrow": "ray",
    "python_multipart": "serve",
    "ray": "ray",
    "scipy": "benchmark",
    "sklearn": "benchmark",
    "starlette": "serve",
    "tensorboard": "tensorboard",
    "tensorflow": "tensorflow",
    "tf2onnx": "export",
    "torch": "torch",
    "yaml": "export",
    "uvicorn": "serve",
}


def installed_version(package: str) -> str | None:
    """The version of an installed package, by the name that pip installs it by; `None` if it is not installed."""
    from importlib import metadata  # Every command imports this module, and few need a version.

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def missing_modules(*modules: str) -> list[str]:
    """Those of the modules that are not installed; none is imported."""
    return [module for module in modules if importlib.util.find_spec(module) is None]


def require(*modules: str) -> None:
    """Check before long work that optional modules are installed, without importing them.

    Raises:
        UsageError: Some are missing; the message has the command that installs them.
    """
    if missing := missing_modules(*modules):
        raise not_installed(*missing)


def not_installed(*modules: str) -> UsageError:
    """The error for missing optional modules, which must be in `EXTRAS`."""
    extras = ",".join(sorted({EXTRAS[module] for module in modules}))
    verb = "is" if len(modules) == 1 else "are"
    return UsageError(f"{', '.join(modules)} {verb} not installed; run `pip install 'fer-zoo[{extras}]'`")
