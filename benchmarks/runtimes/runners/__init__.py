"""One script a runtime: `load(path)` returns what maps images, float32 `[n, 48, 48, 1]` in 0..255, to probabilities,
float32 `[n, classes]`.

The scripts stand alone, NumPy and their runtime aside: `call.py` (`call.mjs` for Node.js) runs them in an environment
where nothing of this project is installed. One that answers single images only says `BATCHES = False`; one that
compiles for a device that is not here has `inspect(path)`, which returns facts, in place of `load`; `facts(path)` gives
more facts of one that runs.
"""
