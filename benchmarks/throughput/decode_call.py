"""Decode photos with Pillow and do nothing else: `python decode_call.py LONGER_SIDE PHOTO …`, 0 to decode in full."""

from __future__ import annotations

import sys

from PIL import Image

if __name__ == "__main__":
    longer = int(sys.argv[1])
    for path in sys.argv[2:]:
        with Image.open(path) as image:
            if longer:
                scale = max((scale for scale in (1, 2, 4, 8) if max(image.size) >= scale * longer), default=1)
                image.draft(None, (image.width // scale, image.height // scale))
            image.load()
