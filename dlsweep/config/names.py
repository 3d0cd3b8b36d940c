"""The names that users write for settings: own names, other names, nested keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dlsweep.config.errors import fold, nearest
from dlsweep.config.fields import SETTINGS
from dlsweep.config.kinds import sizes

_BY_SPELLING: dict[str, str] = {}
for _name, _setting in SETTINGS.items():
    for _spelling in (_name, *_setting.also):
        # A field's own name always wins over another field's alternative.
        if fold(_spelling) not in _BY_SPELLING or _spelling == _name:
            _BY_SPELLING[fold(_spelling)] = _name

_COUNTS_OR_SIZES = {"hiddenlayers", "layers", "hl", "hiddenlayer"}
"""Names that users write for the number of hidden layers, and for the list of their sizes."""

_NOTHING_ALIKE = {
    "alpha": "is weight_decay in scikit-learn and the decay beta of RMSprop in PyTorch; "
    "write the one that is meant",
    **dict.fromkeys(
        ("numfilters", "filters", "nfilters", "filtersizes", "numchannels", "channels",
         "outchannels", "kernelsize", "kernelsizes", "kernel", "filtersize", "stride", "padding",
         "poolsize", "pooling", "maxpool", "numconvlayers", "nconvlayers"),
        "convolutions are given in conv_layers, such as 32x3x3,max2,64x3x3",
    ),
    **dict.fromkeys(
        ("iterations", "numiterations", "niterations", "iters", "steps", "numsteps", "maxsteps"),
        "training is counted in epochs",
    ),
    **dict.fromkeys(
        ("numworkers", "nworkers", "workers", "pinmemory", "prefetchfactor"),
        "nothing of the kind here; the images lie in memory",
    ),
    **dict.fromkeys(
        ("testsize", "testsplit", "testfraction"),
        "nothing of the kind here; the test images are the data set's own",
    ),
    **dict.fromkeys(
        ("verbose", "loglevel", "debug"), "nothing of the kind here"
    ),
}  # fmt: skip
"""What is said of names that are not settings, where the nearest name would mislead."""

_NAMING_KEYS = {"name", "type", "kind", "value"}


def setting_name(key: str) -> str | None:
    """The setting that ``key`` means, or None.

    A nested key is written with dots: of ``optimizer.name`` the last part is looked at first
    (``name`` says nothing, so ``optimizer`` is meant), then the whole.
    """
    parts = str(key).split(".")
    if len(parts) > 1 and fold(parts[-1]) in _NAMING_KEYS:
        return setting_name(".".join(parts[:-1]))
    return _BY_SPELLING.get(fold(parts[-1])) or _BY_SPELLING.get(fold(key))


def meant_setting(key: str, values: Iterable[Any]) -> str | None:
    """As ``setting_name``, for a key that may mean either of two by what it is given.

    ``hidden_layers`` is the number of layers, and ``hidden_size`` where lists are its values.
    """
    name = setting_name(key)
    if name == "num_layers" and fold(str(key).split(".")[-1]) in _COUNTS_OR_SIZES:
        values = list(values)
        if values and all(_is_list(value) for value in values):
            return "hidden_size"
    return name


def _is_list(value: Any) -> bool:
    try:
        return isinstance(sizes(value), tuple)
    except ValueError:
        return False


def nearest_option(key: str, options: Iterable[str]) -> str | None:
    """The setting of a model of the user's own that ``key`` means, or None."""
    spellings = {fold(key), fold(str(key).split(".")[-1])}
    return next((option for option in options if fold(option) in spellings), None)


def nothing_alike(name: str) -> str | None:
    """What to do instead of a setting that other programs have and this one does not."""
    return _NOTHING_ALIKE.get(fold(name))


def unknown_setting(key: str, options: Iterable[str] = ()) -> str:
    """The line that refuses a key, with the setting it probably means.

    Args:
        key: as the user wrote it.
        options: the settings that a model of the user's own brings.
    """
    options = list(options)
    last = str(key).split(".")[-1]
    if (said := nothing_alike(last)) and nearest_option(key, options) is None:
        return f"{key}: no such setting; {said}" if fold(last) != "alpha" else f"{key}: {said}"
    known = [*options, *SETTINGS, *(a for setting in SETTINGS.values() for a in setting.also)]
    found = nearest(last, known)
    name = None
    if found is not None:
        name = found if found in options else setting_name(found)
    hint = f"; did you mean {name!r}?" if name else "; see `dlsweep train --help` for all of them"
    return f"{key}: no such setting{hint}"
