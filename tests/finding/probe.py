"""Imports `main` and describes every module of the app's: in a fresh interpreter, or forked with a snapshot.

Run as a script, with the folder that all files are in and the one of installed packages: `cold` does it once;
`hot` does it for each snapshot on standard input, in a child each. Answers are pickled, after their length.
"""

from __future__ import annotations

import importlib
import os
import pickle
import struct
import sys
from types import ModuleType
from typing import Any

LENGTH = struct.Struct("!I")


def import_all(top: str) -> dict[str, Any]:
    """Import the app, then what its requests import; return what is there and what went wrong."""
    told: dict[str, Any] = {"boot": None, "late": None, "named": ()}
    step = "boot"
    try:
        main: Any = importlib.import_module("main")
        step = "late"
        main.late()
    except BaseException as error:
        told[step] = (type(error).__name__, str(error))
        told["error"] = error
    told["modules"] = [
        described
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and (described := describe(name, module, top))
    ]
    told["meta_path"] = [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path]
    told["path_hooks"] = [getattr(hook, "__qualname__", repr(hook)) for hook in sys.path_hooks]
    return told


def describe(name: str, module: ModuleType, top: str) -> dict[str, Any] | None:
    """Return what can be seen of a module, None for one that lies elsewhere."""
    file, path = getattr(module, "__file__", None), getattr(module, "__path__", None)
    places = [file, *(path or ())]
    if not any(isinstance(place, str) and place.startswith(top) for place in places):
        return None
    spec: Any = module.__spec__
    return {
        "name": name,
        "__file__": file,
        "__path__": None if path is None else (type(path).__name__, list(path)),
        "__cached__": getattr(module, "__cached__", None),
        "__package__": module.__package__,
        "loader": type(module.__loader__).__qualname__,
        "spec": (spec.name, spec.origin, spec.parent, spec.has_location, type(spec).__name__),
        "spec.loader": spec.loader is module.__loader__,
        "VALUE": getattr(module, "VALUE", None),
        "HOOKED": getattr(module, "HOOKED", None),
        "source": source_of(module),
    }


def source_of(module: ModuleType) -> str:
    """Return the text that `inspect` and tracebacks show."""
    import inspect

    try:
        return inspect.getsource(module)
    except (OSError, TypeError) as error:
        return type(error).__name__


def set_up(site: str) -> None:
    """Make the installed packages known, as the interpreter does at its start."""
    import site as library

    library.addsitedir(site)


def cold(top: str) -> None:
    answer(1, import_all(top))


def answer(fd: int, value: dict[str, Any]) -> None:
    value.pop("error", None)
    data = pickle.dumps(value)
    with open(fd, "wb", closefd=False) as file:
        file.write(LENGTH.pack(len(data)) + data)


def hot(top: str) -> None:
    """Serve forks until standard input ends."""
    from devserver.worker.load import snapshot, snapshot_importer  # noqa: F401
    from devserver.worker.load.warmup import warm_up
    from devserver.worker.run import failures  # noqa: F401

    warm_up("asyncio")
    while header := sys.stdin.buffer.read(LENGTH.size):
        sources = pickle.loads(sys.stdin.buffer.read(LENGTH.unpack(header)[0]))
        if not (pid := os.fork()):
            fork(top, sources)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if status:
            answer(1, {"boot": ("Crashed", str(status))})


def fork(top: str, sources: dict[str, Any]) -> None:
    """Do in this process what a Worker does."""
    from devserver.worker.load.snapshot import Snapshot
    from devserver.worker.load.snapshot_importer import install
    from devserver.worker.run.failures import files_named_by

    loaded: list[Any] = []
    snapshot = Snapshot(sources, loaded.append)
    install(snapshot, lambda _name, _spec: None)
    told = import_all(top)
    told |= {"loaded": loaded, "used": list(snapshot.used)}
    if told["boot"]:
        told["named"] = files_named_by(told["error"], [os.getcwd()])
    answer(1, told)


if __name__ == "__main__":
    how, everything, packages = sys.argv[1:4]
    set_up(packages)
    {"cold": cold, "hot": hot}[how](everything)
