"""The classes of a data set: FER2013's seven expressions, or your own, which have the names of the class folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError

_SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "scared": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


@dataclass(frozen=True)
class Classes:
    """The classes of a data set.

    Attributes:
        names: Names of the classes, in the order of a model's outputs.
        labels: By the name of a class folder, spelled as in the data: an index into `names`, or `None` for a class that
            was not chosen.
    """

    names: tuple[str, ...]
    labels: dict[str, int | None]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Class folders that were not chosen."""
        return tuple(sorted(name for name, label in self.labels.items() if label is None))


FER2013_CLASSES = Classes(EXPRESSIONS, {name: label for label, name in enumerate(EXPRESSIONS)})


def choose_classes(folders: Iterable[str], chosen: Sequence[str] | None = None) -> Classes:
    """Assign a class to each class folder.

    Args:
        folders: Names of the class folders. Case and surrounding blanks do not matter.
        chosen: The classes to use, in this order. A folder belongs to a class if it has the name of the class or a
            synonym, such as `Happiness` for `happy`. Without `chosen`, folders that all have names of FER2013's
            expressions get the labels of all seven, however few there are; any other folders are classes of their own,
            in alphabetical order.

    Raises:
        UsageError: There are fewer than two classes, a class is listed twice, or a class has no folder.
    """
    folder_names = sorted(set(folders))
    keys = {folder: folder.strip().casefold() for folder in folder_names}
    if chosen is None:
        known = {folder: _SYNONYMS.get(key, key) for folder, key in keys.items()}
        if all(name in EXPRESSIONS for name in known.values()):
            return Classes(EXPRESSIONS, {folder: EXPRESSIONS.index(name) for folder, name in known.items()})
        # One spelling of each name: `Smile` in one split is `smile` in another.
        spelled = {key: folder.strip() for folder, key in reversed(keys.items())}
        chosen = [spelled[key] for key in sorted(spelled)]
        if len(chosen) < 2:
            raise UsageError(f"there is only one class, {chosen[0]}; a model needs folders of at least two classes")
    names = tuple(name.strip() for name in chosen)
    wanted = {name.casefold(): label for label, name in enumerate(names)}
    if len(wanted) < max(2, len(names)) or not all(name and name.isprintable() for name in names):
        raise UsageError(f"the classes {', '.join(names)!r} cannot be used; give at least two names, each once")
    labels = {folder: wanted.get(key, wanted.get(_SYNONYMS.get(key, key))) for folder, key in keys.items()}
    if missing := [name for label, name in enumerate(names) if label not in labels.values()]:
        available = ", ".join(folder_names) or "no classes"
        raise UsageError(f"no images of the class {', '.join(missing)}; there are {available}")
    return Classes(names, labels)
