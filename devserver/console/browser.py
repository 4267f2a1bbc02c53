"""Opens the app in the user's browser, in a separate process: its output must not reach the terminal."""

from __future__ import annotations

import os
import subprocess
import sys

from devserver.common.events import Listener
from devserver.console.addresses import links

DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")
"""Environment variables; one of them is set where a browser can open a window."""


def address(listeners: tuple[Listener, ...]) -> str:
    """Return the URL to open; empty if no listener speaks HTTP."""
    return next((each.url for each in links(listeners, "", ()) if each.url), "")


def open_browser(url: str) -> str:
    """Open `url`; return a sentence for the user if that fails."""
    if not url:
        return "there is no HTTP address to open yet"
    if sys.platform != "darwin" and not any(os.environ.get(name) for name in DESKTOP):
        return f"no browser can be opened from here: {url}"
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "webbrowser", url]
    try:
        subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError as error:
        return f"the browser cannot be started ({error.strerror}): {url}"
    return ""
