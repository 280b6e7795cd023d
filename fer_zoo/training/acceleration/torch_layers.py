"""Fast training layers on torch."""

FAST_LAYERS: dict = {}
