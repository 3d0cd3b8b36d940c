"""train.py's flags: the published convention, and every spelling of the table in the design."""

import shlex

import pytest

from dlsweep.config import (
    ConfigError,
    RunConfig,
    command_line,
    flag_parser,
    parse_config,
    parse_flags,
)

# Setting, flags, text given, value.
TABLE = [
    ("wandb_project", "-wp -w_p --wandb_project --wandb-project", "Some Project", "Some Project"),
    ("wandb_entity", "-we --wandb_entity --wandb-entity", "some-team", "some-team"),
    ("dataset", "-d --dataset", "mnist", "mnist"),
    ("image_size", "--image_size --image-size", "64x48", "64x48"),
    ("color", "--color", "false", "false"),
    ("classes", "--classes", "cat,dog", "cat,dog"),
    ("skip_bad", "--skip_bad --skip-bad", "true", True),
    ("features", "--features", "AlexNet", "alexnet"),
    ("features_weights", "--features_weights --features-weights", "random", "random"),
    ("model", "--model", "cnn", "cnn"),
    ("backend", "--backend", "numpy", "numpy"),
    ("epochs", "-e --epochs", "7", 7),
    ("batch_size", "-b --batch_size --batch-size", "16", 16),
    ("loss", "-l --loss", "mean_squared_error", "mean_squared_error"),
    ("optimizer", "-o --optimizer", "rmsprop", "rmsprop"),
    ("learning_rate", "-lr --lr --learning_rate --learning-rate", "1e-4", 1e-4),
    ("momentum", "-m --momentum", "0.5", 0.5),
    ("beta", "-beta --beta", "0.5", 0.5),
    ("beta1", "-beta1 --beta1", "0.5", 0.5),
    ("beta2", "-beta2 --beta2", "0.5", 0.5),
    ("epsilon", "-eps --eps --epsilon", "1e-6", 1e-6),
    ("weight_decay", "-w_d -wd --weight_decay --weight-decay", ".0005", 0.0005),
    ("weight_init", "-w_i -wi --weight_init --weight-init", "Xavier", "xavier"),
    (
        "num_layers",
        "-nhl --num_layers --num-layers --hidden_layers --num_hidden_layers --hidden-layers",
        "4",
        4,
    ),
    (
        "hidden_size",
        "-sz --hidden_size --hidden-size --hidden_sizes --hidden_layer_size",
        "32",
        32,
    ),
    ("activation", "-a --activation", "ReLU", "relu"),
    (
        "conv_layers",
        "--conv_layers --conv-layers",
        "16x5x5/2",
        [{"channels": 16, "kernel": 5, "stride": 2}],
    ),
    ("conv_activation", "--conv_activation --conv-activation", "elu", "elu"),
    ("batch_norm", "--batch_norm --batch-norm", "true", True),
    ("dropout", "--dropout", "0.25", 0.25),
    ("dropout_at", "--dropout_at --dropout-at", "both", "both"),
    ("augment", "--augment", "flip,shift3", "flip,shift3"),
    ("lr_schedule", "--lr_schedule --lr-schedule", "cosine", "cosine"),
    ("step_size", "--step_size --step-size", "3", 3),
    ("gamma", "--gamma", "0.2", 0.2),
    ("early_stopping", "--early_stopping --early-stopping", "3", 3),
    ("val_fraction", "--val_fraction --val-fraction", "0.2", 0.2),
    ("train_size", "--train_size --train-size", "1000", 1000),
    ("seed", "--seed", "42", 42),
    ("device", "--device", "cpu", "cpu"),
    ("figures", "--figures", "full", "full"),
    ("examples", "--examples", "8", 8),
    ("log_every", "--log_every --log-every", "20", 20),
    ("projection", "--projection", "pca", "pca"),
    ("projection_images", "--projection_images --projection-images", "50", 50),
    ("save_model", "--save_model --save-model", "true", True),
    ("classifier_size", "--classifier_size --classifier-size", "16,8", [16, 8]),
    ("code_size", "--code_size --code-size", "2", 2),
    ("freeze", "--freeze", "false", False),
    ("init_scale", "--init_scale --init-scale", "0.1", 0.1),
    ("label_smoothing", "--label_smoothing --label-smoothing", "0.1", 0.1),
    ("pretrain_epochs", "--pretrain_epochs --pretrain-epochs", "3", 3),
    ("reconstruction_weight", "--reconstruction_weight --reconstruction-weight", "0.5", 0.5),
]
CASES = [(name, flag, text, value) for name, flags, text, value in TABLE for flag in flags.split()]


def test_the_table_has_every_setting():
    assert [row[0] for row in TABLE] == list(RunConfig().as_dict())


@pytest.mark.parametrize(("name", "flag", "text", "value"), CASES)
def test_every_flag(name, flag, text, value):
    settings, notices = parse_flags([flag, text])
    assert settings == {name: value}
    assert type(settings[name]) is type(value)
    assert notices == []
    if flag.startswith("--"):
        assert parse_flags([f"{flag}={text}"])[0] == {name: value}


def test_the_published_command_word_for_word():
    command = (
        "-wp P -we E -d fashion_mnist -e 10 -b 64 -l cross_entropy -o nadam -lr 0.001 -m 0.9 "
        "-beta 0.9 -beta1 0.9 -beta2 0.999 -eps 1e-8 -w_d 0 -w_i Xavier -nhl 5 -sz 128 -a tanh"
    )
    settings, notices = parse_flags(command.split())
    assert settings == {
        "wandb_project": "P",
        "wandb_entity": "E",
        "dataset": "fashion_mnist",
        "epochs": 10,
        "batch_size": 64,
        "loss": "cross_entropy",
        "optimizer": "nadam",
        "learning_rate": 0.001,
        "momentum": 0.9,
        "beta": 0.9,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.0,
        "weight_init": "xavier",
        "num_layers": 5,
        "hidden_size": 128,
        "activation": "tanh",
    }
    assert notices == []
    assert RunConfig(**settings).hidden_sizes == (128,) * 5


@pytest.mark.parametrize(
    ("flag", "word", "value"),
    [
        ("-d", "mnist fashion_mnist", None),
        ("-l", "mean_squared_error cross_entropy", None),
        ("-o", "sgd momentum nag rmsprop adam nadam", {"nag": "nesterov"}),
        ("-w_i", "random Xavier", {"Xavier": "xavier"}),
        ("-a", "identity sigmoid tanh ReLU", {"ReLU": "relu"}),
    ],
)
def test_the_published_words(flag, word, value):
    for given in word.split():
        (found,) = parse_flags([flag, given])[0].values()
        assert found == (value or {}).get(given, given)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-sz", "128", "64", "32"],
        ["-sz", "128,64,32"],
        ["--hidden_size", "[128, 64, 32]"],
        ["--hidden_size=[128, 64, 32]"],
        ["--hidden_size=(128, 64, 32)"],
        ["-sz", "128 64 32"],
    ],
)
def test_a_list_of_sizes_says_how_many_layers_there_are(arguments):
    settings, _ = parse_flags(arguments)
    assert settings == {"num_layers": 3, "hidden_size": [128, 64, 32]}


@pytest.mark.parametrize(
    "text",
    [
        "16x5x5/2,8x3x3/1",
        "16x5/2, 8x3",
        "16×5×5/2 8×3×3",
        "16X5X5/2;8X3X3/1",
        "[[16, 5, 2], [8, 3]]",
        '[{"channels": 16, "kernel": 5, "stride": 2}, {"channels": 8, "kernel": 3}]',
        # As a W&B agent writes a list of the sweep file.
        "[{'channels': 16, 'kernel': 5, 'stride': 2}, {'channels': 8, 'kernel': 3}]",
        "[{'filters': 16, 'kernel_size': 5, 'stride': 2}, {'out_channels': 8, 'kernel': 3}]",
    ],
)
def test_spellings_of_convolutions(text):
    first = {"channels": 16, "kernel": 5, "stride": 2}
    second = {"channels": 8, "kernel": 3, "stride": 1}
    for arguments in (["--conv_layers", text], [f"--conv_layers={text}"]):
        assert parse_flags(arguments)[0] == {"conv_layers": [first, second]}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--batch_norm"], True),
        (["--batch_norm", "--seed", "1"], True),
        (["--batch_norm=False"], False),
        (["--batch-norm", "no"], False),
    ],
)
def test_batch_norm_needs_no_value(arguments, expected):
    assert parse_flags(arguments)[0]["batch_norm"] is expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizer={'name': 'nadam', 'lr': 0.01}"],
        ['--optimizer={"name": "nadam", "lr": 0.01}'],
        ["--optimizer.name=nadam", "--optimizer.lr=0.01"],
        ['{"optimizer": {"name": "nadam", "lr": 0.01}}'],
        ['{"optimizer": "nadam", "learning_rate": 0.01}'],
    ],
)
def test_nested_parameters_and_json(arguments):
    assert parse_flags(arguments)[0] == {"optimizer": "nadam", "learning_rate": 0.01}


def test_what_was_taken_for_what_is_told():
    settings, notices = parse_flags(["-o", "NAG", "--model=MLP", "--dataset", "Fashion-MNIST"])
    assert settings["optimizer"] == "nesterov"
    assert sorted(notices) == [
        "model: MLP was taken for feedforward",
        "optimizer: NAG was taken for nesterov",
    ]


def test_no_flags_no_settings():
    assert parse_flags([]) == ({}, [])


@pytest.mark.parametrize("text", ["none", "None", "null"])
def test_settings_that_may_be_none(text):
    settings, _ = parse_flags([f"--early_stopping={text}", f"--train_size={text}"])
    assert settings == {"early_stopping": None, "train_size": None}


def test_everything_that_is_wrong_is_told_at_once():
    arguments = "-lr abc -e 0 -o adm --learning-rat 1 -a tanh -b 64.5"
    with pytest.raises(ConfigError) as caught:
        parse_flags(arguments.split())
    assert sorted(caught.value.problems) == [
        "--learning-rat: no such flag; did you mean --learning-rate?",
        "batch_size: got '64.5', expected an integer ≥ 1",
        "epochs: got '0', expected an integer ≥ 1",
        "learning_rate: got 'abc', expected a number ≥ 0",
        "optimizer: got 'adm', not a known choice; did you mean 'adam'?",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--optimiser_name_of_mine", "x"], "--optimiser_name_of_mine: no such flag"),
        (["-zz", "3"], "-zz: no such flag"),
        (["adam"], "adam: a value without a flag"),
        (["-e"], "-e/--epochs: expected one argument"),
        (["-lr", "-0.1"], "learning_rate: got '-0.1'"),
        (["-sz", "32", "16", "-nhl", "3"], "hidden_size: got 2 sizes [32, 16] for num_layers 3"),
    ],
)
def test_refused(arguments, expected):
    with pytest.raises(ConfigError) as caught:
        parse_flags(arguments)
    (problem,) = caught.value.problems
    assert expected in problem


def test_what_others_have_and_this_has_not_is_said():
    with pytest.raises(ConfigError, match="--kernel_size: no such flag; convolutions are given in"):
        parse_flags(["--kernel_size", "3"])
    assert parse_flags(["-sz", "128,", "64"])[0] == {"num_layers": 2, "hidden_size": [128, 64]}


def test_flags_are_not_abbreviated():
    with pytest.raises(ConfigError, match="--epo: no such flag"):
        parse_flags(["--epo", "3"])


def test_help_names_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_flags(["--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    for name, flags, *_ in TABLE:
        assert f"--{name}" in told
        assert flags.split()[0] in told
    assert "train.py" in told
    assert flag_parser("other.py").prog == "other.py"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "nadam", "hidden_size": [128, 64], "weight_decay": 0.0005, "seed": 3},
        {"hidden_size": [64], "label_smoothing": 0.1},
        {"model": "cnn", "conv_layers": "16x5x5/2p1,max2,8x3x3/1", "dropout": 0.25},
        {"wandb_project": "P", "wandb_entity": "E", "early_stopping": 3, "train_size": 100},
    ],
    ids=["defaults", "layers", "one layer", "cnn", "places"],
)
def test_the_command_line_of_a_configuration_gives_it_again(settings: dict[str, object]):
    config, _ = parse_config(settings)
    line = command_line(config.as_dict())
    given, problems = parse_flags(shlex.split(line))
    assert problems == []
    places = {"wandb_project": config.wandb_project, "wandb_entity": config.wandb_entity}
    assert parse_config({**given, **places})[0] == config
    assert "wandb" not in line


def test_a_command_line_has_no_setting_that_does_nothing():
    config, _ = parse_config({"optimizer": "adam", "momentum": 0.5, "conv_layers": "8x3x3"})
    assert command_line(config.as_dict()) == ""
    config, _ = parse_config({"optimizer": "momentum", "momentum": 0.5})
    assert command_line(config.as_dict()) == "--optimizer momentum --momentum 0.5"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-sz 128 64", {"hidden_size": [128, 64]}),
        ("-nhl 3 -sz 128 128 64", {"num_layers": 3, "hidden_size": [128, 128, 64]}),
        ("--hidden_layers 128 64 32", {"hidden_size": [128, 64, 32]}),
        ("--hidden_layers=128,64", {"hidden_size": [128, 64]}),
        ("--hidden_layers [128]", {"hidden_size": [128]}),
        ("--hidden_layers 2", {"num_layers": 2}),
        ("-wi xavier -w_p demo", {"weight_init": "xavier", "wandb_project": "demo"}),
        ("--_wandb={} --epochs=3", {"epochs": 3}),
    ],
)
def test_the_conventions_of_courses(line, expected):
    settings, _ = parse_flags(shlex.split(line))
    implied = {"num_layers": len(expected["hidden_size"])} if "hidden_size" in expected else {}
    assert settings == {**implied, **expected}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.json", '{"optimizer": {"name": "sgd"}, "lr": 0.5, "hidden_layers": [8, 4]}'),
        ("s.yaml", "opt: sgd\nlearning_rate: 5e-1\nhidden_size: [8, 4]\n"),
        (
            "config.yaml",
            "wandb_version: 1\nopt: {value: sgd}\nlr: {value: 0.5}\nhls: {value: [8, 4]}",
        ),
    ],
)
def test_settings_from_a_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    expected = {"optimizer": "sgd", "learning_rate": 0.5, "hidden_size": [8, 4], "num_layers": 2}
    assert parse_flags(["--config", str(path)])[0] == expected
    settings, _ = parse_flags([f"--config={path}", "--lr", "0.1", "-sz", "5"])
    assert settings == {"optimizer": "sgd", "learning_rate": 0.1, "hidden_size": 5}
    if name.endswith(".json"):  # ${args_json_file}
        assert parse_flags([str(path), "-e", "3"])[0] == {**expected, "epochs": 3}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file"),
        ("- 1", "expected settings"),
        ("a: [", "not YAML or JSON"),
        ("method: grid\nparameters: {}", "dlsweep sweep"),
        ("lr: fast", "learning_rate: got 'fast'"),
    ],
)
def test_files_of_settings_that_are_refused(tmp_path, content, problem):
    path = tmp_path / "s.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as refused:
        parse_flags(["--config", str(path)])
    (line,) = refused.value.problems
    assert problem in line.replace("No such file or directory", "no such file")
