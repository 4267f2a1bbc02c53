"""Which sources of random numbers are seeded again in a Worker."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devserver.worker.image.randomness import Randomness, reseeder


@pytest.fixture
def randomness() -> Iterator[Randomness]:
    """One that listens, and is closed in the end."""
    listens = Randomness()
    yield listens
    listens.close()


MADE: dict[str, tuple[Callable[[], random.Random], bool]] = {
    "nothing": (random.Random, True),
    "the clock": (lambda: random.Random(time.time()), True),
    "the clock's nanoseconds": (lambda: random.Random(time.time_ns()), True),
    "bytes of the system": (lambda: random.Random(b"\xff" + os.urandom(15)), True),
    "a number of the system": (lambda: random.Random(secrets.randbits(40)), True),
    "a port": (lambda: random.Random(8080), False),
    "a word": (lambda: random.Random("shop"), False),
    "zero": (lambda: random.Random(0), False),
}


@pytest.mark.parametrize("kind", MADE)
def test_only_what_no_code_has_seeded_is_seeded_again(randomness: Randomness, kind: str) -> None:
    """A seed that was written down gives in each Worker what it gives at a cold start."""
    make, anew = MADE[kind]
    source = make()
    randomness.close()
    before = source.getstate()
    for each in randomness.unseeded():
        reseeder(each)()
    assert (source.getstate() != before) is anew


def test_who_draws_from_the_system_has_nothing_to_seed(randomness: Randomness) -> None:
    """SystemRandom is another source in each process as it is."""
    source: Any = random.SystemRandom()
    randomness.close()
    for each in randomness.unseeded():
        reseeder(each)()
    assert 0 <= source.random() < 1


def test_a_seed_for_all_is_noticed(randomness: Randomness) -> None:
    """random.seed(1) at an import is the Worker's to do; random.seed() is what each fork does."""
    random.seed()
    assert not randomness.shared_is_seeded
    random.seed(1)
    assert randomness.shared_is_seeded


def test_nothing_is_left_of_it() -> None:
    """Once it is closed, `random` is as it was."""
    before = random.Random.seed, random.Random.setstate, random.seed
    Randomness().close()
    assert (random.Random.seed, random.Random.setstate, random.seed) == before
