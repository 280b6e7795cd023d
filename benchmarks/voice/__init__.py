"""The voice model: speakers it has not heard, baselines, and fusion with faces on simulated pairs."""
