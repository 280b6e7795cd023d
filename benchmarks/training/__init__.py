"""Images a second of a training step, stock Keras beside ours."""
