"""Tells how the server has set it up: the scopes, the process, what it received at which time."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import json
import locale
import logging
import logging.config
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import unquote

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="nothing")
word.set("import")
seen: dict[str, Any] = {}
signals: list[str] = []
usual = {
    name: signal.getsignal(getattr(signal, name)) for name in ("SIGINT", "SIGPIPE", "SIGCHLD", "SIGUSR2")
}
signal.signal(signal.SIGUSR2, lambda *_: signals.append("SIGUSR2"))


def loop_name() -> str:
    """Return the library of the loop that is set."""
    return type(asyncio.get_event_loop()).__module__.partition(".")[0]


def surroundings() -> Event:
    """Return what a module can tell of where it runs."""
    try:
        running = loop_name() if asyncio.get_running_loop() else ""
    except RuntimeError as error:
        running = str(error)
    return {
        "running loop": running,
        "name": __name__,
        "file": os.path.basename(__file__),
        "spec": [__spec__.name, os.path.basename(str(__spec__.origin))] if __spec__ else None,
        "is main": __name__ == "__main__",
        "main thread": threading.current_thread() is threading.main_thread(),
        "thread": threading.current_thread().name,
        "cwd is on the path": os.getcwd() in sys.path,
        "word": word.get(),
        "stdout": [sys.stdout.encoding, sys.stdout.errors, sys.stdout.isatty()],
        "stderr": [sys.stderr.encoding, sys.stderr.errors, sys.stderr.isatty()],
        "stdin": os.readlink("/proc/self/fd/0"),
        "locale": [*locale.getlocale(), locale.getpreferredencoding(False), sys.getfilesystemencoding()],
        "hooks": [sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval()],
        "traced": [sys.gettrace() is not None, sys.getprofile() is not None],
        "start method": multiprocessing.get_start_method(allow_none=True),
        "root logger": [logging.root.level, len(logging.root.handlers), logging.root.manager.disable],
        "loggers": {
            name: [
                logging.getLogger(name).level,
                len(logging.getLogger(name).handlers),
                logging.getLogger(name).propagate,
            ]
            for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "probe")
        },
    }


seen["import"] = surroundings()
seen["loop at import"] = loop_name()
if "PROBE_LOG" in os.environ:
    atexit.register(lambda: note("atexit"))


def note(text: str) -> None:
    """Write a line to the file that outlives the process."""
    with open(os.environ["PROBE_LOG"], "a") as file:
        file.write(f"{text}\n")


async def app(scope: Event, receive: Receive, send: Send) -> None:
    """Serve one connection of any kind."""
    match scope["type"]:
        case "lifespan":
            await live(scope, receive, send)
        case "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": json.dumps(described(scope))})
        case _:
            name = scope["path"].strip("/").partition("/")[0]
            argument = unquote(scope["query_string"].decode())
            found = await ANSWERS[name](argument) if name in ANSWERS else described(scope)
            data = json.dumps(found).encode()
            headers = [(b"content-length", str(len(data)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": data})


async def live(scope: Event, receive: Receive, send: Send) -> None:
    """Go through the lifespan."""
    seen["lifespan scope"] = described(scope)
    seen["start-up event"] = await receive()
    seen["start-up"] = surroundings()
    word.set("start-up")
    scope["state"] |= {"number": 1, "shared": []}
    await send({"type": "lifespan.startup.complete"})
    event = await receive()
    if "PROBE_LOG" in os.environ:
        note(f"shutdown {event}")
    await send({"type": "lifespan.shutdown.complete"})


def described(scope: Event) -> Event:
    """Return a scope with the types of what it holds."""
    return {key: repr(value) for key, value in scope.items()} | {"keys": list(scope)}


async def process(_argument: str) -> Event:
    """Return how the process is."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    now = surroundings() | {"word": word.get()}
    word.set("another request")
    return seen | {
        "request": now,
        "loop": loop_name(),
        "debug": loop.get_debug(),
        "task": type(task).__name__,
        "usual signals": {name: str(getattr(value, "__name__", value)) for name, value in usual.items()},
        "argv": sys.argv,
        "path": sys.path,
        "cwd": os.getcwd(),
        "main": getattr(sys.modules["__main__"], "__file__", None),
        "variables": sorted(variable.name for variable in contextvars.copy_context()),
    }


async def environment(argument: str) -> str | None:
    """Return a variable of the environment."""
    return os.environ.get(argument)


async def threads(_argument: str) -> list[str]:
    """Return the name of a thread of the default executor, and of all that run."""
    return [await asyncio.to_thread(lambda: threading.current_thread().name)]


async def signalled(_argument: str) -> list[str]:
    """Send a signal to this process; tell which came."""
    signal.raise_signal(signal.SIGUSR2)
    return signals


def squared(number: int, answer: Connection) -> None:
    """Be worked out in another process."""
    answer.send([number * number, multiprocessing.current_process().name.partition("-")[0]])


async def children(method: str) -> Any:
    """Have another process work something out."""
    context: Any = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=squared, args=(7, sender))
    child.start()
    found = receiver.recv()
    child.join()
    return [*found, child.exitcode]


async def printed(argument: str) -> str:
    """Print in each way there is."""
    print(f"{argument}: a line")
    print(f"{argument}: in two", "halves", sep="\n")
    print(f"{argument}: to stderr", file=sys.stderr)
    sys.stdout.write(f"{argument}: written\n")
    os.write(1, f"{argument}: from below\n".encode())
    subprocess.run(["sh", "-c", f"echo {argument}: from a child"], check=True)
    print(f"{argument}: größer €")
    print(f"{argument}: without an end", end="")
    return "printed"


class Keeps(logging.Handler):
    """Keeps what is logged, as a service for errors does."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        records.append([record.name, record.levelname, record.getMessage(), repr(error)])


records: list[list[str]] = []
logging.getLogger("uvicorn.error").addHandler(Keeps())
if "PROBE_CONFIG" in os.environ:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"mine": {"format": "mine: %(name)s %(levelname)s %(message)s"}},
            "handlers": {
                "mine": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "mine"}
            },
            "root": {"handlers": ["mine"], "level": "INFO"},
            "loggers": {
                "uvicorn": {"handlers": [], "propagate": True},
                "uvicorn.access": {"handlers": ["mine"], "level": "INFO", "propagate": False},
            },
        }
    )


async def failing(argument: str) -> None:
    """Raise."""
    raise ValueError(argument)


async def recorded(_argument: str) -> Any:
    """Return what was logged to `uvicorn.error` as an error."""
    return [record for record in records if record[1] == "ERROR"]


class OnlyBad(logging.Filter):
    """Lets through what is no success."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "200" not in record.getMessage()


async def logged(argument: str) -> str:
    """Log to each logger; or have the logging set up as the argument says."""
    access = logging.getLogger("uvicorn.access")
    match argument:
        case "filter":
            access.addFilter(OnlyBad())
        case "no filter":
            access.filters.clear()
        case _:
            for name in ("uvicorn", "uvicorn.error", "probe"):
                for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
                    logging.getLogger(name).log(level, "%s to %s", argument, name)
            access.info('%s - "%s %s HTTP/%s" %d', "somebody", "GET", "/by-hand", "1.1", 299)
    return argument


ANSWERS: dict[str, Callable[[str], Awaitable[Any]]] = {
    "process": process,
    "environment": environment,
    "threads": threads,
    "signalled": signalled,
    "children": children,
    "printed": printed,
    "logged": logged,
    "failing": failing,
    "recorded": recorded,
}
