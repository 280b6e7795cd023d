"""Fast training layers on TensorFlow."""

from __future__ import annotations

import tensorflow as tf
from keras import layers

from fer_zoo.training.acceleration.tensorflow_winograd import convolve
from fer_zoo.training.acceleration.winograd import filtering_of
from fer_zoo.training.precision import uses_accelerator


class FusedBatchNormalization(layers.BatchNormalization):
    """Batch normalization in one kernel, where Keras computes moments and arithmetic in separate float32 passes."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
        if len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs, training=training, mask=mask)
        scale = tf.convert_to_tensor(self.gamma) if self.scale else tf.ones_like(self.moving_variance)
        offset = tf.convert_to_tensor(self.beta) if self.center else tf.zeros_like(self.moving_mean)
        if not (training and self.trainable):
            return tf.compat.v1.nn.fused_batch_norm(
                inputs,
                scale,
                offset,
                tf.convert_to_tensor(self.moving_mean),
                tf.convert_to_tensor(self.moving_variance),
                self.epsilon,
                is_training=False,
            )[0]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(inputs, scale, offset, epsilon=self.epsilon)
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return outputs


class FastConv2D(layers.Conv2D):
    """3x3 convolutions of many channels in float32 by Winograd's tiles; others run as Keras does."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        filtering = filtering_of(self, inputs.shape)
        if filtering is None or inputs.dtype != tf.float32 or uses_accelerator():
            return super().convolution_op(inputs, kernel)
        return convolve(inputs, tf.convert_to_tensor(kernel), *filtering)


FAST_LAYERS = {
    layers.BatchNormalization: FusedBatchNormalization,
    layers.Conv2D: FastConv2D,
}
