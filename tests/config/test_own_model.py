"""Models of the user's own: how they are named, and the settings that they bring."""

import dataclasses
import pickle
import shlex

import pytest

from dlsweep.config import ConfigError, RunConfig, command_line, parse_config, parse_flags
from dlsweep.config.model_options import load_model_class, model_options
from dlsweep.config.own_code import OwnCode

NET = """
from typing import Literal, Optional
from torch import nn

class Net(nn.Module):
    def __init__(self, image_shape, num_classes, width: int = 16, depth=2, rate: float = 0.5,
                 kind: Literal["plain", "residual"] = "plain", sizes: list[int] = [3, 4],
                 norm: bool = False, cut: Optional[int] = None, made: nn.Module = None,
                 hidden_size=9):
        super().__init__()

class Needs(nn.Module):
    def __init__(self, image_shape, num_classes, *, width: int):
        super().__init__()

class Clash(nn.Module):
    def __init__(self, image_shape, num_classes, learning_rate=0.1):
        super().__init__()

class Odd(nn.Module):
    def __init__(self, image_shape, num_classes, layer: nn.Module):
        super().__init__()

class Plain(nn.Module):
    pass
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path / "net.py"


def problem(**settings):
    with pytest.raises(ConfigError) as refused:
        parse_config(settings)
    (line,) = refused.value.problems
    return line


def test_its_parameters_are_settings_with_their_defaults(net):
    config, notices = parse_config({"model": "net.py:Net"})
    assert notices == []
    assert config.model == f"{net}:Net"
    assert config.model_settings == (
        ("width", 16),
        ("depth", 2),
        ("rate", 0.5),
        ("kind", "plain"),
        ("sizes", (3, 4)),
        ("norm", False),
        ("cut", None),
        ("hidden_size", 9),
    )
    assert config.weight_init == "torch"
    assert load_model_class(config.model).__name__ == "Net"


def test_they_are_given_and_kept_as_other_settings_are(net):
    given = {"model": "net.py:Net", "Width": "32", "kind": "Residual", "sizes": "5,6", "cut": 3}
    config, _ = parse_config({**given, "hidden_size": 4, "lr": 0.1, "weight_init": "he"})
    assert (config["width"], config["kind"], config["sizes"], config["cut"]) == (
        32,
        "residual",
        (5, 6),
        3,
    )
    assert config["hidden_size"] == 4  # the model's, of the built-in setting's name
    assert (config["learning_rate"], config.weight_init) == (0.1, "he")
    stored = config.as_dict()
    assert (stored["width"], stored["sizes"], stored["hidden_size"]) == (32, [5, 6], 4)
    assert RunConfig(**stored) == config
    assert parse_config(stored) == (config, [])
    assert pickle.loads(pickle.dumps(config)) == config
    assert dataclasses.replace(config, seed=4)["width"] == 32
    assert hash(config) == hash(RunConfig(**stored))


def test_they_are_flags(net, capsys):
    settings, _ = parse_flags(["--model", "net.py:Net", "--width=8", "--norm", "--sizes", "1", "2"])
    assert settings == {"model": f"{net}:Net", "width": 8, "norm": True, "sizes": [1, 2]}
    with pytest.raises(SystemExit):
        parse_flags(["--model", "net.py:Net", "--help"])
    assert "--width" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="--width: no such flag"):
        parse_flags(["--width", "8"])


def test_the_command_that_trains_it_again(net):
    config, _ = parse_config({"model": "net.py:Net", "hidden_size": 256, "width": 16, "cut": 3})
    words = shlex.split(command_line(config.as_dict()))
    assert not {"--width", "--weight_init"} & set(words)  # the model's defaults
    assert words[words.index("--hidden_size") + 1] == "256"  # no default of the model's
    assert RunConfig(**parse_flags(words)[0]) == config
    gone = config.as_dict()
    net.rename(net.with_name("moved.py"))
    assert "--hidden_size 256" in command_line(gone)


def test_what_is_wrong_is_one_line(net):
    model = "net.py:Net"
    assert problem(model=model, widht=3) == "widht: no such setting; did you mean 'width'?"
    assert problem(model=model, width="x") == "width: got 'x', expected an integer"
    assert "choose from plain, residual" in problem(model=model, kind="dense")
    assert problem(model="net.py").startswith("model: got 'net.py', expected the class too")
    assert problem(model="net.py:Nett") == f"model: {net} has no class Nett; did you mean Net?"
    assert problem(model="nett.py:Net").endswith("nett.py: no such file; did you mean net.py?")
    assert "nowhere.nets: no such module" in problem(model="nowhere.nets:Net")
    assert problem(model="net.py:Needs").startswith("width: model ")
    assert "learning_rate is a setting of the training" in problem(model="net.py:Clash")
    assert "layer has no default" in problem(model="net.py:Odd")
    (net.parent / "bad.py").write_text("import nothing_of_the_kind")
    assert "bad.py cannot be imported: ModuleNotFoundError" in problem(model="bad.py:Net")
    assert parse_config({"model": "net.py:Needs", "width": 3})[0]["width"] == 3


def test_a_file_that_changed_is_read_again(net):
    assert parse_config({"model": "net.py:Net"})[0]["width"] == 16
    net.write_text(NET.replace("width: int = 16", "width: int = 1234"))
    assert parse_config({"model": "net.py:Net"})[0]["width"] == 1234


def test_a_module_of_the_working_directory(net):
    (net.parent / "nets").mkdir()
    (net.parent / "nets" / "__init__.py").write_text("")
    (net.parent / "nets" / "mine.py").write_text(NET)
    assert parse_config({"model": "nets.mine:Net", "width": 5})[0]["width"] == 5


@pytest.mark.parametrize("dotted", [True, False])
def test_code_is_imported_where_it_was_shipped_to(dotted, tmp_path, monkeypatch):
    driver, worker, gone = (tmp_path / name for name in ("driver", "worker", "gone"))
    package = driver / "shipped"
    package.mkdir(parents=True)
    worker.mkdir()
    (package / "__init__.py").touch()
    (package / "unused.py").touch()
    (package / "net.py").write_text(
        f"import json\nfrom {'.' if dotted else ''}sizes_of_net import SIZE\n"
        "class Net:\n    def __init__(self, image_shape, num_classes, width: int = SIZE): ..."
    )
    place = "shipped.net" if dotted else str(package / "net.py")
    files = {"shipped/__init__.py", "shipped/net.py", "shipped/sizes_of_net.py"}
    for size in (6, 7):  # it is changed while the worker lives
        (package / "sizes_of_net.py").write_text(f"SIZE = {size}")
        monkeypatch.chdir(driver)
        code = pickle.loads(pickle.dumps(OwnCode.of(place, "model")))
        assert set(code.files) == (files if dotted else {"net.py", "sizes_of_net.py"})
        monkeypatch.chdir(worker)
        driver.rename(gone)
        code.supply(worker / code.digest)
        assert model_options(f"{place}:Net")["width"].default == size
        gone.rename(driver)
    if not dotted:
        code.supply(tmp_path / "unneeded")  # it is where it was
        assert not (tmp_path / "unneeded").exists()
        assert load_model_class(f"{place}:Net").__init__.__code__.co_filename == place
