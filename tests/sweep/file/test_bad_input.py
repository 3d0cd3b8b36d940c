"""Every way in which a sweep file can be wrong, and the line that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.file import load_sweep, parse_sweep

HEAD = "method: random\nmetric: {name: val_accuracy, goal: maximize}\n"
LR = "parameters: {learning_rate: {values: [0.1]}}\n"


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_sweep(path)
    for line in caught.value.problems:
        assert "\n" not in line
    return caught.value.problems


TOP = {
    "unknown key": (
        HEAD + LR + "metod: grid\n",
        "metod: no such key of a sweep file; did you mean 'method'?",
    ),
    "nesting without parameters": (
        HEAD + "parameters: {optimizer: {name: {values: [adam, sgd]}, lr: {value: 0.1}}}\n",
        "optimizer: nested parameters stand under a key of their own: "
        "optimizer: {parameters: {name: {values: [adam, sgd]}, …}}",
    ),
    "no method": (LR, "method: missing; choose from grid, random, bayes"),
    "unknown method": (
        "method: rndom\n" + LR,
        "method: got 'rndom', not a method; did you mean 'random'?",
    ),
    "custom method": (
        "method: custom\n" + LR,
        "method: got 'custom', not a method; choose from grid, random, bayes",
    ),
    "bayes without metric": (
        "method: bayes\n" + LR,
        "metric: missing; method bayes needs {name: val_accuracy, goal: maximize}",
    ),
    "early_terminate without metric": (
        "method: random\nearly_terminate: {type: hyperband, min_iter: 3}\n" + LR,
        "metric: missing; early_terminate needs {name: val_accuracy, goal: maximize}",
    ),
    "metric as text": (
        "method: bayes\nmetric: val_accuracy\n" + LR,
        "metric: got 'val_accuracy', expected {name: val_accuracy, goal: maximize}",
    ),
    "metric without name": (
        "method: bayes\nmetric: {goal: maximize}\n" + LR,
        "metric.name: missing; write name: val_accuracy",
    ),
    "unknown metric": (
        "method: bayes\nmetric: {name: val_acuracy}\n" + LR,
        "metric.name: got 'val_acuracy', not logged; did you mean 'val_accuracy'?",
    ),
    "unknown key of metric": (
        "method: bayes\nmetric: {name: val_accuracy, gaol: maximize}\n" + LR,
        "metric.gaol: no such key; did you mean 'goal'?",
    ),
    "unknown goal": (
        "method: bayes\nmetric: {name: val_loss, goal: minimal}\n" + LR,
        "metric.goal: got 'minimal', not a goal; did you mean 'minimize'?",
    ),
    "target": (
        "method: bayes\nmetric: {name: val_accuracy, goal: maximize, target: high}\n" + LR,
        "metric.target: got 'high', expected a number",
    ),
    "run_cap zero": (HEAD + LR + "run_cap: 0\n", "run_cap: got 0, expected an integer ≥ 1"),
    "run_cap text": (HEAD + LR + "run_cap: x\n", "run_cap: got 'x', expected an integer ≥ 1"),
    "name is a list": (HEAD + LR + "name: [a]\n", "name: got [a], expected text"),
    "no project of W&B's": (
        HEAD + LR + "project: me/mine\n",
        "project: got 'me/mine', expected a name without /; entity and project are given apart",
    ),
    "no entity of W&B's": (
        HEAD + LR + "entity: me/mine\n",
        "entity: got 'me/mine', expected a name without /; entity and project are given apart",
    ),
    "no parameters": (
        HEAD,
        "parameters: got nothing, expected settings such as "
        "learning_rate: {values: [0.001, 0.0001]}",
    ),
    "parameters as list": (
        HEAD + "parameters: [learning_rate]\n",
        "parameters: got [learning_rate], expected settings such as "
        "learning_rate: {values: [0.001, 0.0001]}",
    ),
    "hyperband type": (
        HEAD + LR + "early_terminate: {type: hyperbnd, min_iter: 3}\n",
        "early_terminate.type: got 'hyperbnd'; W&B knows hyperband",
    ),
    "hyperband without type": (
        HEAD + LR + "early_terminate: {min_iter: 3}\n",
        "early_terminate.type: missing; W&B knows hyperband",
    ),
    "hyperband without iterations": (
        HEAD + LR + "early_terminate: {type: hyperband, max_iter: 27}\n",
        "early_terminate: needs min_iter, or max_iter and s",
    ),
    "hyperband min_iter": (
        HEAD + LR + "early_terminate: {type: hyperband, min_iter: 0}\n",
        "early_terminate.min_iter: got 0, expected an integer ≥ 1",
    ),
    "hyperband min_iter too large": (
        HEAD + LR + "early_terminate: {type: hyperband, min_iter: 9999999999}\n",
        "early_terminate.min_iter: got 9999999999, expected an integer ≤ 2,147,483,647",
    ),
    "run_cap too large": (
        HEAD + LR + "run_cap: 1e300\n",
        "run_cap: got 1e+300, expected an integer ≤ 2,147,483,647",
    ),
    "hyperband eta": (
        HEAD + LR + "early_terminate: {type: hyperband, min_iter: 3, eta: 1}\n",
        "early_terminate.eta: got 1, expected a number > 1",
    ),
    "hyperband key": (
        HEAD + LR + "early_terminate: {type: hyperband, min_itr: 3, min_iter: 3}\n",
        "early_terminate.min_itr: no such key; did you mean 'min_iter'?",
    ),
    "hyperband strict": (
        HEAD + LR + "early_terminate: {type: hyperband, min_iter: 3, strict: no}\n",
        "early_terminate.strict: got 'no', expected true or false",
    ),
    "hyperband without a bracket": (
        HEAD + LR + "early_terminate: {type: hyperband, max_iter: 2, s: 1}\n",
        "early_terminate: there is no bracket before max_iter 2 with eta 3; give a larger max_iter",
    ),
}

PARAMETERS = {
    "unknown setting": (
        "learnin_rate: {values: [0.1]}",
        "learnin_rate: no such setting; did you mean 'learning_rate'?",
    ),
    "empty values": (
        "optimizer: {values: []}",
        "optimizer.values: got an empty list, expected at least one value",
    ),
    "values as text": (
        "epochs: {values: 5}",
        "epochs.values: got 5, expected a list; write values: [5]",
    ),
    "value of several": (
        "optimizer: {value: [adam, sgd]}",
        "optimizer: got [adam, sgd], not a known choice; choose from adadelta, adagrad, adam, "
        "adamw, momentum, nadam, nesterov, rmsprop, sgd; write {values: [adam, sgd]}",
    ),
    "values without brackets": (
        "optimizer: {values: adam sgd}",
        "optimizer.values: got 'adam sgd', expected a list; write values: [adam, sgd]",
    ),
    "values without commas": (
        "batch_size: {values: [16 32 64]}",
        "batch_size: got '16 32 64', expected an integer ≥ 1; write [16, 32, 64]",
    ),
    "a train_size below the classes": (
        "{train_size: {value: 9}, dataset: {value: digits}}",
        "train_size: got 9, expected 10 (one image of each class) to 1,293 (what val_fraction 0.1 "
        "leaves of digits)",
    ),
    "a train_size above the images": (
        "{train_size: {values: [100, 54001]}}",
        "train_size: 54001 never fits: train_size: got 54,001, expected 10 (one image of each "
        "class) to 54,000 (what val_fraction 0.1 leaves of fashion_mnist)",
    ),
    "steps too small": (
        "learning_rate: {distribution: q_uniform, min: 0, max: 1, q: 1e-300}",
        "learning_rate.q: got 1e-300, expected at least 1e-12",
    ),
    "wrong word": (
        "optimizer: {values: [adm]}",
        "optimizer: got 'adm', not a known choice; did you mean 'adam'?",
    ),
    "wrong word, other name": (
        "optim: {values: [adm]}",
        "optim (optimizer): got 'adm', not a known choice; did you mean 'adam'?",
    ),
    "wrong type": (
        "epochs: {values: [5, ten]}",
        "epochs: got 'ten', expected an integer ≥ 1",
    ),
    "out of range": (
        "dropout: {values: [0.5, 1.5]}",
        "dropout: got 1.5, expected a number ≥ 0 and < 1",
    ),
    "constant out of range": ("epochs: {value: 0}", "epochs: got 0, expected an integer ≥ 1"),
    "bare value": ("epochs: 5", "epochs: got 5; write {value: 5}"),
    "bare list": ("epochs: [5, 10]", "epochs: got [5, 10]; write {values: [5, 10]}"),
    "nothing": ("epochs:", "epochs: got nothing; write {values: [...]}"),
    "bare words": (
        "optimizer: [adam, null, true, '8']",
        "optimizer: got [adam, null, true, '8']; write {values: [adam, null, true, '8']}",
    ),
    "true": (
        "optimizer: {value: true}",
        "optimizer: got true, not a known choice; choose from adadelta, adagrad, adam, adamw, "
        "momentum, nadam, nesterov, rmsprop, sgd",
    ),
    "too large": (
        "epochs: {value: 9999999999999999999999}",
        "epochs: got 9999999999999999999999, expected an integer ≤ 2,147,483,647",
    ),
    "too large, drawn": (
        "batch_size: {min: 1, max: 99999999999}",
        "batch_size: got 99999999999, expected an integer ≤ 2,147,483,647 (from int_uniform)",
    ),
    "too large, in a list": (
        "hidden_size: {values: [[64, 1000001]]}",
        "hidden_size: got [64, 1000001], expected an integer ≤ 1,000,000",
    ),
    "no project of W&B's": (
        "wandb_project: {value: bad/name}",
        "wandb_project: got 'bad/name', expected a name without /; entity and project are "
        "given apart",
    ),
    "unknown key": (
        "epochs: {vals: [5]}",
        "epochs.vals: no such key; did you mean 'values'?",
    ),
    "value and values": (
        "epochs: {value: 5, values: [5]}",
        "epochs.values: does not belong to constant",
    ),
    "only min": ("learning_rate: {min: 0.1}", "learning_rate: max is missing"),
    "only probabilities": (
        "epochs: {probabilities: [1]}",
        "epochs: needs value, values, or min and max",
    ),
    "min above max": (
        "learning_rate: {min: 0.1, max: 0.01}",
        "learning_rate: got min 0.1 and max 0.01, expected min < max",
    ),
    "min equals max": (
        "epochs: {min: 5, max: 5}",
        "epochs: got min 5 and max 5, expected min < max",
    ),
    "mixed": (
        "learning_rate: {min: 0, max: 0.1}",
        "learning_rate: got min 0 and max 0.1, a whole number and a decimal one; "
        "write both alike, or give the distribution (W&B refuses this too)",
    ),
    "min is not a number": (
        "learning_rate: {min: low, max: 0.1}",
        "learning_rate.min: got 'low', expected a number",
    ),
    "unknown distribution": (
        "learning_rate: {distribution: log_unifrm, min: 0.1, max: 1}",
        "learning_rate.distribution: got 'log_unifrm', not a distribution; "
        "did you mean 'log_uniform'?",
    ),
    "distribution without its keys": (
        "learning_rate: {distribution: uniform, min: 0.1}",
        "learning_rate.max: missing; uniform needs it",
    ),
    "key of another distribution": (
        "learning_rate: {distribution: normal, mu: 1, sigma: 1, min: 0.1}",
        "learning_rate.min: does not belong to normal",
    ),
    "sigma": (
        "learning_rate: {distribution: log_normal, mu: 0, sigma: 0}",
        "learning_rate.sigma: got 0, expected a number > 0",
    ),
    "mu is not a number": (
        "learning_rate: {distribution: log_normal, mu: middle, sigma: 1}",
        "learning_rate.mu: got 'middle', expected a number",
    ),
    "q": (
        "learning_rate: {distribution: q_uniform, min: 0.1, max: 1, q: 0}",
        "learning_rate.q: got 0, expected a number > 0",
    ),
    "log of zero": (
        "learning_rate: {distribution: log_uniform_values, min: 0, max: 0.1}",
        "learning_rate.min: got 0, expected a number > 0",
    ),
    "number of probabilities": (
        "epochs: {values: [5, 10], probabilities: [1]}",
        "epochs.probabilities: got 1, expected one for each of 2",
    ),
    "sum of probabilities": (
        "epochs: {values: [5, 10], probabilities: [0.5, 0.6]}",
        "epochs.probabilities: they sum to 1.1, expected 1",
    ),
    "negative probability": (
        "epochs: {values: [5, 10], probabilities: [1.5, -0.5]}",
        "epochs.probabilities: got [1.5, -0.5], expected numbers ≥ 0",
    ),
    "numbers for a word": (
        "optimizer: {min: 0.0, max: 1.0}",
        "optimizer: got uniform, but it is not a number; give values",
    ),
    "decimals for a whole number": (
        "batch_size: {min: 16.0, max: 64.0}",
        "batch_size: got uniform, but it is a whole number; use int_uniform",
    ),
    "log for a whole number": (
        "batch_size: {distribution: log_uniform_values, min: 16, max: 64}",
        "batch_size: got log_uniform_values, but it is a whole number; use int_uniform",
    ),
    "halves for a whole number": (
        "batch_size: {distribution: q_uniform, min: 16, max: 64, q: 0.5}",
        "batch_size.q: got 0.5, expected a whole number, as batch_size is one",
    ),
    "int_uniform of decimals": (
        "batch_size: {distribution: int_uniform, min: 16.5, max: 64}",
        "batch_size.min: got 16.5, expected a whole number for int_uniform",
    ),
    "range below the setting's": (
        "learning_rate: {min: -0.1, max: 0.1}",
        "learning_rate: got -0.1, expected a number ≥ 0 (from uniform)",
    ),
    "integers below the setting's": (
        "epochs: {min: 0, max: 10}",
        "epochs: got 0, expected an integer ≥ 1 (from int_uniform)",
    ),
    "overflow": (
        "learning_rate: {distribution: log_uniform, min: 0.0001, max: 1000}",
        "learning_rate: got inf, expected a number ≥ 0 (from log_uniform)",
    ),
    "two names": (
        "{hidden_layers: {values: [3]}, num_layers: {values: [4]}}",
        "num_layers is given twice, as hidden_layers and as num_layers",
    ),
    "nested and plain": (
        "{optimizer: {parameters: {lr: {value: 0.1}}}, learning_rate: {value: 0.2}}",
        "learning_rate is given twice, as optimizer.lr and as learning_rate",
    ),
    "nested with values": (
        "optimizer: {parameters: {lr: {value: 0.1}}, values: [adam]}",
        "optimizer.parameters: cannot be mixed with a distribution of its own",
    ),
    "sizes and layers, fixed": (
        "{hidden_size: {value: [64, 32]}, num_layers: {value: 3}}",
        "hidden_size: got 2 sizes [64, 32] for num_layers 3; "
        "give one size, or one per hidden layer",
    ),
    "a value that never fits": (
        "{hidden_size: {values: [128, [64, 32]]}, num_layers: {values: [3, 4]}}",
        "hidden_size: [64, 32] never fits: hidden_size: got 2 sizes [64, 32] for num_layers 3; "
        "give one size, or one per hidden layer",
    ),
    "backend and model": (
        "{backend: {value: numpy}, model: {values: [cnn]}}",
        "model: backend numpy has feedforward, autoencoder only, got cnn; use backend torch",
    ),
    "backend and optimizers": (
        "{backend: {value: scikit-learn}, optimizer: {values: [sgd, nadam]}}",
        "optimizer: 'nadam' never fits: optimizer: backend sklearn has sgd, momentum, nesterov, "
        "adam only, got nadam; use backend torch",
    ),
}


@pytest.mark.parametrize("case", TOP)
def test_top_level(tmp_path: Path, case: str) -> None:
    text, line = TOP[case]
    assert problems(tmp_path, text) == (line,)


@pytest.mark.parametrize("case", PARAMETERS)
def test_parameters(tmp_path: Path, case: str) -> None:
    text, line = PARAMETERS[case]
    indented = f"parameters: {text}\n" if text.startswith("{") else f"parameters:\n  {text}\n"
    assert problems(tmp_path, HEAD + indented) == (line,)


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [
        ("learning_rate: {min: 0.1, max: 0.2}", "uniform"),
        ("learning_rate: {distribution: normal, mu: 1, sigma: 0.1}", "normal"),
        (
            "learning_rate: {values: [0.1, 0.2], probabilities: [0.5, 0.5]}",
            "categorical_w_probabilities",
        ),
    ],
)
def test_grid_needs_lists(tmp_path: Path, parameter: str, kind: str) -> None:
    assert problems(tmp_path, f"method: grid\nparameters:\n  {parameter}\n") == (
        f"learning_rate: got {kind}, which method grid cannot list; give values, or use random",
    )


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = """
method: baies
metric: {name: val_acuracy, goal: up}
run_cap: -1
parameters:
  learnin_rate: {values: [0.1]}
  epochs: {values: []}
  optimizer: {values: [adm, sgd, rms_prp]}
"""
    assert [line.split(":")[0] for line in problems(tmp_path, text)] == [
        "method",
        "metric.name",
        "metric.goal",
        "learnin_rate",
        "epochs.values",
        "optimizer",
        "optimizer",
        "run_cap",
    ]


def test_syntax_error_says_where(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "method: random\nparameters:\n  epochs: {values: [5}\n")
    assert line.startswith(f"{tmp_path / 's.yaml'}: line 3, column 22: ")


def test_tabs(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "method: random\nparameters:\n\tepochs: {value: 5}\n")
    assert "line 3, column 1" in line


def test_key_given_twice(tmp_path: Path) -> None:
    text = HEAD + "parameters:\n  epochs: {value: 5}\n  epochs: {value: 10}\n"
    assert problems(tmp_path, text) == (
        f"{tmp_path / 's.yaml'}: line 5, column 3: epochs is given twice",
    )


@pytest.mark.parametrize(("text", "shown"), [("", "nothing"), ("- a\n", "[a]"), ("a", "'a'")])
def test_no_mapping(tmp_path: Path, text: str, shown: str) -> None:
    assert problems(tmp_path, text) == (
        f"{tmp_path / 's.yaml'}: got {shown}, expected method, metric and parameters",
    )


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file$"):
        load_sweep(tmp_path / "nowhere.yaml")
    (tmp_path / "sweep.yml").touch()
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file$"):
        load_sweep(tmp_path / "nowhere.yaml")
    with pytest.raises(
        ConfigError, match=r"swep\.yaml: no such file; did you mean .*/sweep\.yml\?$"
    ):
        load_sweep(tmp_path / "swep.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_sweep(tmp_path)


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="not a text file in UTF-8"):
        load_sweep(path)


def test_no_python_objects(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "method: !!python/object/apply:os.getcwd []\n")
    assert "could not determine a constructor" in line


def test_mapping_without_a_file() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sweep({"parameters": {"epochs": {"values": [0]}}})
    assert caught.value.problems == (
        "method: missing; choose from grid, random, bayes",
        "epochs: got 0, expected an integer ≥ 1",
    )
