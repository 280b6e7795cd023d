"""Fast training layers on PyTorch.

Keras keeps images as NHWC and calls torch on NCHW views of them, which is torch's channels-last format: oneDNN takes it
as it is. What is slow is batch normalization as separate moments and arithmetic.
"""

from __future__ import annotations

import torch
from keras import layers


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


FAST_LAYERS = {layers.BatchNormalization: FusedBatchNormalization}
