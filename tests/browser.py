"""Drives a real Chromium, without a window, over the DevTools protocol: the reader of the tests' pages.

Law: when `browsing` ends no process of the browser is left, whatever happened.
https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.harness import DEADLINE, end_with_the_tests, eventually, is_gone

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root cannot have one, nor can many containers; the pages are the tests' own
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    "--remote-debugging-port=0",
)
_GONE = ("context was destroyed", "navigated or closed", "Cannot find context", "Cannot find default")
"""What the browser says when a page was replaced while it was asked."""
_POLL = """
new Promise((done, fail) => {
  const end = performance.now() + %d;
  (function look() {
    let value;
    try { value = (%s); } catch (error) { value = null; }
    if (value) done(value);
    else if (performance.now() > end) fail(new Error("not within the deadline"));
    else setTimeout(look, 5);
  })();
})
"""


class DevToolsError(Exception):
    """The browser could not do what it was asked, or the page's script raised."""


@cache
def chromium() -> str | None:
    """Return the path of a Chromium that runs, None if there is none."""
    for path in filter(None, map(shutil.which, NAMES)):
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # a stub may name a package
            subprocess.run([path, "--version"], check=True, capture_output=True, timeout=DEADLINE)
            return path
    return None


class Browser:
    """One Chromium with a profile of its own; each page that is opened shares nothing with the others."""

    def __init__(self, path: str, profile: Path) -> None:
        self.profile = profile
        self.log = profile / "log"
        homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(profile))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
                env=os.environ | homes,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_the_tests,  # noqa: PLW1509  it takes no lock
            )
        self._closing = contextlib.ExitStack()
        self._last = 0
        self._events: list[dict[str, Any]] = []
        try:
            port, way = eventually("Chromium listens", self._address)
            line = connect(
                f"ws://127.0.0.1:{port}{way}", max_size=None, compression=None, open_timeout=DEADLINE
            )
            self._line = self._closing.enter_context(line)
        except BaseException:
            self.clean_up()
            raise

    def _address(self) -> list[str] | None:
        if self.process.poll() is not None:
            raise AssertionError(f"Chromium has ended with {self.process.returncode}:\n{self.story()}")
        with contextlib.suppress(FileNotFoundError):
            lines = (self.profile / "DevToolsActivePort").read_text().split("\n")
            return lines if len(lines) == 2 else None
        return None

    def story(self) -> str:
        """Return the end of what Chromium has written, for a failing test."""
        return self.log.read_text(errors="replace")[-3000:]

    def call(self, method: str, session: str = "", deadline: float = DEADLINE, **parameters: Any) -> Any:
        """Ask for something and return the answer; events that come before it are kept."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": parameters}
        self._line.send(json.dumps(message | ({"sessionId": session} if session else {})))
        end = time.monotonic() + deadline
        while (answer := self._next(end, method)).get("id") != number:
            if "method" in answer:
                self._events.append(answer)
        if "error" in answer:
            raise DevToolsError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def wait(self, event: str, session: str, deadline: float = DEADLINE) -> dict[str, Any]:
        """Return the parameters of the next event of that name, forgetting those before it."""
        end = time.monotonic() + deadline
        while True:
            fact = self._events.pop(0) if self._events else self._next(end, event)
            if fact.get("method") == event and fact.get("sessionId") == session:
                return dict(fact["params"])

    def forget(self, event: str, session: str) -> None:
        """Drop what has come of that event."""
        self._events = [
            fact for fact in self._events if (fact["method"], fact.get("sessionId")) != (event, session)
        ]

    def _next(self, end: float, what: str) -> dict[str, Any]:
        try:
            answer = json.loads(self._line.recv(max(end - time.monotonic(), 0)))
        except TimeoutError:
            raise AssertionError(f"no answer of Chromium in time: {what}\n{self.story()}") from None
        assert isinstance(answer, dict)
        return answer

    @contextlib.contextmanager
    def page(self, url: str = "about:blank", inject: str = "") -> Iterator[Page]:
        """Open a page in a window of its own, `inject` running before its scripts; close it at the end."""
        with self.user() as user:
            yield user.tab(url, inject)

    @contextlib.contextmanager
    def user(self) -> Iterator[User]:
        """Open a window that shares nothing with the others; close their tabs at the end."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        try:
            yield User(self, context)
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def clean_up(self) -> None:
        """End every process of it by its id: its group, and what has left that but knows the profile."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._closing.close()
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._left():
            eventually(f"process {pid} of Chromium has ended", partial(is_gone, pid))

    def _left(self) -> list[int]:
        """Return the processes that have the profile in their command line, or are of the group."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                group = int((entry / "stat").read_text().rpartition(")")[2].split()[2])
                command = (entry / "cmdline").read_bytes()
                if group == self.process.pid or os.fsencode(self.profile) in command:
                    found.append(int(entry.name))
        return [pid for pid in found if not is_gone(pid)]


class User:
    """Somebody with a profile of their own, and any number of tabs."""

    def __init__(self, browser: Browser, context: str) -> None:
        self._browser = browser
        self._context = context

    def tab(self, url: str = "about:blank", inject: str = "") -> Page:
        """Open a tab, `inject` running before the scripts of its pages."""
        call = self._browser.call
        target = call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        session = call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self._browser, session, target)
        page.call("Page.enable")
        if inject:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=inject)
        if url != "about:blank":
            page.goto(url)
        return page


class Page:
    """One page, as its user sees it."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target

    def call(self, method: str, deadline: float = DEADLINE, **parameters: Any) -> Any:
        """Ask the page for something by the protocol."""
        return self._browser.call(method, self._session, deadline, **parameters)

    def goto(self, url: str) -> None:
        """Open `url` and wait until it is loaded: that page, not one before that has refreshed itself."""
        self._browser.forget("Page.loadEventFired", self._session)
        answer = self.call("Page.navigate", url=url)
        if answer.get("errorText"):
            raise DevToolsError(f"{url}: {answer['errorText']}")
        self._browser.wait("Page.loadEventFired", self._session)

    def evaluate(self, script: str, deadline: float = DEADLINE) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        answer = self.call(
            "Runtime.evaluate",
            deadline,
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise DevToolsError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def until(self, script: str, deadline: float = DEADLINE) -> Any:
        """Return the first true value of an expression, in whatever page is there by then.

        The page itself looks, so nothing is asked over and over; the page may be replaced meanwhile.
        """
        end = time.monotonic() + deadline
        while (left := end - time.monotonic()) > 0:
            try:
                return self.evaluate(_POLL % (left * 1000, script), left + 5)
            except DevToolsError as error:
                if not any(words in str(error) for words in _GONE):
                    break
        seen = self.evaluate("location.href + '\\n' + document.documentElement.innerText")
        raise AssertionError(f"not within {deadline} s: {script}\n--- page\n{seen}")

    def type(self, text: str) -> None:
        """Type into what has the focus, and press Enter."""
        self.call("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            more: dict[str, Any] = {"text": "\r"} if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", windowsVirtualKeyCode=13, **more)

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def front(self) -> None:
        """Bring the tab to the front: the others are hidden."""
        self.call("Page.bringToFront")

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def look(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """Give the window a size in CSS pixels, and the system a light or a dark look."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Save what is seen as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """Run a browser until the block ends; the test is skipped where there is none."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        browser = Browser(path, Path(profile))
        try:
            yield browser
        finally:
            browser.clean_up()
