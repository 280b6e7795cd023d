"""The seven facial expressions of FER2013, in the one order used everywhere."""

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

EXPRESSIONS_INDONESIAN = ("Marah", "Jijik", "Takut", "Senang", "Netral", "Sedih", "Terkejut")

LABELS = {"en": EXPRESSIONS, "id": EXPRESSIONS_INDONESIAN}

IMAGE_SIZE = 48
