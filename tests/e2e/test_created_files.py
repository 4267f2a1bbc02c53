"""An app that creates files of its own while it starts: no save of anybody's, so no reason for a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import Client, eventually, serving

HANDLERS = (
    "import os, time\n"
    "from pathlib import Path\n"
    "from devserver import Lines\n"
    "protocol = Lines()\n"
    "HERE = Path(__file__).parent\n"
    "def create(name, text):\n"
    "    file = HERE / name\n"
    "    if not file.exists():\n"
    "        file.parent.mkdir(exist_ok=True)\n"
    "        {write}\n"
    "def wait_for(gate):\n"
    "    while not (HERE / gate).exists():\n"
    "        time.sleep(0.01)\n"
    "def on_receive(conn, data):\n"
    "    conn.send(os.environ.get('WORD', TEXT) + '\\n')\n"
)
PLAIN = "file.write_text(text)"
MOVED = "new = HERE / 'new.tmp'; new.write_text(text); os.replace(new, file)"
IN_IMPORT = "create({name!r}, {text!r})\n"
IN_START = "def on_worker_start(server):\n    create({name!r}, {text!r})\n"
OPTIONAL = "try:\n    from words import TEXT\nexcept ImportError:\n    TEXT = 'v1'\n"
FILES = {
    "a module that nobody imports": ("generated.py", "N = 1\n"),
    "a template": ("templates/page.html", "<p>one</p>\n"),
    "a configuration": ("config.json", "{}\n"),
}


@pytest.mark.parametrize("write", [PLAIN, MOVED], ids=["written", "moved there"])
@pytest.mark.parametrize("moment", [IN_IMPORT, IN_START], ids=["import", "start-up"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_the_app_creates_at_its_first_start_costs_no_reload(
    tmp_path: Path, kind: str, moment: str, write: str
) -> None:
    """It is noticed, and settled as no change; a save of it later is one."""
    name, text = FILES[kind]
    app = HANDLERS.replace("{write}", write) + "TEXT = 'v1'\n" + moment.format(name=name, text=text)
    with serving(tmp_path, "--also", "config.json", text=app) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "v1"
        eventually("all is settled", lambda: len(server.past("checked")) == len(server.past("changed")))
        assert not server.past("checked", changed=True)
        assert len(server.past("live")) == 1
        if kind != "a module that nobody imports":
            assert server.past("checked", changed=False)
            server.save_and_wait(f"{text} ", name)
        assert server.stop() == 0


def test_a_save_of_a_file_that_the_app_has_just_created_is_not_lost(tmp_path: Path) -> None:
    """The app stands in its start-up for long, and has what it wrote itself in its memory."""
    app = (
        HANDLERS.replace("{write}", PLAIN)
        + "create('config.json', 'v1')\nTEXT = (HERE / 'config.json').read_text()\nwait_for('gate')\n"
    )
    with serving(tmp_path, "--also", "config.json", text=app) as server:
        server.wait("checked", changed=False)
        server.save("v2", "config.json")
        server.wait("checked", changed=True)
        (tmp_path / "gate").touch()
        assert Client(server.port).ask("x") == "v2"
        assert server.stop() == 0


def test_a_save_before_the_app_comes_to_create_the_file_is_not_lost(tmp_path: Path) -> None:
    """The app has looked already, and writes over what was saved: what is on the disk in the end runs."""
    app = HANDLERS.replace("{write}", f"wait_for('gate'); {PLAIN}") + (
        "create('config.json', 'v1')\nTEXT = (HERE / 'config.json').read_text()\n"
    )
    with serving(tmp_path, "--also", "config.json", text=app) as server:
        server.wait("worker-started")
        server.save("v2", "config.json")
        server.wait("checked", changed=True)
        (tmp_path / "gate").touch()
        client, file = Client(server.port), tmp_path / "config.json"
        eventually("what is on the disk runs", lambda: client.ask("x") == file.read_text())
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("name", "text", "use"),
    [
        (".env", "WORD=v2\n", "TEXT = 'v1'\n"),
        ("words.py", "TEXT = 'v2'\n", OPTIONAL),
    ],
    ids=["settings", "an optional module"],
)
def test_a_file_that_a_cold_start_would_have_found_is_a_reason_for_a_reload(
    tmp_path: Path, name: str, text: str, use: str
) -> None:
    """It was looked for before the app created it: what started without it is not what starts now."""
    app = HANDLERS.replace("{write}", PLAIN) + use + IN_IMPORT.format(name=name, text=text)
    with serving(tmp_path, text=app) as server:
        server.wait("checked", changed=True)
        assert Client(server.port).ask("x") == "v2"
        assert server.stop() == 0


def test_an_app_that_creates_what_it_needs_and_exits_is_started_once_more(tmp_path: Path) -> None:
    """It would start the next time, and does; one that exits each time is not started for ever."""
    exits = f"{PLAIN}; file.read_text(); wait_for('gate'); raise SystemExit('made: start again')"
    app = HANDLERS.replace("{write}", exits)
    app += "create('config.json', 'v1')\nTEXT = (HERE / 'config.json').read_text()\n"
    with serving(tmp_path, "--also", "config.json", text=app) as server:
        server.wait("checked", changed=False)
        (tmp_path / "gate").touch()
        server.wait("refused", generation=1)
        server.wait("live", generation=2)
        assert Client(server.port).ask("x") == "v1"
        assert server.stop() == 0
