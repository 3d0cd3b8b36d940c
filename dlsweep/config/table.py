"""The README's table of settings, made from ``RunConfig``: ``python -m dlsweep.config.table``."""

from __future__ import annotations

from dlsweep.config.fields import SETTINGS
from dlsweep.config.run_config import RunConfig


def settings_table() -> str:
    """Every setting as a row of a Markdown table: name, short flags, values, default, meaning."""
    lines = ["| setting | short flags | values | default | meaning |", "|---|---|---|---|---|"]
    defaults = RunConfig()
    for name, setting in SETTINGS.items():
        flags = " ".join(f"`{flag}`" for flag in setting.flags)
        words = ", ".join(f"`{value}`" for value in setting.values or ())
        values = setting.expects or words
        lines.append(
            f"| `{name}` | {flags} | {values} | {_default(defaults[name])} | {setting.help} |"
        )
    return "\n".join(lines)


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):  # layers
        return ", ".join(f"`{layer.text}`" for layer in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


if __name__ == "__main__":
    print(settings_table())
