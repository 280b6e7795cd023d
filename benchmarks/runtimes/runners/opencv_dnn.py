"""OpenCV's DNN module on the CPU."""

from collections.abc import Callable

import cv2
import numpy as np


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    cv2.setNumThreads(1)
    network = cv2.dnn.readNet(path)
    # Its importer of TFLite turns inputs into planes, that of ONNX leaves them as they are.
    order = (0, 3, 1, 2) if path.endswith(".tflite") else (0, 1, 2, 3)

    def call(images: np.ndarray) -> np.ndarray:
        network.setInput(np.ascontiguousarray(images.transpose(order)))
        # Some versions keep an axis of one.
        return network.forward().reshape(len(images), -1)

    return call
