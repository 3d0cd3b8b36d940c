"""The public names of every package: a change here is a change of the interface."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import dlsweep.sweep

NAMES = {
    "dlsweep": "__version__ agent ConfigError load run_sweep RunConfig train",
    "dlsweep.cli": "main train_main",
    "dlsweep.config": (
        "canonical_value canonical_variant command_line ConfigError flag_parser parse_config "
        "parse_flags parse_settings replaced_by_variant RunConfig Setting setting_name SETTINGS "
        "unknown_setting VARIANT"
    ),
    "dlsweep.data": (
        "check_data DATA_DIGEST data_problems DataFacts Dataset DataSettings DataUnavailable "
        "describe ensure_features fetch forget keep_dataset known_facts load load_for network_for "
        "scale_pixels Scaling Split"
    ),
    "dlsweep.figures": (
        "analyse analyse_run autoencoder_pictures choose_examples class_counts ClassScores "
        "code_scores data_pictures encode_png Example examples_picture feature_maps first_layer "
        "is_autoencoder model_pictures per_class project RocCurve RunAnalysis SplitAnalysis"
    ),
    "dlsweep.models": (
        "Activation answers Autoencoder auxiliary_name Block build ConvNet Dropout "
        "DropoutInBlocks evaluate_only FeedForward initialize LayerRow layers_of model_spec "
        "MODELS ModelSpec Objective objective_of quick_on_cpu skeleton"
    ),
    "dlsweep.parts": (
        "Activation ACTIVATIONS Augmentation AUGMENTATIONS Backend BACKENDS Conv DATASETS "
        "Hyperparameters Initializer INITIALIZERS Layer LAYERS Loss LOSSES Optimizer OPTIMIZERS "
        "Option Part PublishedSet Updater"
    ),
    "dlsweep.report": (
        "best_of_each comparable joined Online publish read_runs read_studies render_html "
        "render_markdown Report RunsTable standard_report Studies studies_report synced "
        "synced_best Where where"
    ),
    "dlsweep.saved": (
        "encode_model FILE_NAME Inputs load_model looks_inverted Model network_of prepare_image "
        "Prepared read_image read_rows save_model"
    ),
    "dlsweep.scratch": (
        "ACTIVATIONS Adadelta Adagrad Adam AdamW Array Autoencoder check_all CrossEntropy "
        "evaluate feedforward INITIALIZERS Layer Linear log_softmax logits_of Loss LOSSES "
        "MeanSquaredError Momentum NAdam Nesterov Network Optimizer OPTIMIZERS predict "
        "random_normal RMSprop SGD train_autoencoder_epoch train_epoch"
    ),
    "dlsweep.sweep": (
        "AgentOptions AgentReport choose_executor datasets_of Distribution DISTRIBUTIONS Driver "
        "Executor ExecutorError export_optuna Hyperband InProcessExecutor join_sweep JoinedSweep "
        "leaving_on_signals list_studies load_sweep LocalSweep METHODS Metric metric_name METRICS "
        "objective OptunaMirror parse_sweep PlannedStack ProcessExecutor Progress read_study "
        "resume_study Row Run runs_at_once Source STATUSES stop_study storage_file StorageError "
        "Study study_folders study_names StudyFolders StudySource StudyTable SweepFile "
        "SweepOptions train_joined"
    ),
    "dlsweep.sweep.file": (
        "ablation as_settings as_yaml_file Asha Axis builtin_flags BuiltinSpace Categorical "
        "Command Config Constant Continuous Coordinates data_configs datasets_of Distribution "
        "DISTRIBUTIONS EDGE flatten Hyperband IntUniform is_builtin load_sweep METHODS Metric "
        "metric_name METRICS missing_program number objective parse_command parse_metric "
        "parse_program_metric parse_sweep plain read_yaml Settings Space SweepFile "
        "TRAINING_SECONDS unknown_parameters unlike_losses varied_together with_dataset "
        "written_metrics yaml_of"
    ),
    "dlsweep.sweep.search": (
        "affordable Bayes Candidate Comparison Confirmation Draft EarlyTermination "
        "MeanTermination optuna_distribution quiet Search STARTUP SuccessiveHalving"
    ),
    "dlsweep.sweep.study": (
        "candidates_of Compromise export_optuna list_studies Metrics OptunaMirror PlannedStack "
        "Point points_of read_study resume_study ROLES Row Run run_name SEED seed_of STATUSES "
        "stop_study storage_file StorageError Study study_folders study_names StudyFolders "
        "StudyTable unbeaten with_seed"
    ),
    "dlsweep.sweep.execution": (
        "Asked Broken Cause Checkpoint choose_executor choose_program_executor Context Done END "
        "Epoch Event Executor ExecutorError FunctionJob InProcessExecutor Job Left LoggedMetrics "
        "Notice ProcessExecutor ProgramJob Resumed rung_file SAVE_SECONDS StackJob visible_gpus"
    ),
    "dlsweep.sweep.driver": (
        "Adding Addition AT_ONCE ConfirmOptions Driver Jobs leaving_on_signals MOST_DEATHS "
        "MOST_INITIAL_FAILURES NO_SEED not_logged ProgramJobs ProgramSource Progress retry_size "
        "runs_at_once Source StackJobs StudyRuns StudySource"
    ),
    "dlsweep.sweep.local": (
        "adding_repeats adding_run best_points collecting LocalSweep options_without_effect "
        "Repeated run_like run_sweep SweepOptions"
    ),
    "dlsweep.sweep.agent": (
        "agent AgentOptions AgentReport join_sweep JoinedSweep train_joined WandbSource"
    ),
    "dlsweep.tracking": (
        "Background BackgroundRun call_with_run choose_mode Command conclude confusion_plot "
        "data_media default_entity end_untrained fetch_runs find_folders find_log find_logs "
        "FLUSH_SECONDS forget_sweep has_credentials INTERRUPTED is_synced JOB_TYPE join_logs "
        "KILLED mark_synced NO_ACCOUNT online_ids OnlineRun OnlineRuns open_run Opener Outcome "
        "parse_sweep_id patient_settings per_class_table Picture Pool refuse roc_plot "
        "room_for_runs run_media show_data SweepFacts SweepGone SweepService sync_commands "
        "sync_folders sync_target synced_as THREADS TrackedRun TrackingError train train_tracked "
        "TransactionLog Unreachable"
    ),
    "dlsweep.training": (
        "BACKENDS choose_device cost DIVERGED EARLY_STOPPED EpochEnd EpochMetrics Evaluation "
        "FINISHED free_memory Judge keep_freed_memory load_data most_members plan "
        "refuse_oversized RunResult SCHEDULES Stack stack_key StackState StateError STEP_LOSS "
        "steps STOPPED threads train_stack TrainedModel"
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
