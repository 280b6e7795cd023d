"""openSMILE's eGeMAPS functionals of sounds: `PYTHON egemaps_call.py SOUNDS.npz FEATURES.npy`.

Stands alone, so that it runs in an environment of the package's own. SOUNDS.npz has `rate` and one array of samples for
each sound, named by its number; FEATURES.npy becomes float32 `[sounds, 88]`.
"""

from __future__ import annotations

import sys

import numpy as np
import opensmile

if __name__ == "__main__":
    sounds = np.load(sys.argv[1])
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    rows = [
        smile.process_signal(sounds[str(number)], int(sounds["rate"])).to_numpy()[0]
        for number in range(len(sounds.files) - 1)
    ]
    np.save(sys.argv[2], np.stack(rows).astype(np.float32))
