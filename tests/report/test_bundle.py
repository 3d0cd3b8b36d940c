"""The page's script: modules that import what they use, in no circle, and that a parser accepts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dlsweep.report import _bundle
from dlsweep.report._bundle import asset, bundle

FOLDER = Path(_bundle.__file__).parent / "_assets"
MODULES = sorted(
    str(p.relative_to(FOLDER)) for kind in ("js", "widgets") for p in (FOLDER / kind).glob("*.js")
)
IMPORT = re.compile(r"import \{([^}]*)\} from '([^']+)';")
EXPORT = re.compile(r"^export (?:function|const|class) (\w+)", re.MULTILINE)


def names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_there_is_and_uses_it(name: str):
    source = asset(name)
    body = IMPORT.sub("", source)
    assert source.startswith("// ")
    assert body.count("import ") == body.count("export import ") == 0
    for listed, path in IMPORT.findall(source):
        there = set(EXPORT.findall(asset(_bundle._place(name, path))))
        for imported in names(listed):
            assert imported in there
            assert re.search(rf"\b{imported}\b", body), f"{imported} is not used"
    if name.startswith("widgets/"):
        assert EXPORT.findall(source) == ["fill"]
    assert len(source.splitlines()) < 250


def test_everything_exported_is_used_elsewhere():
    used = {
        (_bundle._place(name, path), imported)
        for name in MODULES
        for listed, path in IMPORT.findall(asset(name))
        for imported in names(listed)
    }
    for name in MODULES:
        for exported in EXPORT.findall(asset(name)):
            assert (name, exported) in used or exported in ("fill", "start"), (name, exported)


def test_a_circle_of_modules_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "js").mkdir()
    (tmp_path / "widgets").mkdir()
    (tmp_path / "js/main.js").write_text(
        "import { a } from './a.js';\nexport function start() {}\n"
    )
    (tmp_path / "js/a.js").write_text(
        "import { start } from './main.js';\nexport const a = start;\n"
    )
    monkeypatch.setattr(_bundle, "_ASSETS", tmp_path)
    with pytest.raises(ValueError, match=r"js/main\.js -> js/a\.js -> js/main\.js"):
        bundle.__wrapped__()


@pytest.mark.process
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_parser_accepts_the_whole_script():
    command = ["node", "--check", "--input-type=commonjs"]
    done = subprocess.run(command, input=bundle(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
