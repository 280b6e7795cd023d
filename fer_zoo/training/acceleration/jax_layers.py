"""Fast training layers on jax."""

FAST_LAYERS: dict = {}
