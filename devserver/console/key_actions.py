"""The actions of the keys that the console handles itself."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from devserver.console import browser, failure_view
from devserver.console.dashboard import Panel
from devserver.console.model import Model
from devserver.console.scrollback import Entry
from devserver.console.update import clear_failures

PANELS: dict[str, Panel] = {"help": "help", "processes": "processes", "urls": "urls"}


class KeyActions:
    """`panel` is the open one. `clears`: clear the screen at the next drawing."""

    def __init__(self) -> None:
        self.panel: Panel = ""
        self.clears = False

    def press(self, key: str, view: Model, width: int) -> tuple[Model, list[Entry]]:
        """Return the new model, and the lines to print."""
        view = replace(view, unknown_key=key == "unknown")
        entries: list[Entry] = []
        if key in PANELS:
            self.panel = "" if self.panel == PANELS[key] else PANELS[key]
        elif key == "clear":
            self.panel, self.clears = "", True
            view = clear_failures(view)
        elif key == "error":
            entries += _last_error(view, width)
        elif key == "open":
            complaint = browser.open_browser(browser.address(view.listeners))
            entries += [Text(complaint, style="yellow")] if complaint else []
        return view, entries


def _last_error(view: Model, width: int) -> list[Entry]:
    """Return the whole newest error: why the last save was refused, else the live code's last failure."""
    page = failure_view.Page(width, view.root, view.editor)
    entries: list[Entry] = []
    if view.error:
        for failure in view.error.failures:
            entries += failure_view.whole(failure, "", page)
    elif view.last_failure and view.last_failure.failure:
        entries += failure_view.whole(view.last_failure.failure, view.last_failure.name, page)
    elif view.last_failure:
        entries.append(Text(f"{view.last_failure.name}: the app has answered it by itself", style="yellow"))
    return entries or [Text("no error since the last save", style="dim")]
