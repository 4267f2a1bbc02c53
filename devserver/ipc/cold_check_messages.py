"""The question and the answer of the process that compares a swapped app with a cold start."""

from __future__ import annotations

import msgspec

from devserver.ipc.messages import Target


class ColdCheck(msgspec.Struct, frozen=True):
    """The app to compare. `env_file`: its .env, "" for the one in `root`."""

    root: str
    target: Target
    env_file: str = ""


class Found(msgspec.Struct, frozen=True):
    """The result. `left_out`: files that cannot be swapped, and why. `error`: why nothing was compared."""

    compared: int = 0
    left_out: dict[str, str] = {}
    differences: list[str] = []
    error: str = ""
