"""The page's script: ES modules of the package, put into one script that needs no server.

A module imports by name from files of its own folder or of `js/`, one statement a line, and exports
functions, classes and constants. Every module becomes a function of its own, so that its names are
its own; those that are imported come first.
"""

from __future__ import annotations

import functools
import posixpath
import re
from pathlib import Path

MAIN = "js/main.js"
WIDGETS = "widgets"
"""The folder of what can stand in a page: each module's `fill(element, options)` fills a place."""
_ASSETS = Path(__file__).parent / "_assets"
_IMPORT = re.compile(r"^import \{([^}]*)\} from '([^']+)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


@functools.cache
def bundle() -> str:
    """The whole script, which starts by itself."""
    found: dict[str, str] = {}
    names = sorted(path.stem for path in (_ASSETS / WIDGETS).glob("*.js"))
    for name in (MAIN, *(f"{WIDGETS}/{name}.js" for name in names)):
        _add(name, found, ())
    widgets = ", ".join(f"{name}: modules['{WIDGETS}/{name}.js']" for name in names)
    start = f"modules['{MAIN}'].start({{ {widgets} }});"
    return "\n".join(
        ["(() => {", "'use strict';", "const modules = {};", *found.values(), start, "})();", ""]
    )


def asset(name: str) -> str:
    """A file of the page, from the package, with its newlines as they are."""
    return (_ASSETS / name).read_bytes().decode("utf-8")


def _add(name: str, found: dict[str, str], under: tuple[str, ...]) -> None:
    """Add a module, after those that it imports.

    Raises:
        ValueError: modules import each other in a circle.
    """
    if name in under:
        raise ValueError(f"modules import each other: {' -> '.join((*under, name))}")
    if name in found:
        return
    source = asset(name)
    for _, path in _IMPORT.findall(source):
        _add(_place(name, path), found, (*under, name))
    body = _IMPORT.sub(
        lambda line: f"const {{{line[1]}}} = modules['{_place(name, line[2])}'];\n", source
    )
    exported = ", ".join(_EXPORT.findall(body))
    body = _EXPORT.sub("", body)
    found[name] = f"modules['{name}'] = (() => {{\n{body}return {{ {exported} }};\n}})();"


def _place(name: str, path: str) -> str:
    """The module that another one imports."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
