"""The names that users write for settings: own names, other names, nested keys."""

from __future__ import annotations

from collections.abc import Iterable

from dlsweep.config.errors import fold, nearest
from dlsweep.config.fields import SETTINGS

_BY_SPELLING: dict[str, str] = {}
for _name, _setting in SETTINGS.items():
    for _spelling in (_name, *_setting.also):
        # A field's own name always wins over another field's alternative.
        if fold(_spelling) not in _BY_SPELLING or _spelling == _name:
            _BY_SPELLING[fold(_spelling)] = _name

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


def nearest_option(key: str, options: Iterable[str]) -> str | None:
    """The setting of a model of the user's own that ``key`` means, or None."""
    spellings = {fold(key), fold(str(key).split(".")[-1])}
    return next((option for option in options if fold(option) in spellings), None)


def unknown_setting(key: str, options: Iterable[str] = ()) -> str:
    """The line that refuses a key, with the setting it probably means.

    Args:
        key: as the user wrote it.
        options: the settings that a model of the user's own brings.
    """
    options = list(options)
    known = [*options, *SETTINGS, *(a for setting in SETTINGS.values() for a in setting.also)]
    found = nearest(str(key).split(".")[-1], known)
    name = None
    if found is not None:
        name = found if found in options else setting_name(found)
    hint = f"; did you mean {name!r}?" if name else "; see `dlsweep train --help` for all of them"
    return f"{key}: no such setting{hint}"
