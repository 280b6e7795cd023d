"""Accuracy, with test-time augmentation and over several seeds."""
