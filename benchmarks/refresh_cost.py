"""What the script costs that pages get: in the Master, on the wire, and in a real browser.

Run it as `python -m benchmarks.refresh_cost`; the browser's part needs a Chromium.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from devserver.config import HttpConfig
from devserver.ipc.messages import Headers
from devserver.master.http.refresh.browser_refresh import BrowserRefresh
from tests.browser import Page, browsing
from tests.harness import serving

ROUNDS = 2_000
LOADS = 60
HEADERS: Headers = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"en"),
    (b"sec-fetch-site", b"none"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-user", b"?1"),
    (b"sec-fetch-dest", b"document"),
]
FETCH = [*HEADERS[:-4], (b"sec-fetch-dest", b"empty")]
APP = """
PAGE = b"<!doctype html><html lang=en><head><meta charset=utf-8><title>x</title><link rel=icon href=data:,>"
PAGE += b"<p>A line of text, as pages have them.</p>" * 200


async def app(scope, receive, send):
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(PAGE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})
"""


def in_the_master() -> None:
    """Print the time that the Master spends on a page, and on a request that is no navigation."""
    refresh = BrowserRefresh(HttpConfig(), "/project", "", lambda text: None)
    scope = {"method": "GET", "scheme": "http", "path": "/", "headers": HEADERS}
    other = scope | {"headers": FETCH}
    for size in (1_000, 10_000, 1_000_000):
        body = b"<!doctype html><html lang=en><head><title>x</title></head><body>".ljust(size, b"x")
        head = 200, [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % size)]
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            navigation = refresh.navigation(scope)
            assert navigation is not None
            navigation.ask(HEADERS)
            _, data = navigation.begin(head, body, False, 1)
            times.append(time.perf_counter() - start)
        added = len(data) - size
        print(f"a page of {size:>9,} bytes: {statistics.median(times) * 1e6:6.1f} µs, {added} bytes added")
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        assert refresh.navigation(other) is None
        times.append(time.perf_counter() - start)
    print(f"a request that is no navigation: {statistics.median(times) * 1e6:.2f} µs")


def in_a_browser() -> None:
    """Print how long a page takes from its request to the end of its parsing, with the script and without."""
    took = "performance.getEntriesByType('navigation')[0].domInteractive"
    times: dict[str, list[float]] = {"--browser-reload": [], "--no-browser-reload": []}
    with (
        tempfile.TemporaryDirectory() as with_it,
        tempfile.TemporaryDirectory() as without,
        browsing() as browser,
    ):
        for folder in (with_it, without):
            (Path(folder) / "app.py").write_text(APP)
        with (
            serving(Path(with_it), "--browser-reload", target="app.py") as one,
            serving(Path(without), "--no-browser-reload", target="app.py") as other,
            browser.page() as page,
        ):
            servers = dict(zip(times, (one, other), strict=True))
            for server in servers.values():
                server.wait("live")
            for _ in range(LOADS):
                for name, server in servers.items():
                    times[name].append(_load(page, f"http://127.0.0.1:{server.http_port}/", took))
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(
            f"{name:>19}: request to parsed {middle:.2f} ms (median of {len(taken)}, best {min(taken):.2f})"
        )


def _load(page: Page, url: str, took: str) -> float:
    page.goto(url)
    return float(page.evaluate(took))


if __name__ == "__main__":
    in_the_master()
    in_a_browser()
