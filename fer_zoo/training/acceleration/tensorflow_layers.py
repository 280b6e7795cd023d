"""Fast training layers on TensorFlow."""

from __future__ import annotations

import tensorflow as tf
from keras import layers


class FusedBatchNormalization(layers.BatchNormalization):
    """Batch normalization in one kernel, where Keras computes moments and arithmetic in separate float32 passes."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
        if not (training and self.trainable and len(inputs.shape) == 4 and self.axis in (-1, 3)):
            return super().call(inputs, training=training, mask=mask)
        scale = self.gamma if self.scale else tf.ones_like(self.moving_variance)
        offset = self.beta if self.center else tf.zeros_like(self.moving_mean)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, tf.convert_to_tensor(scale), tf.convert_to_tensor(offset), epsilon=self.epsilon, is_training=True
        )
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return outputs


FAST_LAYERS = {layers.BatchNormalization: FusedBatchNormalization}
