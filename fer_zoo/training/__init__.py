"""Training on any Keras backend. Importing this package imports no Keras; `fer_zoo.training.run` does."""

from fer_zoo.training.config import TrainingConfig

__all__ = ["TrainingConfig"]
