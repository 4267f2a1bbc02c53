"""Finds the sources of random numbers from a module's import that each Worker must reseed.

Laws: a source that the system has seeded gives other numbers in each Worker, as at a cold start. A source
that code has seeded gives the same numbers as at a cold start.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import MethodType
from typing import Any, cast
from weakref import ref

_WIDE = 1 << 64
"""Larger seeds come from the system, unless they are literals in code."""
_NEAR = 3600.0
"""Seconds: a seed that is closer to a clock's time was read from it."""

_random = cast("Any", random)


class Randomness:
    """Records, until it is closed, which sources are seeded, and whether by code."""

    def __init__(self) -> None:
        self._seeded: dict[int, tuple[ref[random.Random], bool]] = {}
        """By id: the source, and whether code has seeded it."""
        self._system: set[int] = set()
        """Numbers from the system."""
        self.shared_is_seeded = False
        """Code, not the system, has seeded the functions of `random` last."""
        self._saved = random.Random.seed, random.Random.setstate, _random._urandom, random.seed
        self._patch()

    def _patch(self) -> None:
        seed, setstate, urandom, _shared = self._saved
        note, system = self._note, self._system

        def noted_seed(self: random.Random, a: Any = None, *more: Any, **options: Any) -> None:
            note(self, a)
            seed(self, a, *more, **options)

        def noted_setstate(self: random.Random, state: Any) -> None:
            note(self, 0)
            setstate(self, state)

        def noted_urandom(size: int) -> bytes:
            data: bytes = urandom(size)
            number = int.from_bytes(data, "big")
            system.update(number >> spare for spare in range(8))  # getrandbits drops some
            return data

        _random.seed = MethodType(noted_seed, _random._inst)
        _random.Random.seed = noted_seed
        _random.Random.setstate = noted_setstate
        _random._urandom = noted_urandom

    def _note(self, source: random.Random, seed: object) -> None:
        seeded = not self._is_from_outside(seed)
        if source is _random._inst:
            self.shared_is_seeded = seeded
        with suppress(TypeError):  # a subclass without weak references
            self._seeded[id(source)] = ref(source), seeded

    def close(self) -> None:
        """Stop recording."""
        _random.Random.seed, _random.Random.setstate, _random._urandom, _random.seed = self._saved

    def unseeded(self) -> list[Any]:
        """Return the sources that no code has seeded; Python reseeds the functions of `random`."""
        found: list[Any] = []
        numpy: Any = sys.modules.get("numpy.random")
        kinds = tuple(getattr(numpy, name) for name in ("Generator", "RandomState") if hasattr(numpy, name))
        for each in gc.get_objects():
            kind = type(each)  # a proxy's __class__ may run code
            if issubclass(kind, random.Random) and not issubclass(kind, random.SystemRandom):
                if each is not _random._inst and not self._is_seeded(each):
                    found.append(each)
            elif kinds and issubclass(kind, kinds) and self._is_from_system(_bits(each)):
                found.append(each)
        return found

    def _is_from_system(self, bits: Any) -> bool:
        return getattr(bits.seed_seq, "entropy", None) in self._system

    def _is_seeded(self, source: random.Random) -> bool:
        who, seeded = self._seeded.get(id(source), (None, False))
        return who is not None and who() is source and seeded

    def _is_from_outside(self, seed: object) -> bool:
        """Return whether a seed is the system's or a clock's: another process would have a different one."""
        match seed:
            case None:
                return True
            case bool():
                return False
            case int() | float():
                if isinstance(seed, int) and (seed in self._system or seed >= _WIDE):
                    return True
                clocks = (time.time(), time.monotonic(), time.perf_counter())
                jobs = (1, 1e3, 1e6, 1e9) if seed > _NEAR * 24 else ()
                return any(abs(seed / job - clock) < _NEAR for job in jobs for clock in clocks)
            case bytes() | bytearray():
                return len(seed) >= 8 and not seed.isascii()
        return False


def reseeder(source: Any) -> Callable[[], None]:
    """Return a function that has the system seed a source again, whatever the app has made of its class."""
    if issubclass(type(source), random.Random):
        seed = random.Random.seed
        return lambda: seed(source)
    return lambda: _reseed_numpy(source)


def _bits(source: Any) -> Any:
    return getattr(source, "bit_generator", None) or source._bit_generator


def _reseed_numpy(source: Any) -> None:
    bits = _bits(source)
    fresh = type(bits)()
    try:
        bits.__setstate__((fresh.state, fresh.seed_seq))  # children that it spawns are others, too
    except (AttributeError, TypeError, ValueError):  # older versions of numpy
        bits.state = fresh.state
    if hasattr(source, "set_state"):  # it keeps half of a pair of normal numbers
        source.set_state(source.get_state(legacy=True)[:3])
