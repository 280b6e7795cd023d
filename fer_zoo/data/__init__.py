"""FER2013: reading, caching, checking, and joining FER+ votes."""

from __future__ import annotations

from fer_zoo.data.copies import train_copies
from fer_zoo.data.dataset import Dataset, load_dataset
from fer_zoo.data.ferplus import join_ferplus, load_labelled, majority_labels, relabelled
from fer_zoo.data.training_data import TrainingData, copies_of_train

__all__ = [
    "Dataset",
    "TrainingData",
    "copies_of_train",
    "join_ferplus",
    "load_dataset",
    "load_labelled",
    "majority_labels",
    "relabelled",
    "train_copies",
]
