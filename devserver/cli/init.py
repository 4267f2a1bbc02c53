"""`devserver init`: writes [tool.devserver], with the target that it finds, into pyproject.toml.

Law: it changes nothing that the file already has, an existing table included.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import click

from devserver.cli.output import write_line
from devserver.cli.target import Located, locate
from devserver.common.errors import UsageError

HINTS = """\
# Each option of devserver --help is a key here; these are some:
# port = 8000
# also = ["*.yml"]          # reload for these files too
# exclude = ["scratch/"]    # do not watch these
"""


@click.command()
@click.argument("target", required=False)
def init(target: str | None) -> int:
    """Write [tool.devserver] into pyproject.toml, with TARGET or the app that was found here."""
    return write_table(target)


def write_table(spec: str | None) -> int:
    """Write the table into the nearest pyproject.toml, or a new one here. Raises UsageError."""
    cwd = Path.cwd().resolve()
    located = locate(spec, cwd)
    folder = next((each for each in (cwd, *cwd.parents) if (each / "pyproject.toml").is_file()), cwd)
    file = folder / "pyproject.toml"
    text = _read(file)
    if "devserver" in _tools(file, text):
        raise UsageError(f"{file} already has a table [tool.devserver]: nothing was written; edit that table")
    target = _named(located, folder)
    table = f'[tool.devserver]\ntarget = "{target}"\n{HINTS}'
    gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    try:
        file.write_text(text + gap + table, "utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    write_line(
        f"{'added to' if text else 'wrote'} {file}:\n\n{table}\ndevserver alone starts {target} from here on."
    )
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _tools(file: Path, text: str) -> dict[str, object]:
    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} cannot be read: {error}: nothing was written; fix it first") from error
    return tools if isinstance(tools, dict) else {}


def _named(located: Located, folder: Path) -> str:
    """Return the target as named from `folder`."""
    attribute = f":{located.target.attribute}" if located.target.attribute else ""
    return os.path.relpath(located.file, folder).replace(os.sep, "/") + attribute
