"""Fast training layers on PyTorch.

Keras keeps images as NHWC and calls torch on NCHW views of them, which is torch's channels-last format: oneDNN takes it
as it is. What is slow is batch normalization as separate moments and arithmetic, and pooling, for which Keras copies
images into torch's other format: the gradient comes back in that one, which normalization takes 13 times as long over.
"""

from __future__ import annotations

import torch
from keras import layers

from fer_zoo.training.acceleration.torch_winograd import convolve
from fer_zoo.training.acceleration.winograd import filtering_of


class FusedBatchNormalization(layers.BatchNormalization):
    """Batch normalization in torch's one kernel."""

    def call(self, inputs: torch.Tensor, training: bool | None = None, mask: None = None) -> torch.Tensor:
        if not (training and self.trainable and inputs.ndim == 4 and self.axis in (-1, 3)) or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        outputs = torch.nn.functional.batch_norm(
            inputs.permute(0, 3, 1, 2),
            self.moving_mean.value,
            self.moving_variance.value,
            weight=self.gamma.value if self.scale else None,
            bias=self.beta.value if self.center else None,
            training=True,
            momentum=1 - self.momentum,
            eps=self.epsilon,
        )
        return outputs.permute(0, 2, 3, 1)


class ChannelsLastMaxPooling2D(layers.MaxPooling2D):
    """Max pooling of images as they lie; those that need padding are pooled as Keras does."""

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.padding != "valid" or self.data_format != "channels_last" or inputs.device.type == "meta":
            return super().call(inputs)
        outputs = torch.nn.functional.max_pool2d(inputs.permute(0, 3, 1, 2), self.pool_size, self.strides)
        return outputs.permute(0, 2, 3, 1)


class FastConv2D(layers.Conv2D):
    """3x3 convolutions of many channels in float32 by Winograd's tiles; others run as Keras does."""

    def convolution_op(self, inputs: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        filtering = filtering_of(self, inputs.shape)
        if filtering is None or (inputs.device.type, inputs.dtype) != ("cpu", torch.float32):
            return super().convolution_op(inputs, kernel)
        return convolve(inputs, getattr(kernel, "value", kernel), *filtering)


FAST_LAYERS = {
    layers.Conv2D: FastConv2D,
    layers.BatchNormalization: FusedBatchNormalization,
    layers.MaxPooling2D: ChannelsLastMaxPooling2D,
}
