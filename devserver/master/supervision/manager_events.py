"""What the user is shown of a Manager's reports: pure."""

from __future__ import annotations

from devserver.common import events
from devserver.common.events import Event
from devserver.ipc.messages import ImageState, ManagerNotice, RollDone, StillBooting


def shown(message: ImageState | ManagerNotice | RollDone | StillBooting) -> Event:
    """Return the event that a report of a Manager's becomes."""
    match message:
        case ManagerNotice(level, text, detail):
            return events.Notice(level=level, text=text, detail=detail)
        case ImageState(state):
            return events.ImageState(exists=state == "exists")
        case RollDone(generation):
            return events.Rolled(generation=generation)
        case StillBooting(worker, generation, seconds, module, path, line):
            return events.Booting(
                worker=worker,
                generation=generation,
                seconds=seconds,
                module=module,
                path=path,
                line=line,
            )
