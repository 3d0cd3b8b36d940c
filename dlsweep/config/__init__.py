"""Floor 0: every setting of a run, how users spell it, and where its randomness comes from."""

from dlsweep.config.errors import ConfigError
from dlsweep.config.fields import SETTINGS
from dlsweep.config.flags import command_line, flag_parser, parse_flags
from dlsweep.config.names import setting_name, unknown_setting
from dlsweep.config.parse import (
    VARIANT,
    canonical_value,
    canonical_variant,
    parse_config,
    parse_settings,
    replaced_by_variant,
)
from dlsweep.config.run_config import RunConfig
from dlsweep.config.setting import Setting

__all__ = [
    "SETTINGS",
    "VARIANT",
    "ConfigError",
    "RunConfig",
    "Setting",
    "canonical_value",
    "canonical_variant",
    "command_line",
    "flag_parser",
    "parse_config",
    "parse_flags",
    "parse_settings",
    "replaced_by_variant",
    "setting_name",
    "unknown_setting",
]
