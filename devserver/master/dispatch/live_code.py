"""What the live code serves, as one frozen value: newer code replaces it."""

from __future__ import annotations

from msgspec import Struct

from devserver.common.framing import Framing
from devserver.ipc.messages import AppKind, BootDone

CONNECTION_HANDLERS = frozenset({"on_connect", "on_receive", "on_close"})


class LiveCode(Struct, frozen=True):
    """The newest good code; with `generation` 0 there is no good code yet."""

    generation: int = 0
    app: AppKind = ""
    handlers: frozenset[str] = frozenset()
    framing: Framing | None = None
    """How to cut bytes into frames for the handlers of connections, None if it has no such handlers."""

    @property
    def only_handlers(self) -> bool:
        """Return whether it has handlers and no app."""
        return bool(self.handlers) and not self.app


def live_code(boot: BootDone) -> LiveCode:
    """Return what a generation serves, as its first Worker has reported it."""
    handlers = frozenset(boot.handlers)
    framing = boot.framing if handlers & CONNECTION_HANDLERS else None
    return LiveCode(boot.generation, boot.app, handlers, framing)
