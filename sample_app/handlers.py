"""A chat over lines. Run it, and leave it running:

    devserver sample_app/handlers.py

Then open http://127.0.0.1:8000 in a browser or, in another terminal:

    telnet 127.0.0.1 9501

Type a line: "Receive something" comes back. Now edit this file and save, and type again *in the same telnet*
or page: the new code answers. Names survive too, for `conn.state` is not kept in this process.
"""

from __future__ import annotations

from typing import Any

from devserver import Lines

protocol = Lines()  # one call of on_receive for each line, whatever pieces it came in

HELP = "/name Ada: be Ada · /who: who is here · /bye: leave · anything else is said to the room"


def on_connect(conn: Any) -> None:
    sign(conn)


def on_receive(conn: Any, data: bytes) -> None:
    # Edit here: give the answer a second line, save, and type on in the connection that is open.
    #     conn.send("Receive something more\n")
    conn.send("Receive something\n")

    # Or break it: remove the colon of the next `if` and save. The console shows the line, and the last good
    # code goes on answering. Put it back, and the new code is live again.
    line = data.decode(errors="replace").strip()
    if line.startswith("/"):
        command(conn, line)
    elif line:
        conn.server.broadcast(f"{name_of(conn.id, conn.state)}: {line}\n", exclude=[conn])
    sign(conn)


def on_close(conn: Any) -> None:
    conn.server.broadcast(f"{name_of(conn.id, conn.state)} has left\n")


def command(conn: Any, line: str) -> None:
    """Do what a line that begins with a slash asks for."""
    word, _, rest = line.partition(" ")
    if word == "/name" and rest.strip():
        old = name_of(conn.id, conn.state)
        conn.state["name"] = rest.strip()  # kept by the server: try it, save this file, and ask /who
        conn.server.broadcast(f"{old} is now {rest.strip()}\n")
    elif word == "/who":
        names = [name_of(row.id, row.state) for row in conn.server.connections]
        conn.send(f"Here: {', '.join(names)}\n")
    elif word == "/bye":
        conn.send("Bye\n")
        conn.close()
    else:
        conn.send(f"{HELP}\n")


def sign(conn: Any) -> None:
    """Tell a page, index.html, whom it talks to: it shows that beside the answer."""
    if conn.transport == "websocket":
        worker, generation = conn.server.worker, conn.server.generation
        conn.send(f"· {name_of(conn.id, conn.state)} · worker {worker} · generation {generation}\n")


def name_of(number: int, state: dict[str, Any]) -> str:
    """Return the name that somebody chose, or a number."""
    return str(state.get("name", f"guest {number}"))
