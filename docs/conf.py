"""How Sphinx builds the documentation: ``python -m sphinx -W docs site``.

``python docs/conf.py`` writes the pages of the reference that are made from the code.
"""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import dlsweep
from dlsweep.cli import main
from dlsweep.config.table import settings_table

project = "dlsweep"
release = version = dlsweep.__version__
copyright = "the dlsweep authors"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["README.md"]
html_theme = "furo"
html_title = "dlsweep"
myst_heading_anchors = 3
myst_links_external_new_tab = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
nitpicky = False

SETTINGS = """# Settings of a run

The settings of the built-in networks, as flags of `dlsweep train` (`--name`, with hyphens or
underscores, and the short ones) and as parameters of a sweep file. Words are matched without regard
to case, hyphens and underscores.

"""


def manual(*words: str) -> str:
    """What ``dlsweep WORDS --help`` prints in a terminal of 80 columns."""
    out = io.StringIO()
    os.environ["COLUMNS"] = "80"
    with redirect_stdout(out), suppress(SystemExit):
        main([*words, "--help"])
    return out.getvalue().strip()


def reference() -> dict[str, str]:
    """The pages that are made from the code: settings and commands."""
    overview = manual()
    parts = ["# Commands\n", f"```text\n{overview}\n```\n"]
    for name in re.findall(r"^    ([a-z]+)(?=\s{2,}|$)", overview, re.MULTILINE):
        parts.append(f"## dlsweep {name}\n\n```text\n{manual(name)}\n```\n")
    return {"settings": f"{SETTINGS}{settings_table()}\n", "commands": "\n".join(parts)}


def setup(app: object) -> None:
    """Write the generated pages before Sphinx looks for pages."""
    for name, text in reference().items():
        path = Path(__file__).parent / "reference" / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    setup(None)
