"""The model card: the files and their measures, from the manifest alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fer_zoo.data.training_data import FER2013, OWN, SPLIT_NAMES, TrainingData
from fer_zoo.evaluation import Evaluation
from fer_zoo.files import write_text
from fer_zoo.models import describe_model, list_models
from fer_zoo.text import markdown_rows
from fer_zoo.training.config import current_names
from fer_zoo.zoo import Artifact, run_config

from .reproduce import recipe_command, unavailable_weights

_PLOTS = {
    "curves.png": "Learning curves",
    "confusion.png": "Confusion matrix",
    "per_class.png": "F1 of each expression",
    "reliability.png": "Reliability",
    "confused_pairs.png": "Most confused pairs",
    "parity.png": "Parity and size",
}


def write_card(
    folder: Path, artifacts: list[Artifact], evaluations: dict[str, Evaluation], reports: Path | None = None
) -> None:
    """Write `README.md` into `folder`.

    Args:
        folder: Holds the published files.
        artifacts: The Keras original first.
        evaluations: Evaluations of the Keras original by split.
        reports: Folder of the reports, of which `python -m benchmarks runtimes` writes measurements of these files.
    """
    original = artifacts[0]
    config = run_config(folder)
    data = TrainingData.of_config(config)
    own = data is not None and data.kind == OWN
    beyond = f", trained on {data.name}" if data and data.kind != FER2013 else ""
    sections = (
        f"# {original.model}{beyond}",
        _summary(original, config, data),
        f"## Accuracy\n\n{_accuracy(evaluations, data)}",
        f"## Expressions, all test images\n\n{_classes(evaluations['test'])}",
        f"## Files\n\n{_files(artifacts)}",
        _quantization(artifacts),
        _microcontroller(artifacts, reports),
        _usage(artifacts),
        f"## What it can't tell\n\n{care(own)}",
        *(f"## {title}\n\n![{title}]({name})" for name, title in _PLOTS.items() if (folder / name).exists()),
    )
    write_text(folder / "README.md", "\n\n".join(section for section in sections if section) + "\n")


def _summary(original: Artifact, config: dict[str, Any], data: TrainingData | None) -> str:
    lines = [
        _about(original.model, config),
        "",
        f"- weights: {original.params:,}; multiply-accumulates an image: {original.macs / 1e6:.1f} million",
        f"- trained on: {original.trained_on}",
    ]
    training, members = current_names(config.get("training", {})), config.get("members")
    if config.get("command"):
        lines.append(f"- command: `{config['command']}`")
    if data:
        lines.append(f"- data: {data.text}")
    if original.task == "FER+":
        others = "teach by their votes" if training.get("include_no_majority") else "are out"
        rest = "" if members else f"; other images {others}"
        lines.append(f"- labels: the expression that more than half of FER+'s annotators chose{rest}")
    if members:
        fitted = config.get("chosen_on")
        lines.append(f"- weights of the members: {f'fitted on {fitted}' if fitted else 'given'}")
        lines += [f"  - {member['weight']:.3f} {member['model']} (`{member['path']}`)" for member in members]
    if averaged := config.get("averaged"):
        lines.append(f"- the mean of the weights of {len(averaged)} trainings:")
        for part in averaged:
            share = part.get("share", 1 / len(averaged))
            lines.append(f"  - {100 * share:.3g}% `{part['command'] or part['path']}`")
    if training.get("transfer"):
        lines.append(f"- fine-tuned from {Path(training['transfer']['weights']).name}")
    if start := training.get("warm_start"):
        earlier = start == original.model and _in_zoo(original)
        lines.append(f"- began with the weights of {'an earlier ' * earlier}{start}")
    if training.get("teachers"):
        teachers = ", ".join(Path(teacher).parent.name or teacher for teacher in training["teachers"])
        lines.append(f"- taught {training['distillation_weight']:.0%} of its targets by: {teachers}")
    if training.get("vote_weight"):
        votes = training["vote_weight"] * (1 - training.get("distillation_weight", 0))
        lines.append(f"- {votes:.0%} of its targets are FER+'s votes")
    if training.get("class_offsets"):
        lines.append(
            "- the logits have an offset for each class, fitted with their temperature where the epoch was chosen"
        )
    own = data is not None and data.kind == OWN
    if _in_zoo(original) and not own:
        lines += _again(original.model, config)
    terms = "" if own else "; FER2013 itself has terms of its own"
    lines.append(f"- licence of the weights: {original.license}{terms}")
    return "\n".join(lines).strip()


def _again(model: str, config: dict[str, Any]) -> list[str]:
    """How others can train the model again, line by line."""
    lines = []
    if missing := unavailable_weights(model, config):
        lines.append(f"- not kept, so that these commands cannot be run again as they are: {', '.join(missing)}")
    if command := recipe_command(model):
        lines.append(f"- what can be run again: `{command}` ([what it gives](../../docs/training.md))")
    lines.append(
        "- files: `fer2013.zip` is [the full FER2013](../../data/README.md), `ferplus.csv` FER+'s votes; "
        "[where pretrained weights come from](../../docs/pretrained.md)"
    )
    return lines


def _in_zoo(original: Artifact) -> bool:
    """Whether the card is of a published model, not of one's own, which may have the same name."""
    return Path(original.path).parent != Path()


def _about(name: str, config: dict[str, Any]) -> str:
    architecture = "ensemble" if config.get("members") else config.get("training", {}).get("model", name)
    return describe_model(architecture) if architecture in list_models() else ""


def _accuracy(evaluations: dict[str, Evaluation], data: TrainingData | None) -> str:
    names = SPLIT_NAMES | {"test": "all test images"}
    rows = []
    for split, e in evaluations.items():
        rest = e.without_train_copies
        without = f"{rest['accuracy']:.2%} of {rest['n']:,}" if rest else ""
        low, high = e.accuracy_interval
        row = [names[split], f"{e.n:,}", f"{e.accuracy:.2%}", f"{low:.1%} to {high:.1%}", f"{e.macro_f1:.3f}"]
        rows.append([*row, f"{e.ece:.3f}", without])
    header = ["split", "images", "accuracy", "95 % interval", "macro-F1", "ECE", "without copies of train images"]
    if data is None or data.chosen_on == "public_test":
        chosen = "What was chosen was chosen on PublicTest; PrivateTest chose nothing."
    else:
        chosen = f"What was chosen was chosen on {SPLIT_NAMES[data.chosen_on]}; no test image chose anything."
    note = f"{chosen} More in [evaluation.md](evaluation.md); `python -m fer_zoo.evaluate` draws all plots."
    return f"{_table(header, rows)}\n\n{note}"


def _classes(evaluation: Evaluation) -> str:
    rows = [
        [name, f"{m['precision']:.2f}", f"{m['recall']:.2f}", f"{m['f1']:.2f}", f"{m['support']:,}"]
        for name, m in evaluation.per_class.items()
    ]
    return _table(["expression", "precision", "recall", "F1", "images"], rows)


def _files(artifacts: list[Artifact]) -> str:
    rows = []
    for a in artifacts:
        p = a.parity
        row = [f"[{Path(a.path).name}]({Path(a.path).name})", a.format, a.precision, f"{a.bytes / 1000:.0f}"]
        row.append(f"{a.metrics['test']['accuracy']:.2%}")
        if p:
            row += [f"{p['argmax_agreement']:.2%}", f"{p['max_abs_diff']:.2g}", f"{p['mean_abs_diff']:.2g}"]
        rows.append(row + [""] * (8 - len(row)))
    header = ["file", "format", "precision", "kB", "accuracy", "agreement with Keras", "max abs Δp", "mean abs Δp"]
    large = [Path(a.path).name for a in artifacts if not a.shipped]
    note = (
        f"\n\nNot in git: {', '.join(large)}; `python -m export {artifacts[0].model}` makes them, or they are "
        "downloaded from `FER_ZOO_MODELS` when they are used."
        if large
        else ""
    )
    needs = artifacts[0].oldest_keras
    note += f"\n\nmodel.keras has standard layers only; it loads in Keras {needs} and newer." if needs else ""
    return _table(header, rows) + note


def _quantization(artifacts: list[Artifact]) -> str:
    images = {a.format: a.parity["images"] for a in artifacts if a.precision == "int8"}
    if not images:
        return ""
    counts = " and ".join(f"{count:,} ({format})" for format, count in images.items())
    full = next((Path(a.path).name for a in artifacts if a.precision == "int8-full"), None)
    return (
        f"## Quantization\n\nStatic int8 after equalization of the channels and rounding that makes up for its own "
        f"errors (GPTQ); training images it was calibrated on: {counts}. int8 weights for each output channel, "
        "activations over their whole range. Swish, logits and softmax stay in float, and so do the image's first "
        "convolution and a depthwise one behind it where that takes no longer. No two neighbouring weights "
        "exceed eight bits together, so that nothing overflows on x86 processors without VNNI. In TFLite the dense "
        "layers quantize their inputs as they come. float16 weights are rounded in the same way, and biases stay in "
        "float32."
        + (f" {full} has no float in it: it takes gray minus 128; probabilities have steps of 1/256." if full else "")
    )


def _microcontroller(artifacts: list[Artifact], reports: Path | None) -> str:
    """Working memory and NPU use of the file without floats; empty without such a file or without a report on it."""
    file = next((a for a in artifacts if a.precision == "int8-full"), None)
    if file is None or reports is None or not (reports / "runtimes.json").exists():
        return ""
    rows = json.loads((reports / "runtimes.json").read_text("utf-8"))["rows"]
    lines = []
    for row in rows:
        if row["file"]["sha256"] != file.sha256 or not (row.get("arena_bytes") or row.get("accelerated")):
            continue
        facts = [f"{row['arena_bytes'] / 1000:.1f} kB of working memory"] if row.get("arena_bytes") else []
        if row.get("accelerated"):
            facts.append(f"{row['accelerated']:.1%} of the operators on the NPU")
        if row.get("agreement"):
            facts.append(f"the same answer as LiteRT for {row['agreement']:.1%} of {row['n']:,} images")
        lines.append(f"- {row['runtime']}: {', '.join(facts)}")
    if not lines:
        return ""
    note = "Measured by `python -m benchmarks runtimes`; [how to use it](../../docs/deploy.md#on-a-microcontroller)."
    return "\n".join([f"## {Path(file.path).name} on a microcontroller\n", *lines, "", note])


def _usage(artifacts: list[Artifact]) -> str:
    """Code examples for the files, including large ones of the zoo that anybody can make."""
    original = artifacts[0]
    labels = original.output["labels"]
    files = {(a.format, a.precision): Path(a.path).name for a in artifacts}
    onnx = files.get(("onnx", "fp32")) or files.get(("onnx", "int8"))
    tflite = files.get(("tflite", "int8")) or files.get(("tflite", "fp32"))
    # A name means the zoo's model, a path one's own, which may have the same architecture.
    reference = original.model if _in_zoo(original) else onnx or tflite or "model.keras"
    parts = [
        f"""## Use

```python
from fer_zoo import load_classifier

classifier = load_classifier("{reference}")
probabilities = classifier.predict_proba(images)  # uint8 or float [n, 48, 48], gray, 0..255
```"""
    ]
    if onnx or tflite:
        runtimes = " or ".join([*["ONNX Runtime"] * bool(onnx), *["LiteRT"] * bool(tflite)])
        parts.append(f"Without fer_zoo, on {runtimes}:")
    if onnx:
        parts.append(f"""```python
import onnxruntime

session = onnxruntime.InferenceSession("{onnx}")
(probabilities,) = session.run(None, {{"image": images}})  # float32 [n, 48, 48, 1] -> float32 [n, {len(labels)}]
```""")
    parts.append(f"The columns are {', '.join(labels)}.")
    if tflite:
        parts.append(f"""```python
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter("{tflite}")
interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], images.shape)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
interpreter.invoke()
probabilities = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
```""")
    return "\n\n".join(parts)


def care(own: bool) -> str:
    """The limits of a model and uses to avoid; `own` if it was not trained on FER2013's images."""
    if own:
        people, sample = "the people who labelled its images", "Its training images are no fair sample of anybody."
    else:
        people = "people who labelled web photos"
        sample = "FER2013's labels are noisy and its faces are not a fair sample of anybody."
    return (
        f"An expression is not an emotion: the model names what a face looks like to {people}, "
        f"not what somebody feels. {sample} In the European Union the AI Act (Regulation 2024/1689, Article 5) bans "
        "inferring emotions at work and in education. Do not decide about people with it."
    )


def _table(header: list[str], rows: list[list[str]]) -> str:
    return markdown_rows([header, ["---"] * len(header), *rows])
