"""The README's table of settings, made from ``RunConfig``: ``python -m dlsweep.config.table``."""

from __future__ import annotations

import dataclasses

from dlsweep.config.fields import SETTINGS, Fields


def settings_table() -> str:
    """Every setting as a row of a Markdown table: name, short flags, values, default, meaning."""
    lines = ["| setting | short flags | values | default | meaning |", "|---|---|---|---|---|"]
    for field in dataclasses.fields(Fields):
        setting = SETTINGS[field.name]
        flags = " ".join(f"`{flag}`" for flag in setting.flags)
        values = ", ".join(f"`{value}`" for value in setting.values or ()) or setting.expects
        lines.append(
            f"| `{field.name}` | {flags} | {values} | {_default(field.default)} | {setting.help} |"
        )
    return "\n".join(lines)


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):  # convolutions
        return ", ".join(f"`{c.channels}x{c.kernel}x{c.kernel}/{c.stride}`" for c in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


if __name__ == "__main__":
    print(settings_table())
