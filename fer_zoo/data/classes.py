"""Which classes a data set has: FER2013's seven expressions, or somebody's own, named by the folders."""

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
        names: In the order of a model's outputs.
        labels: By the name of a class folder as it is found: an index into `names`, `None` for a class that was not
            chosen.
    """

    names: tuple[str, ...]
    labels: dict[str, int | None]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Class folders that were not chosen."""
        return tuple(sorted(name for name, label in self.labels.items() if label is None))


FER2013_CLASSES = Classes(EXPRESSIONS, {name: label for label, name in enumerate(EXPRESSIONS)})


def choose_classes(folders: Iterable[str], chosen: Sequence[str] | None = None) -> Classes:
    """Decide what class folders mean.

    Args:
        folders: Their names. Case and surrounding blanks do not count.
        chosen: The classes to use, in this order. A folder is of a class if it is called like it or by a synonym of it,
            such as `Happiness` of `happy`. Without it, folders that are all called like FER2013's expressions have the
            labels of all seven, however few they are; any others are classes of their own, in alphabetical order.

    Raises:
        UsageError: There are fewer than two classes, one occurs twice, or no folder is of it.
    """
    found = sorted(set(folders))
    keys = {folder: folder.strip().casefold() for folder in found}
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
        raise UsageError(f"no images of the class {', '.join(missing)}; there are {', '.join(found) or 'no classes'}")
    return Classes(names, labels)
