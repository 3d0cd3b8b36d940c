"""The public names of every package: a change here is a change of the interface."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import dlsweep.sweep

NAMES = {
    "dlsweep": "ConfigError RunConfig __version__ agent load train",
    "dlsweep.cli": "main train_main",
    "dlsweep.config": (
        "ConfigError ConvLayer RunConfig SETTINGS Setting canonical_value command_line "
        "flag_parser parse_config parse_flags parse_settings setting_name unknown_setting"
    ),
    "dlsweep.data": "DATASETS DataUnavailable Dataset Description Split fetch load scale_pixels",
    "dlsweep.figures": (
        "ClassScores Example RocCurve RunAnalysis SplitAnalysis analyse analyse_run "
        "choose_examples class_counts data_pictures encode_png examples_picture feature_maps "
        "first_layer model_pictures per_class project"
    ),
    "dlsweep.models": (
        "ACTIVATIONS Activation Block ConvNet Dropout DropoutInBlocks FeedForward INITIALIZERS "
        "MODELS ModelSpec activate_ activation_backward_ build deepen "
        "initialize model_spec quick_on_cpu"
    ),
    "dlsweep.report": (
        "Online Report Run RunsTable joined publish read_runs render_html render_markdown "
        "standard_report synced"
    ),
    "dlsweep.saved": "FILE_NAME Model encode_model load_model looks_inverted read_image save_model",
    "dlsweep.scratch": (
        "ACTIVATIONS Activation Adam INITIALIZERS LOSSES Loss Momentum NAdam Nesterov Network "
        "OPTIMIZERS Optimizer RMSprop SGD evaluate log_probabilities log_softmax predict "
        "train_epoch"
    ),
    "dlsweep.sweep": (
        "AgentOptions AgentReport choose_executor datasets_of Distribution DISTRIBUTIONS Driver "
        "Executor "
        "ExecutorError export_optuna Hyperband InProcessExecutor join_sweep JoinedSweep "
        "leaving_on_signals list_studies load_sweep METHODS Metric metric_name METRICS objective "
        "OptunaMirror parse_sweep PlannedStack ProcessExecutor Progress read_study resume_study "
        "Row Run runs_at_once Source STATUSES stop_study storage_file StorageError Study "
        "study_folders study_names StudyFolders StudySource StudyTable SweepFile train_joined"
    ),
    "dlsweep.sweep.file": (
        "Axis builtin_flags Categorical Command Constant Continuous Coordinates Distribution "
        "DISTRIBUTIONS EDGE Hyperband IntUniform is_builtin load_sweep METHODS Metric metric_name "
        "METRICS number objective parse_command parse_metric parse_sweep plain Space SweepFile "
        "flatten missing_program parse_program_metric Config Settings"
    ),
    "dlsweep.sweep.search": "Bayes Draft EarlyTermination optuna_distribution quiet Search STARTUP",
    "dlsweep.sweep.study": (
        "export_optuna list_studies OptunaMirror PlannedStack read_study resume_study Row Run "
        "run_name STATUSES stop_study storage_file StorageError Study study_folders study_names "
        "StudyFolders StudyTable"
    ),
    "dlsweep.sweep.execution": (
        "Asked Broken Cause Checkpoint choose_executor Context Done END Epoch Event Executor "
        "ExecutorError InProcessExecutor Job Left LoggedMetrics Metrics Notice ProcessExecutor "
        "ProgramJob Resumed SAVE_SECONDS StackJob"
    ),
    "dlsweep.sweep.driver": (
        "AT_ONCE datasets_of Driver leaving_on_signals MOST_DEATHS Progress retry_size "
        "runs_at_once Source StudySource"
    ),
    "dlsweep.sweep.agent": (
        "agent AgentOptions AgentReport join_sweep JoinedSweep train_joined WandbSource"
    ),
    "dlsweep.tracking": (
        "Background BackgroundRun INTERRUPTED JOB_TYPE NO_ACCOUNT OnlineRun OnlineRuns Outcome "
        "end_untrained Picture Pool THREADS TrackedRun TrackingError conclude "
        "choose_mode confusion_plot data_media default_entity fetch_runs has_credentials "
        "online_ids open_run per_class_table refuse roc_plot run_media show_data train "
        "train_tracked KILLED Command SweepFacts SweepGone "
        "SweepService Unreachable parse_sweep_id "
        "room_for_runs is_synced sync_commands sync_folders sync_target FLUSH_SECONDS Opener "
        "mark_synced patient_settings synced_as TransactionLog find_log find_logs"
    ),
    "dlsweep.training": (
        "BACKENDS DIVERGED EARLY_STOPPED EpochEnd EpochMetrics Evaluation FINISHED LOSSES RULES "
        "Judge Layout RunResult SCHEDULES Stack StackMemory StackState StateError TrainedModel "
        "STOPPED choose_device compiling_pays cost free_memory keep_freed_memory layout_facts "
        "layout_from load_data members_that_fit most_members plan refuse_oversized stack_key "
        "stack_memory steps threads train_stack"
    ),
}


def test_every_package_is_listed():
    modules = [
        *pkgutil.iter_modules(dlsweep.__path__, "dlsweep."),
        *pkgutil.iter_modules(dlsweep.sweep.__path__, "dlsweep.sweep."),
    ]
    assert {"dlsweep", *(module.name for module in modules if module.ispkg)} == NAMES.keys()


@pytest.mark.parametrize("package", NAMES)
def test_public_names(package: str):
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(NAMES[package].split())
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = dlsweep.trian
