"""Random walks of edits: what a swap gives equals a cold start of the same files."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.frameworks import need
from tests.warm.driver import Order
from tests.warm.project import KINDS, PRELOAD, Project
from tests.warm.rig import Driver, same

WALKS = int(os.environ.get("DEVSERVER_TEST_WALKS", "6"))
"""Projects of each kind; each is edited several times."""
FIRST = int(os.environ.get("DEVSERVER_TEST_FIRST_WALK", "0"))
EDITS = 12
ANSWERS = "__import__('tests.warm.probe', fromlist='x').answers()"


@pytest.mark.parametrize("walk", range(FIRST, FIRST + WALKS))
@pytest.mark.parametrize("kind", KINDS)
def test_walk(driver: Driver, tmp_path: Path, kind: str, walk: int) -> None:
    """After each edit that is swapped, every value, function, class, route and answer is the same."""
    for name in PRELOAD[kind]:
        need(name)
    project = Project(kind, random.Random(f"{kind} {walk}"), discreet=walk % 2 == 0)
    image = project.files()
    swapped = 0
    for number in range(EDITS):
        done = project.edit()
        files = project.files()
        edit: dict[str, str | None] = {name: text for name, text in files.items() if image.get(name) != text}
        edit |= {name: None for name in image if name not in files}
        folder = tmp_path / str(number)
        (state,) = driver.run(Order(str(folder), "main", image, [edit], ANSWERS, "", PRELOAD[kind]))
        assert not state.hot_error, state.hot_error
        if state.refused is None:
            swapped += 1
            if told := same(state):
                pytest.fail("\n".join((done, *told[:20])), pytrace=False)
        elif not state.cold_error and not project.broken:
            image = files
    print(f"{kind} {walk}: {swapped} of {EDITS} edits swapped")
