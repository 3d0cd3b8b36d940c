"""What the page of every study does: train what is missing, read the runs, write the page."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from typing import Any

import yaml
from _runs_csv import write_csv

from dlsweep import RunConfig
from dlsweep.cli import main as dlsweep
from dlsweep.config import ConfigError
from dlsweep.report import Report, RunsTable, Where, joined, read_runs, where
from dlsweep.report.blocks import Block, Claim, Published
from dlsweep.report.findings import lead
from dlsweep.sweep import load_sweep, read_study

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "reports"

Tables = Mapping[str, RunsTable]


@dataclass(frozen=True)
class Part:
    """Questions that one sweep answers.

    Attributes:
        sweep: the name of its file in the study's folder, without ``.yaml``.
        blocks: what is shown of it.
        runs: those of its runs that are shown; all by default.
        beside: sweeps whose runs are shown beside it.
        otherwise: what the page says where the sweep cannot be trained; such a sweep is optional.
    """

    sweep: str
    blocks: tuple[Block, ...]
    runs: Where | None = None
    beside: tuple[str, ...] = ()
    otherwise: str = ""


@dataclass(frozen=True)
class Study:
    """A page.

    Attributes:
        name: of its folder, such as s2.
        title: a question.
        opening: what was published, and what came out here; paragraphs of Markdown.
        parts: its sections.
        sweeps: sweep files that lie elsewhere, or are made from the runs of those before.
    """

    name: str
    title: str
    opening: str
    parts: tuple[Part, ...]
    sweeps: Mapping[str, Path | Callable[[Tables], Mapping[str, Any]]] = field(default_factory=dict)


def main(study: Study, given: Sequence[str] | None = None) -> dict[str, RunsTable]:
    """Train what is missing of a study's sweeps, and write its page again.

    Returns:
        The runs of each sweep.
    """
    parser = argparse.ArgumentParser(description=f"{study.title} Trains what is missing of it.")
    places = "of the runs (default: this repository's dlsweep.db); what none has goes to the first"
    parser.add_argument("--storage", nargs="+", metavar="FILE", default=[], help=places)
    parser.add_argument("--folder", help=f"of the page (default: reports/{study.name})")
    parser.add_argument("--quick", action="store_true", help="all of it in minutes, on a slice")
    parser.add_argument("--dataset", help="try it on other data")
    options = parser.parse_args(given)
    options.storage = [os.path.abspath(path) for path in options.storage] or ["dlsweep.db"]
    folder = Path(options.folder or REPORTS / f"{'quick/' * options.quick}{study.name}").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    here = Path.cwd()
    os.chdir(ROOT)  # sweep files name programs and data from here
    try:
        tables = _tables(study, folder, options)
        page = folder / "README.md"
        page.write_text(_page(study, tables, folder), encoding="utf-8")
        write_csv(tables, folder / "runs.csv")
    finally:
        os.chdir(here)
    print(f"written: {os.path.relpath(page)}")
    return tables


def _tables(study: Study, folder: Path, options: argparse.Namespace) -> dict[str, RunsTable]:
    """The runs of each sweep, in the order of the page."""
    tables: dict[str, RunsTable] = {}
    for part in study.parts:
        for name in (part.sweep, *part.beside):
            if name not in tables:
                path = _sweep_file(study, name, tables, folder, options)
                table = _trained(path, options.storage, optional=bool(part.otherwise))
                tables |= {} if table is None else {name: table}
    return tables


def published(study: str, section: str) -> Published:
    """Figures of reports/STUDY/published.yaml, beside those of the runs that it names."""
    written = yaml.safe_load((REPORTS / study / "published.yaml").read_text(encoding="utf-8"))
    return Published(
        tuple(
            Claim(c["what"], c["published"], where(**c["where"]), c["metric"], c["why"])
            for c in written[section]
        )
    )


def again(table: RunsTable, name: str, **changed: Any) -> dict[str, Any]:
    """A sweep of the best configuration of another, some settings of it changed or varied.

    Args:
        table: the other's runs.
        name: of the new sweep.
        changed: settings by name; of a list each value is tried.
    """
    best = lead(table)
    if best is None:
        sys.exit(f"error: no run of {table.title} has a result")
    defaults, elsewhere = RunConfig().as_dict(), {"wandb_project", "wandb_entity", "device"}
    kept = {
        key: value
        for key, value in best.config.items()
        if key not in elsewhere and (key in table.parameters or value != defaults.get(key))
    }
    return {
        "name": name,
        "method": "grid",
        "metric": table.metric.as_dict(),
        "parameters": {
            key: {"values": value} if isinstance(changed.get(key), list) else {"value": value}
            for key, value in (kept | changed).items()
        },
    }


def _sweep_file(
    study: Study, name: str, tables: Tables, folder: Path, options: argparse.Namespace
) -> Path:
    """The file of a sweep; written into the page's folder where it is made or changed."""
    place = study.sweeps.get(name, REPORTS / study.name / f"{name}.yaml")
    if isinstance(place, Path) and not (options.quick or options.dataset):
        return place
    written = yaml.safe_load(place.read_text()) if isinstance(place, Path) else place(tables)
    if isinstance(place, Path):
        written = _smaller(written, options.quick, options.dataset)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    return path


def _smaller(written: dict[str, Any], quick: bool, dataset: str | None) -> dict[str, Any]:
    """A sweep on a slice of its data and its values, or on other data."""
    parameters = written["parameters"]
    if dataset:
        parameters["dataset"] = {"value": dataset}
    if quick:
        parameters["train_size"] = {"value": 600}
        for name, most in (("epochs", 2), ("pretrain_epochs", 1)):
            if name in parameters:
                spec = parameters[name]
                values = [min(most, value) for value in spec.get("values", [spec.get("value")])]
                parameters[name] = {"values": sorted(set(values))}
        if "seed" in parameters:
            parameters["seed"] = {"values": parameters["seed"].get("values", [0])[:2]}
        if "variant" in parameters:
            kept = [
                {name: value for name, value in variant.items() if name != "epochs"}
                for variant in parameters["variant"]["values"]
            ]
            parameters["variant"] = {"values": [v for i, v in enumerate(kept) if v not in kept[:i]]}
        written["run_cap"] = (
            min(12, written.get("run_cap", 10_000)) if "run_cap" in written else None
        )
        written = {key: value for key, value in written.items() if value is not None}
    return written | {"name": f"{written['name']}-try"}


def _trained(path: Path, storages: Sequence[str], optional: bool) -> RunsTable | None:
    """Train what is missing of a sweep, and read its runs; None where that cannot be done."""
    study = load_sweep(path).fingerprint
    found = [storage for storage in storages if _holds(storage, study)]
    storage = next(iter(found), storages[0])
    code = dlsweep(["sweep", str(path), "--storage", storage, "--confirm", "0"])
    if code and optional:
        return None
    if code:
        sys.exit(code)
    return replace(read_runs(study, storage), storage="")  # commands on the page name no file


def _holds(storage: str, study: str) -> bool:
    try:
        return Path(storage).exists() and bool(read_study(storage, study))
    except ConfigError:
        return False


def _page(study: Study, tables: Tables, folder: Path) -> str:
    """The page as Markdown; the pictures of each part lie in a folder of its own."""
    texts = [f"# {study.title}", study.opening.strip()]
    for number, part in enumerate(study.parts, start=1):
        if part.sweep not in tables:
            texts.append(part.otherwise)
            continue
        beside = (tables[name] for name in part.beside if name in tables)
        table = joined(tables[part.sweep], *beside)
        if part.runs is not None:
            table = replace(table, runs=tuple(part.runs.of(table)))
        place = folder / f"{number}-{part.sweep}"
        shown = Report("", part.blocks).shown(table)
        taken: set[Path] = set()
        texts += [_block(block, table, place, taken) for block in shown]
    _tidy(folder, "\n".join(texts))
    texts.append(_foot(study, tables))
    return "\n\n".join(text for text in texts if text) + "\n"


def _block(block: Block, table: RunsTable, place: Path, taken: set[Path]) -> str:
    """A block as Markdown, its pictures in a folder beside the page, none in another's place."""
    new = place / "new"
    new.mkdir(parents=True, exist_ok=True)
    text = block.markdown(table, new)
    for file in sorted(new.iterdir()):
        names = (
            f"{file.stem}{end}{file.suffix}" for end in chain([""], (f"-{n}" for n in count(2)))
        )
        target = next(place / name for name in names if place / name not in taken)
        taken.add(file.replace(target))
        text = text.replace(f"]({file.name})", f"]({place.name}/{target.name})")
    new.rmdir()
    return text.strip()


def _tidy(folder: Path, text: str) -> None:
    """Remove the pictures that earlier pages had and this one has not, and empty folders."""
    for path in [*folder.glob("*-*/*.svg"), *folder.glob("*-*/*.png")]:
        if f"]({path.relative_to(folder).as_posix()})" not in text:
            path.unlink()
    for empty in [path for path in folder.glob("*-*/") if not any(path.iterdir())]:
        empty.rmdir()


def _foot(study: Study, tables: Tables) -> str:
    """How many runs there were, how long they took, and how to have them again."""
    runs = [run for table in tables.values() for run in table.runs]
    busy, end = timedelta(), None
    for started, finished in sorted(
        (r.started, r.finished) for r in runs if r.started and r.finished
    ):
        busy += max(finished - max(started, end or started), timedelta())
        end = max(finished, end or finished)
    made_with = next(iter(tables.values())).versions.items()
    return f"""---

{_count(len(runs), "run")} of {_count(len(tables), "sweep")}, each a row of [runs.csv](runs.csv).
They took {_minutes(busy)} of wall time on {os.cpu_count()} cores, beside other work. Made with
{", ".join(f"{name} {version}" for name, version in made_with)}.

```sh
python reports/{study.name}.py            # trains what is missing, and writes this page again
python reports/{study.name}.py --quick    # all of it on a slice of the data, in reports/quick
```"""


def _count(number: int, noun: str) -> str:
    """A number with its noun: 1 run, 2,000 runs."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _minutes(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes or 1} min"
