"""ARCHITECTURE.md tells the truth about the tree, and imports go one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# From the top: a part imports from its own layer and from those below it.
LAYERS = (
    ("fer_zoo.cli",),
    ("fer_zoo.serve", "fer_zoo.distributed", "benchmarks"),
    ("export",),
    ("fer_zoo.evaluation", "fer_zoo.training"),
    ("fer_zoo.video",),
    ("fer_zoo.inference", "fer_zoo.voice"),
    ("fer_zoo.models", "fer_zoo.data", "fer_zoo.faces"),
    ("fer_zoo.zoo",),
    (
        "fer_zoo.backend",
        "fer_zoo.sharding",
        "fer_zoo.console",
        "fer_zoo.tables",
        "fer_zoo.packages",
        "fer_zoo.pictures",
        "fer_zoo.crops",
    ),
    (
        "fer_zoo.contract",
        "fer_zoo.cpu",
        "fer_zoo.memory",
        "fer_zoo.errors",
        "fer_zoo.option_types",
        "fer_zoo.png",
        "fer_zoo.files",
        "fer_zoo.text",
    ),
)
_HEIGHT = {part: -height for height, parts in enumerate(LAYERS) for part in parts}
# `python -m` runs these, which only call the command of that name in `fer_zoo.cli`.
_ENTRANCES = {"train", "evaluate", "predict", "live", "average", "ensemble"}


def _parts(root: Path) -> list[str]:
    """Modules and packages of the top two levels, as paths that the map names."""
    found = []
    for package in ("fer_zoo", "benchmarks"):
        for path in (root / package).iterdir():
            if path.is_dir() and (path / "__init__.py").exists():
                found.append(f"{package}/{path.name}/")
            elif path.suffix == ".py" and not path.name.startswith("__"):
                found.append(f"{package}/{path.name}")
    return [*found, "export/"]


def _imports(root: Path) -> Iterator[tuple[str, str]]:
    """Each import between modules of the project, as two dotted names."""
    for package in ("fer_zoo", "export", "benchmarks"):
        for path in (root / package).rglob("*.py"):
            module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    yield from ((module, alias.name) for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    base = parent.split(".")[: parent.count(".") + 2 - node.level] if node.level else []
                    source = ".".join([*base, *([node.module] if node.module else [])])
                    # `from fer_zoo import console` imports a part, not a name of the package.
                    names = [f"{source}.{alias.name}" for alias in node.names] if source == "fer_zoo" else [source]
                    yield from ((module, name) for name in names)


def _part(module: str) -> str | None:
    """The part of `LAYERS` that a module belongs to."""
    return next((part for part in _HEIGHT if module == part or module.startswith(f"{part}.")), None)


def test_the_map_names_every_part_of_the_tree_once(root: Path) -> None:
    table = re.findall(r"^\| (`[^|]*`) \|", (root / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    named = [path for cell in table for path in re.findall(r"`([^`]+)`", cell)]
    assert sorted(named) == sorted(_parts(root))


def test_imports_go_from_the_commands_down_to_the_contract(root: Path) -> None:
    upward = []
    for module, imported in _imports(root):
        if module.endswith("__main__") or (module.rpartition(".")[2] in _ENTRANCES and module.count(".") == 1):
            continue
        here, there = _part(module), _part(imported)
        if here and there and _HEIGHT[here] < _HEIGHT[there]:
            upward.append(f"{module} imports {imported}")
    assert upward == []


def test_every_part_has_a_layer(root: Path) -> None:
    modules = [path.removesuffix(".py").removesuffix("/").replace("/", ".") for path in _parts(root)]
    entrances = {f"fer_zoo.{name}" for name in _ENTRANCES}
    assert [module for module in modules if module not in entrances and _part(module) is None] == []


def test_training_leaves_printing_and_the_command_line_to_the_commands(root: Path) -> None:
    texts = {path: path.read_text() for path in (root / "fer_zoo" / "training").rglob("*.py")}
    assert [path.name for path, text in texts.items() if re.search(r"\bprint\(|\bsys\.argv\b|\bconsole\b", text)] == []


def test_no_two_test_modules_have_one_name(root: Path) -> None:
    """pytest collects only one of them: they lie in folders that are no packages."""
    names = [path.name for path in (root / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
