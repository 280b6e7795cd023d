"""What in training makes a model generalize to faces unlike those it was trained on."""
