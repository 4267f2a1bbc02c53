"""Files that first appear while code is refused: they run, so they are watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import Client, answering, serving


def imports(module: str) -> str:
    """Return handlers that answer each line with `WORD` of a module."""
    return answering("v").replace("'v'", "WORD").replace("protocol", f"from {module} import WORD\nprotocol")


@pytest.mark.parametrize("options", [(), ("--poll",)], ids=["inotify", "poll"])
def test_a_package_made_after_the_refusal_is_watched(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The import comes first, then the folder and the file; each later edit of that file counts."""
    with serving(tmp_path, *options, text=answering("v0")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(imports("feature.x"))
        server.wait("refused")
        (tmp_path / "feature").mkdir()
        server.save_and_wait("WORD = 'one'\n", "feature/x.py")
        for word in ("second", "third and last"):
            server.save_and_wait(f"WORD = {word!r}\n", "feature/x.py")
            assert client.ask("x") == f"{word} x"
        assert server.stop() == 0


def test_a_file_saved_while_code_was_refused_is_fresh_when_it_is_imported_much_later(tmp_path: Path) -> None:
    """It is in the snapshot, but nothing has imported it: the edit before the first import counts."""
    lazy = answering("v").replace("    conn.send('v'", "    from late.x import WORD\n    conn.send(WORD")
    with serving(tmp_path, text=answering("v0")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save("import missing\n")
        server.wait("refused")
        (tmp_path / "late").mkdir()
        server.save("WORD = 'one'\n", "late/x.py")
        server.wait("refused")
        server.save_and_wait(lazy)
        server.save("WORD = 'two'\n", "late/x.py")
        assert client.ask("x") == "two x"
        server.save("WORD = 'three'\n", "late/x.py")
        assert client.ask("x") == "three x"
        assert server.stop() == 0
