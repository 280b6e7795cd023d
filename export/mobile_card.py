"""The README beside the files for phones: their measures, and the limits of what they say about people."""

from __future__ import annotations

import textwrap
from typing import Any

from fer_zoo.contract import FERPLUS_EXPRESSIONS
from fer_zoo.data.training_data import OWN
from fer_zoo.text import markdown_rows

from .card import care


def mobile_card(facts: dict[str, Any]) -> str:
    """Markdown of the facts in `mobile.json`."""
    rows = [["file", "input", "kB", "accuracy", "agreement with Keras", "on tinted images", "max abs Δp", "sha256"]]
    rows.append(["---"] * len(rows[0]))
    for entry in facts["files"]:
        gray, tinted = entry["parity"]["gray"], entry["parity"]["tinted"]
        rows.append(
            [
                f"[{entry['file']}]({entry['file']})",
                f"{entry['input']['dtype']} {entry['input']['shape']}",
                f"{entry['bytes'] / 1000:.0f}",
                f"{entry['accuracy']['test']:.2%}",
                f"{gray['argmax_agreement']:.2%}",
                f"{tinted['argmax_agreement']:.2%}",
                f"{gray['max_abs_diff']:.2g}",
                f"{entry['sha256'][:12]}…",
            ]
        )
    translated = set(facts["labels"]) <= set(FERPLUS_EXPRESSIONS)
    carried = "labels (English,\nIndonesian)" if translated else "labels"
    return f"""# {facts["model"]} for phones

TFLite for MediaPipe Tasks and the TFLite Task Library: a crop of one face in, RGB, 0..255; the probability of
{", ".join(facts["labels"])} out. The model makes gray and scales the image itself; {carried} and
normalization are in the file as TFLite Metadata.

{markdown_rows(rows)}

{facts["files"][0]["parity"]["gray"]["n"]:,} test images; agreement is with the Keras original (sha256
{facts["sha256_of_keras_original"][:12]}…), on gray images and on the same ones tinted at random. Made by
`{facts["command"]}`.

{_care(facts)}
"""


def _care(facts: dict[str, Any]) -> str:
    own = facts.get("training_data", "").startswith(OWN)
    terms = f"Licence of the weights: {facts['license']}"
    if facts["license"] == "MIT":
        terms = "The weights are MIT-licensed"
    return textwrap.fill(f"{care(own)} {terms}{'' if own else '; FER2013 has terms of its own'}.", 120)
