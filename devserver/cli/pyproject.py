"""The project's own defaults: [tool.devserver] in pyproject.toml, one key for each option of the command."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from devserver.common.errors import UsageError


@dataclass(frozen=True, slots=True)
class Settings:
    """Values by the name of their parameter, and the folder of the file that they come from."""

    folder: Path
    values: dict[str, Any]


def read_settings(cwd: Path, command: click.Command) -> Settings:
    """Return what the pyproject.toml nearest to `cwd` (upwards) says; UsageError for what it may not say.

    Keys are the command's long options without dashes in front, and `target`. The kind of a value is
    checked here; its range and meaning by the command itself.
    """
    for folder in (cwd, *cwd.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            return Settings(folder, _checked(_table(file), file, command))
    return Settings(cwd, {})


def options_in(folder: Path) -> dict[str, Any] | None:
    """Return the table [tool.devserver] of a folder's pyproject.toml, None if it cannot be read."""
    file = folder / "pyproject.toml"
    try:
        return _table(file) if file.is_file() else {}
    except UsageError:
        return None


def _table(file: Path) -> dict[str, Any]:
    try:
        tool = tomllib.loads(file.read_text("utf-8")).get("tool")
    except (OSError, ValueError) as error:  # a broken TOML file or encoding is a ValueError
        raise UsageError(f"{file} cannot be read: {error}") from error
    table = tool.get("devserver", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{file}: tool.devserver must be a table, as in [tool.devserver]")
    return table


def _checked(table: dict[str, Any], file: Path, command: click.Command) -> dict[str, Any]:
    params = {
        str(param.name).replace("_", "-"): param
        for param in command.params
        if param.expose_value and param.nargs == 1  # not ARGS: they belong to one run
    }
    values = {}
    for key, value in table.items():
        param = params.get(key)
        if param is None:
            known = ", ".join(sorted(params))
            raise UsageError(f"{file}: [tool.devserver] has no key {key!r}; it has {known}")
        fits, kind = _kind(param, value)
        if not fits:
            raise UsageError(f"{file}: [tool.devserver] {key} must be {kind}, not {value!r}")
        values[str(param.name)] = value
    return values


def _kind(param: click.Parameter, value: object) -> tuple[bool, str]:
    """Return whether `value` is of the kind that `param` takes, and that kind's name."""
    if getattr(param, "multiple", False):
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return fits, "a list of strings"
    if getattr(param, "is_flag", False):
        return isinstance(value, bool), "true or false"
    if isinstance(param.type, click.types.IntParamType):
        return type(value) is int, "a whole number"
    if isinstance(param.default, float):
        return type(value) in (int, float), "a number"
    return isinstance(value, str), "a string"
