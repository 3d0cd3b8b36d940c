"""Floor 0: every setting of a run, how users spell it, and where its randomness comes from."""

from dlsweep.config.errors import ConfigError
from dlsweep.config.fields import SETTINGS
from dlsweep.config.flags import command_line, flag_parser, parse_flags
from dlsweep.config.names import setting_name, unknown_setting
from dlsweep.config.parse import canonical_value, parse_config, parse_settings
from dlsweep.config.run_config import RunConfig
from dlsweep.config.setting import Setting

__all__ = [
    "SETTINGS",
    "ConfigError",
    "RunConfig",
    "Setting",
    "canonical_value",
    "command_line",
    "flag_parser",
    "parse_config",
    "parse_flags",
    "parse_settings",
    "setting_name",
    "unknown_setting",
]
