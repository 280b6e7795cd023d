"""The zoo's trained models: the manifest of their files, finding one by its reference, and where weights come from."""

from __future__ import annotations

from fer_zoo.zoo.artifact import Artifact
from fer_zoo.zoo.download import fetch, models_address
from fer_zoo.zoo.find import checked_file, find_artifact, find_entry, find_file, original_path, unknown_model
from fer_zoo.zoo.info import Latency, ModelInfo, model_info, trained_models
from fer_zoo.zoo.labels import common_labels, labels_of
from fer_zoo.zoo.load import keras_path, load_model, read_keras
from fer_zoo.zoo.manifest import artifacts_dir, has_original, in_package, load_manifest, update_manifest
from fer_zoo.zoo.paths import artifact_path, has_checksum, local_path, verified_path, verify_checksum
from fer_zoo.zoo.provenance import is_fine_tuned, is_fine_tuned_file, run_config, training_prior, with_portable_paths
from fer_zoo.zoo.reference import FORMATS, PRECISIONS, Reference
from fer_zoo.zoo.schema import labels_problem, prior_problem

__all__ = [
    "FORMATS",
    "PRECISIONS",
    "Artifact",
    "Latency",
    "ModelInfo",
    "Reference",
    "artifact_path",
    "artifacts_dir",
    "checked_file",
    "common_labels",
    "fetch",
    "find_artifact",
    "find_entry",
    "find_file",
    "has_checksum",
    "has_original",
    "in_package",
    "is_fine_tuned",
    "is_fine_tuned_file",
    "keras_path",
    "labels_of",
    "labels_problem",
    "load_manifest",
    "load_model",
    "local_path",
    "model_info",
    "models_address",
    "original_path",
    "prior_problem",
    "read_keras",
    "run_config",
    "trained_models",
    "training_prior",
    "unknown_model",
    "update_manifest",
    "verified_path",
    "verify_checksum",
    "with_portable_paths",
]
