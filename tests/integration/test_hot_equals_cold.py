"""What a save leads to equals a cold start of the same files."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.finding.layout import Layout
from tests.finding.server import Server, cold

WALKS = int(os.environ.get("DEVSERVER_TEST_WALKS", "24"))
"""Projects that are generated; each is edited several times."""
FIRST = int(os.environ.get("DEVSERVER_TEST_FIRST_WALK", "0"))
EDITS = 6


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of compiled modules."""
    return tmp_path_factory.mktemp("built")


def seen(told: dict[str, Any]) -> dict[str, Any]:
    """Return what is compared: after a failure at start-up its kind, for the newest need not be tried."""
    if told["boot"]:
        return {"boot": told["boot"][0]}
    return {key: told[key] for key in ("boot", "late", "modules", "meta_path", "path_hooks")}


@pytest.mark.parametrize("walk", range(FIRST, FIRST + WALKS))
def test_every_module_is_what_a_cold_start_finds(tmp_path: Path, built: Path, walk: int) -> None:
    """File, spec, loader, path, text, value and order agree, whatever the project and its edits are like."""
    layout = Layout(tmp_path, random.Random(walk), built)
    server = Server(layout)
    done = ["start"]
    try:
        server.start()
        compare(layout, server, done)
        for _ in range(EDITS):
            before = layout.state()
            done.append(layout.edit())
            after = layout.state()
            changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
            server.saved(changed)
            compare(layout, server, done)
    finally:
        server.close()


def compare(layout: Layout, server: Server, done: list[str]) -> None:
    """Fail if the Worker has not what a fresh interpreter has."""
    wanted, got = seen(cold(layout)), seen(server.told)
    if told := list(differences(wanted, got)):
        pytest.fail("\n".join((*done, (layout.project / "main.py").read_text(), *told)), pytrace=False)


def differences(wanted: dict[str, Any], got: dict[str, Any]) -> Iterator[str]:
    """Say what differs, module by module."""
    for key in sorted(wanted.keys() | got.keys()):
        cold_has, hot_has = wanted.get(key), got.get(key)
        if key != "modules" or not (cold_has and hot_has):
            if cold_has != hot_has:
                yield f"{key}: cold {cold_has}, hot {hot_has}"
            continue
        names, hot_names = [each["name"] for each in cold_has], [each["name"] for each in hot_has]
        if names != hot_names:
            yield f"order: cold {names}, hot {hot_names}"
        modules = {each["name"]: each for each in hot_has}
        for module in cold_has:
            other = modules.get(module["name"], {})
            for what, value in module.items():
                if other.get(what) != value:
                    yield f"{module['name']} {what}: cold {value!r}, hot {other.get(what)!r}"
