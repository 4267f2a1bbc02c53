"""Links that open a file at its line in the user's editor; pure.

A template is a URL with `{path}`, and `{line}` and `{column}` if the editor takes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from devserver.common.errors import UsageError

_AT = "{path}:{line}:{column}"
_OPEN = "://open?url=file://{path}&line={line}&column={column}"
_JETBRAINS = "://open?file={path}&line={line}&column={column}"
FILE = "file://{path}"
"""Opens the file in whatever the desktop has for it."""

EDITORS: dict[str, str] = {
    "vscode": f"vscode://file{_AT}",
    "cursor": f"cursor://file{_AT}",
    "windsurf": f"windsurf://file{_AT}",
    "vscodium": f"vscodium://file{_AT}",
    "zed": f"zed://file{_AT}",
    "pycharm": f"pycharm{_JETBRAINS}",
    "idea": f"idea{_JETBRAINS}",
    "sublime": f"subl{_OPEN}",
    "textmate": f"txmt{_OPEN}",
    "macvim": f"mvim{_OPEN}",
    "emacs": f"emacs{_OPEN}",
    "file": FILE,
    "none": "",
}
_ALIASES = {"code": "vscode", "codium": "vscodium", "subl": "sublime", "mate": "textmate", "mvim": "macvim"}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.*\{path\}.*")


def template(editor: str) -> str:
    """Return the template for what `--editor` names. Raises UsageError."""
    name = editor.strip()
    if (known := EDITORS.get(_ALIASES.get(name.lower(), name.lower()))) is not None:
        return known
    if _URL.fullmatch(name) and not set(re.findall(r"\{(.*?)\}", name)) - {"path", "line", "column"}:
        return name
    raise UsageError(
        f"--editor {editor!r} is not an editor that links can open: give one of {', '.join(EDITORS)}, "
        "or a URL like myeditor://open?file={path}&line={line}"
    )


def guessed(environment: Mapping[str, str]) -> str:
    """Return the template for the editor whose terminal this is, else that of plain links to files."""
    if environment.get("TERMINAL_EMULATOR", "").startswith("JetBrains"):
        return EDITORS["none"]  # it finds file:line by itself
    if environment.get("CURSOR_TRACE_ID"):
        return EDITORS["cursor"]
    if environment.get("TERM_PROGRAM") in ("vscode", "zed"):
        return EDITORS[environment["TERM_PROGRAM"]]
    return FILE


def for_pages(template: str | None, environment: Mapping[str, str]) -> str:
    """Return the template for links in web pages, where links to files do not work; None: guess it."""
    found = guessed(environment) if template is None else template
    return "" if found.startswith("file:") else found


def link(template: str, path: str, line: int = 1, column: int = 0) -> str:
    """Return the URL that opens `path`; empty if `path` is not absolute, or without a template."""
    if not template or not path.startswith("/"):
        return ""
    values = {"path": quote(path), "line": str(max(1, line)), "column": str(max(1, column))}
    return re.sub(r"\{(path|line|column)\}", lambda found: values[found[1]], template)
