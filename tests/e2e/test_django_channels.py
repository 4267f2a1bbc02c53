"""Django's ASGI side with Channels as it is: consumers and views go on over a save."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frameworks import need
from tests.harness import DEADLINE, DevServer, eventually, serving
from tests.http import ask, browsing, connection_of, edit, project, stop_well, websocket


@pytest.fixture(params=["manage.py", "project/asgi.py", "project.asgi:application"])
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DevServer]:
    """Serve the chat, by each way to name it."""
    need("django", "channels")
    with serving(project(tmp_path, "channels_chat"), target=request.param) as server:
        yield server


def test_consumers_and_views_answer_with_the_new_code(chat: DevServer) -> None:
    """A consumer of a room keeps its WebSocket over the save, and so do the views their connection."""
    with (
        browsing(chat) as client,
        websocket(chat, "/chat/tea/") as ada,
        websocket(chat, "/shout/") as shout,
    ):
        answers = [client.get("/"), client.post("/plain/", content="body")]
        assert [answer.text for answer in answers] == ["old async", "old sync 4 thread"]
        assert ask(ada, "hello") == "old: hello"
        assert ask(shout, "hello") == "old: HELLO"
        edit(chat.folder / "chat/consumers.py", 'WORD = "old"', 'WORD = "new"')
        assert ask(ada, "hello") == "new: hello"
        assert ask(shout, "hello") == "new: HELLO"
        edit(chat.folder / "chat/views.py", 'WORD = "old"', 'WORD = "new"')
        answers += [client.get("/"), client.get("/plain/"), client.get("/count/")]
        assert [answer.text for answer in answers[2:]] == [
            "new async",
            "new sync 0 thread",
            "new 0\nnew 1\nnew 2\n",
        ]
        assert len({connection_of(answer) for answer in answers}) == 1
        assert ask(ada, "again") == "new: again"
    stop_well(chat)


def test_a_room_is_whole_again_after_a_save(tmp_path: Path) -> None:
    """Both members were there before the save, and after it each hears the other without a reconnect."""
    need("channels")
    folder = project(tmp_path, "channels_chat")
    with serving(folder, target="manage.py") as server:
        with websocket(server, "/chat/tea/") as ada, websocket(server, "/chat/tea/") as bob:
            assert ask(ada, "one") == "old: one"
            assert bob.recv(timeout=DEADLINE) == "old: one"
            edit(folder / "chat/consumers.py", 'WORD = "old"', 'WORD = "new"')
            eventually("both are back in the room", lambda: server.output().count("joined tea") == 4)
            assert ask(bob, "two") == "new: two"
            assert ada.recv(timeout=DEADLINE) == "new: two"
            server.wait("worker-exited", generation=1, reason="exit 0")
            assert server.output().count("left tea with 1012") == 2
        stop_well(server)
