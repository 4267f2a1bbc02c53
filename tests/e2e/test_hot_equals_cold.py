"""What a running server makes of a walk of edits equals one that is started afterwards."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from devserver.worker.warm.visible_state import differences
from tests.frameworks import need
from tests.harness import Client, DevServer, serving
from tests.http import browsing
from tests.warm.driver import write
from tests.warm.project import KINDS, Project

WALKS = int(os.environ.get("DEVSERVER_TEST_WALKS", "1"))
FIRST = int(os.environ.get("DEVSERVER_TEST_FIRST_WALK", "0"))
EDITS = 5
TARGETS = {"fastapi": "main:served", "django": "main:served"}


def look(server: DevServer, kind: str) -> Any:
    """Return what the live code says of itself; None if there is none."""
    if kind == "handlers":
        client = Client(server.port)
        try:
            return json.loads(client.ask("look"))
        finally:
            client.close()
    with browsing(server) as browser:
        if kind == "fastapi":  # it has every router build its routes, as an image does before
            browser.get("/nowhere")
        answer = browser.get("/visible_state")
        return answer.json() if answer.status_code == 200 else None


def cold(folder: Path, kind: str) -> Any:
    """Return what a server that starts now reports; None if this code cannot run."""
    with serving(folder, "--warm", "off", "--preload", "off", target=TARGETS.get(kind, "main.py")) as server:
        fact = server.wait("ready") if kind != "handlers" else server.wait("listening")
        assert fact
        return look(server, kind)


@pytest.mark.parametrize("walk", range(FIRST, FIRST + WALKS))
@pytest.mark.parametrize("kind", KINDS)
def test_walk(tmp_path: Path, kind: str, walk: int) -> None:
    """After each edit every value, function, class, route and answer is the same."""
    if kind in ("fastapi", "flask", "django"):
        need(kind)
    project = Project(kind, random.Random(f"served {kind} {walk}"), discreet=walk % 2 == 0)
    files = project.served()
    write(str(tmp_path), files)
    ways = []
    with serving(tmp_path, "--warm", "auto", target=TARGETS.get(kind, "main.py")) as server:
        server.wait("ready")
        for _ in range(EDITS):
            done = project.edit()
            after = project.served()
            changed: dict[str, str | None] = {
                name: text for name, text in after.items() if files.get(name) != text
            }
            changed |= {name: None for name in files if name not in after}
            if not changed:
                continue  # the Worker has been looked at, and a first request may leave traces
            write(str(tmp_path), changed)
            files = after
            hot = look(server, kind)
            if project.broken:
                assert hot is not None
                continue
            live = (server.past("live") or [{}])[-1]
            ways.append((live.get("way"), live.get("why")))
            if told := list(differences(cold(tmp_path, kind), hot)):
                pytest.fail("\n".join((done, *told[:20])), pytrace=False)
        assert server.stop() == 0
    print(kind, ways)
