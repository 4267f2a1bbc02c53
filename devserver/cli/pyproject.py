"""The project's own defaults: [tool.devserver] in pyproject.toml, one key for each option of the command."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from msgspec import Struct, field

from devserver.common.errors import UsageError

PREFIX = "DEVSERVER"
"""The prefix of our environment variables."""


class Settings(Struct, frozen=True):
    """Values by the name of their option, and the project's folder.

    `files`: the file that each value comes from.
    """

    folder: Path
    values: dict[str, Any]
    files: dict[str, Path] = field(default_factory=dict)


def read_settings(cwd: Path, command: click.Command) -> Settings:
    """Return the settings of the pyproject.toml nearest to `cwd` (upwards). Raises UsageError.

    Keys are the command's long options without dashes in front, and `target`. The kind of a value is
    checked here; its range and meaning by the command itself.
    """
    for folder in (cwd, *cwd.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            values = _checked(_table(file), file, command)
            return Settings(folder, values, dict.fromkeys(values, file))
    return Settings(cwd, {})


def with_dotenv(
    settings: Settings, file: Path, variables: Mapping[str, str], command: click.Command
) -> Settings:
    """Return the settings plus those of a .env's variables, where the project's file does not set them.

    The environment and flags override both.
    """
    values, files = dict(settings.values), dict(settings.files)
    for param in command.params:
        variable = f"{PREFIX}_{(param.name or '').upper()}"
        text = variables.get(variable)
        if text is None or param.name is None or param.name in values:
            continue
        values[param.name] = text.split() if getattr(param, "multiple", False) else text
        files[param.name] = file
    return Settings(settings.folder, values, files)


def dotenv_variables(file: Path) -> dict[str, str]:
    """Return devserver's variables of a .env; empty if it has none or does not exist. Raises UsageError."""
    try:
        data = file.read_bytes() if file.is_file() else b""
        if f"{PREFIX}_".encode() not in data:
            return {}
        from dotenv import dotenv_values

        found = dotenv_values(stream=io.StringIO(data.decode()))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    return {name: value or "" for name, value in found.items() if name.startswith(f"{PREFIX}_")}


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
        if param.expose_value
        and param.nargs == 1  # not ARGS: they belong to one run
        and not getattr(param, "hidden", False)
    }
    values = {}
    for key, value in table.items():
        param = params.get(key)
        if param is None:
            near = get_close_matches(key.replace("_", "-"), params, 1)
            known = ", ".join(sorted(params))
            hint = f"did you mean {near[0]!r}?" if near else f"it has {known}"
            raise UsageError(f"{file}: [tool.devserver] has no key {key!r}; {hint}")
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
