"""Every artifact against its Keras original on the test images."""
