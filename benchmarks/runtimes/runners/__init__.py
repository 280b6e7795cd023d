"""One script a runtime: `load(path)` returns what maps images, float32 `[n, 48, 48, 1]` in 0..255, to probabilities,
float32 `[n, classes]`.

The scripts stand alone, NumPy and their runtime aside: `call.py` (`call.mjs` for Node.js) runs them in an environment
where nothing of this project is installed. `BATCHES = False` says that a runtime takes single images only. A compiler
for a device that is not on this machine has `inspect(path)`, which returns facts about the file, in place of `load`. A
runner may have `facts(path)`, which returns more facts.
"""
