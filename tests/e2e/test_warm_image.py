"""Workers are copies of an image of one that has imported the app: only the time that it takes tells."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from devserver.ipc.image_messages import LEAST
from tests.e2e.test_preload import HEAVY, installed
from tests.frameworks import need
from tests.harness import DevServer, child_of, eventually, is_gone, serving
from tests.http import browsing

SLOW = "import time; time.sleep(0.04)\n"
"""Makes an image worth its while."""
APP = """
import os, sys, random
from slow import *
{top}
STATE = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (event := await receive())["type"] == "lifespan.startup":
            STATE.append(os.getpid())
            await send({{"type": "lifespan.startup.complete"}})
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    said = f"{answer} {{os.getpid()}} {{STATE == [os.getpid()]}}"
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": said.encode()}})
"""


def project(folder: Path, top: str = "", answer: str = "v1") -> str:
    """Make an app whose own import is worth an image; return its text."""
    if not (folder / "slow.py").exists():
        (folder / "slow.py").write_text(SLOW)
    return APP.format(top=top, answer=answer)


def images(server: DevServer) -> list[int]:
    """Return the images that there are, by the names of the Manager's descendants."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name = (entry / "cmdline").read_bytes().split(b"\0")[0]
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if name == b"devserver: image" and parent == server.manager():
                found.append(int(entry.name))
    return found


def the_image(server: DevServer) -> int:
    """Wait until there is one that may be copied, and return it."""
    eventually("it may be copied", lambda: (found := server.past("image-state")) and found[-1]["exists"])
    return forked_image(server)


def forked_image(server: DevServer) -> int:
    """Wait until there is one, whatever it will be found to hold, and return it."""
    return int(eventually("there is one image", lambda: len(found := images(server)) == 1 and found[0]))


def test_an_app_that_becomes_slow_has_an_image_one_save_later(tmp_path: Path) -> None:
    """A small app's import is not even recorded."""
    (tmp_path / "slow.py").write_text("")
    text = APP.format(top="", answer="v1")
    with serving(tmp_path, "--preload", "off", text=text) as server, browsing(server) as client:
        server.wait("live")
        server.save_and_wait(text.replace("v1", "v2"))
        imports = [fact["steps"]["import"] for fact in server.past("live")]
        assert images(server) == [] or max(imports) > LEAST  # on a busy machine any import may take long
        server.save_and_wait(SLOW, "slow.py")
        server.save_and_wait(text.replace("v1", "v3"))
        the_image(server)
        assert server.save_and_wait(text.replace("v1", "v4"))["way"] == "swap"
        assert client.get("/").text.startswith("v4")
        assert server.stop() == 0


def test_further_workers_are_copies(tmp_path: Path) -> None:
    """Slots 2 to 4 are forked from the image, with a start-up of their own; so is who replaces a dead one."""
    with (
        serving(tmp_path, "--warm", "auto", "--workers", "4", text=project(tmp_path)) as server,
        browsing(server) as client,
    ):
        server.wait("rolled")
        ways = [fact["way"] for fact in server.past("worker-started")]
        assert ways == ["boot", "copy", "copy", "copy"]
        answer, pid, started = client.get("/").text.split()
        assert (answer, started) == ("v1", "True")
        image = the_image(server)
        os.kill(int(pid), signal.SIGKILL)
        assert server.wait("worker-started")["way"] == "copy"
        server.wait("worker-ready")
        assert client.get("/").text.split()[2] == "True"
        assert server.stop() == 0
        assert is_gone(image)


def test_no_worker_holds_a_socket_of_another(tmp_path: Path) -> None:
    """Copies that were ordered together are forked one after the other: each has its own link only."""
    with serving(tmp_path, "--workers", "4", text=project(tmp_path)) as server:
        server.wait("rolled")
        pids = [fact["pid"] for fact in server.past("worker-started")]
        held = [os.readlink(entry) for pid in pids for entry in Path(f"/proc/{pid}/fd").iterdir()]
        sockets = [target for target in held if target.startswith("socket:")]
        assert len(pids) == 4
        assert len(sockets) == len(set(sockets)), sockets
        assert server.stop() == 0


def test_a_save_of_a_function_body_is_a_swap(tmp_path: Path) -> None:
    """The next request runs it; nothing is imported again, and the start-up runs."""
    options = ("--warm", "auto", "--preload", "off")
    with serving(tmp_path, *options, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        the_image(server)
        for version in range(2, 6):
            server.save(project(tmp_path, answer=f"v{version}"))
            answer, _pid, started = client.get("/").text.split()
            assert (answer, started) == (f"v{version}", "True")
            live = server.wait("live")
            assert (live["way"], live["functions"], live["why"]) == ("swap", 1, "")
            assert sum(live["steps"].values()) == pytest.approx(live["total_ms"], abs=0.5)
        server.save(project(tmp_path, top="A = 1"))
        assert client.get("/").text.split()[0] == "v1"
        live = server.wait("live")
        assert live["way"] == "boot"
        assert live["why"].startswith("handlers.py: its module level changed")
        assert server.stop() == 0


def test_a_save_of_a_constant_is_a_swap(tmp_path: Path) -> None:
    """The next request has the value, in each module that has imported it; nothing is imported again."""
    text = project(tmp_path, top="from values import ANSWER as text", answer="{text}")
    (tmp_path / "values.py").write_text("ANSWER = 'v1'\n")
    options = ("--warm", "auto", "--preload", "off")
    with serving(tmp_path, *options, text=text) as server, browsing(server) as client:
        server.wait("ready")
        the_image(server)
        for version in range(2, 5):
            (tmp_path / "values.py").write_text(f"ANSWER = 'v{version}'\n")
            assert client.get("/").text.split()[0] == f"v{version}"
            live = server.wait("live")
            assert (live["way"], live["functions"], live["constants"]) == ("swap", 0, 1), live["why"]
        (tmp_path / "values.py").write_text("ANSWER = 'v5'\nCOPY = [ANSWER]\n")
        assert client.get("/").text.split()[0] == "v5"
        server.wait("live")
        the_image(server)
        (tmp_path / "values.py").write_text("ANSWER = 'v6'\nCOPY = [ANSWER]\n")
        assert client.get("/").text.split()[0] == "v6"
        live = server.wait("live")
        assert live["way"] == "boot"
        assert live["why"] == "values.py: ANSWER changed, and values.py read it at import"
        assert server.stop() == 0


def test_an_image_goes_before_preloading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first save waits for none. What cannot be a swap is booted by the Manager that has preloaded."""
    text = project(tmp_path, top="import heavy")
    (tmp_path / "project").mkdir()
    (tmp_path / "slow.py").rename(tmp_path / "project" / "slow.py")
    options = ("--warm", "auto")
    heavy = HEAVY.replace("0.06", "1")
    with (
        installed(tmp_path, monkeypatch, *options, heavy=heavy, text=text) as server,
        browsing(server) as client,
    ):
        the_image(server)
        server.save(text.replace("v1", "v2"))
        assert client.get("/").text.split()[0] == "v2"
        live = server.wait("live")
        assert live["way"] == "swap"
        assert server.wait("preloaded")["at"] > live["at"]
        server.save(text.replace("import heavy", "import heavy; A = 1").replace("v1", "v3"))
        assert client.get("/").text.split()[0] == "v3"
        live = server.wait("live")
        assert live["way"] == "boot"
        assert live["why"].startswith("handlers.py: its module level changed")
        assert live["steps"]["import"] < 1000  # `heavy` alone takes that
        server.save(text.replace("import heavy", "import heavy; A = 1").replace("v1", "v4"))
        assert client.get("/").text.split()[0] == "v4"
        assert server.wait("live")["way"] == "swap"
        assert server.past("lost") == []
        assert server.stop() == 0


def private_share(pid: int) -> float:
    """Return which part of a process's memory is its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines[1:]}
    return sizes["Private_Dirty:"] / sizes["Rss:"]


def test_an_image_shares_its_memory_with_the_worker_that_has_left_it(tmp_path: Path) -> None:
    """Looking at all objects writes to each: a fork does that, which is gone when it has reported."""
    text = project(tmp_path, top="MANY = [[] for _ in range(500_000)]")
    with serving(tmp_path, "--preload", "off", text=text) as server:
        server.wait("image-state", exists=True)
        image = the_image(server)
        children = Path(f"/proc/{image}/task/{image}/children")
        eventually("it has looked", lambda: children.read_text() == "")
        assert private_share(image) < 0.25
        assert server.save_and_wait(text.replace("v1", "v2"))["way"] == "swap"
        assert private_share(image) < 0.3
        assert server.stop() == 0


IMPORTING = """
import os, sys
from slow import *
{imports}
SEEN = []
sys.addaudithook(lambda event, args: SEEN.append((args[0], os.getpid())) if event == "import" else None)

def imported():
    return f"{answer} {{[name for name, pid in SEEN if pid == os.getpid()]}}".encode()
{app}
"""
IN_COPIES = {
    "WSGI": (
        "",
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('content-type', 'text/plain')])\n"
        "    return [imported()]\n",
    ),
    "Flask's debugger": (
        "from flask import Flask",
        "app = Flask(__name__)\napp.debug = True\n@app.get('/')\ndef index(): return imported()\n",
    ),
    "anyio": (
        "from starlette.applications import Starlette; from starlette.responses import Response\n"
        "from starlette.routing import Route",
        "def index(request): return Response(imported())\napp = Starlette(routes=[Route('/', index)])\n",
    ),
}


@pytest.mark.parametrize(("imports", "app"), IN_COPIES.values(), ids=IN_COPIES)
def test_a_copy_answers_its_first_request_without_importing_anything(
    tmp_path: Path, imports: str, app: str
) -> None:
    """What start-up and that request need is in the image: it would take 10 to 20 ms of each save."""
    (tmp_path / "slow.py").write_text(SLOW)
    text = IMPORTING.format(imports=imports, answer="v1", app=app)
    with serving(tmp_path, "--preload", "off", text=text) as server, browsing(server) as client:
        server.wait("image-state", exists=True)
        server.save(text.replace("v1", "v2"))
        assert client.get("/").text == "v2 []"
        assert server.wait("live")["way"] == "swap"
        assert server.stop() == 0


ROUTED = """
from contextlib import asynccontextmanager
import fastapi, fastapi.routing
from slow import *

STARTS, BUILT = [], []

class Route(fastapi.routing.APIRoute):
    def get_route_handler(self):
        BUILT.append(len(STARTS))
        return super().get_route_handler()

@asynccontextmanager
async def lifespan(app):
    STARTS.append("now")
    yield

router = fastapi.APIRouter(route_class=Route)

@router.get("/")
def page():
    return fastapi.Response(f"v1 {BUILT}")

inner = fastapi.FastAPI()
inner.include_router(router)
outer = fastapi.FastAPI(lifespan=lifespan)
outer.mount("/inner", inner)

async def app(scope, receive, send):
    await outer(scope, receive, send)

app.app = outer
"""


def test_the_routes_of_a_fastapi_app_are_built_before_copies_start(tmp_path: Path) -> None:
    """It builds those of included routers at the first request: 40 ms for 350 routes, of each save."""
    need("fastapi")
    (tmp_path / "slow.py").write_text(SLOW)
    with serving(tmp_path, "--preload", "off", text=ROUTED) as server, browsing(server) as client:
        server.wait("image-state", exists=True)
        assert server.save_and_wait(ROUTED.replace("v1", "v2"))["way"] == "swap"
        assert client.get("/inner/").text == "v2 [0, 0]"
        assert server.stop() == 0


def test_a_file_that_appears_beside_the_code_is_no_package_that_was_looked_for(tmp_path: Path) -> None:
    """pydantic looks for plugins in all folders of the path; a new database there changes nothing."""
    look = "import importlib.metadata; FOUND = list(importlib.metadata.distributions(path=[os.getcwd()]))"
    text = project(tmp_path, top=look)
    with serving(tmp_path, "--preload", "off", text=text) as server:
        server.wait("ready")
        the_image(server)
        (tmp_path / "shop.db").write_text("")
        assert server.save_and_wait(text.replace("v1", "v2"))["way"] == "swap"
        (tmp_path / "shop-1.0.dist-info").mkdir()
        live = server.save_and_wait(text.replace("v1", "v3"))
        assert (live["way"], live["why"].startswith("the folder")) == ("boot", True)
        assert server.stop() == 0


CYTHON = """
import atexit

class Compiled:
    __code__ = (lambda: None).__code__.replace(co_filename="heavy/_files.pyx")
    def __call__(self): ...

atexit.register(Compiled())
"""


def test_an_exit_function_of_a_compiled_library_is_not_the_apps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code has a relative file name: pyarrow's."""
    options = ("--warm", "auto", "--preload", "off")
    text = project(tmp_path, top="import heavy")
    (tmp_path / "project").mkdir()
    (tmp_path / "slow.py").rename(tmp_path / "project" / "slow.py")
    with installed(tmp_path, monkeypatch, *options, heavy=CYTHON, text=text) as server:
        the_image(server)
        live = server.save_and_wait(text.replace("v1", "v2"))
        assert (live["way"], live["why"]) == ("swap", "")
        assert server.stop() == 0


DJANGO = """
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from slow import *

settings.configure(
    DEBUG=True,
    SECRET_KEY="for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="urls",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}},
)
django.setup()
app = get_wsgi_application()
"""
URLS = """
from django.db import connection
from django.http import HttpResponse
from django.urls import path

def number():
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return cursor.fetchone()[0]

ASKED = number()

def page(request):
    return HttpResponse(f"v1 {ASKED} {number()}")

urlpatterns = [path("", page)]
"""


def test_a_django_project_whose_views_ask_the_database_at_import_has_an_image(tmp_path: Path) -> None:
    """That connection is closed, as runserver closes those of its checks; the next query opens one."""
    need("django")
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "urls.py").write_text(URLS)
    with serving(tmp_path, "--preload", "off", text=DJANGO) as server, browsing(server) as client:
        server.wait("ready")
        the_image(server)
        assert client.get("/").text == "v1 1 1"
        live = server.save_and_wait(URLS.replace("v1", "v2"), "urls.py")
        assert (live["way"], live["why"]) == ("swap", "")
        assert client.get("/").text == "v2 1 1"
        assert server.stop() == 0


HOOKS = """
RAN = []
os.register_at_fork(
    before=lambda: RAN.append("before"),
    after_in_parent=lambda: RAN.append("parent"),
    after_in_child=lambda: RAN.append("child"),
)

def forked():
    before = list(RAN)
    pid = os.fork()
    if not pid:
        os._exit(RAN[len(before):] != ["before", "child"])
    return str([before, os.waitpid(pid, 0)[1], RAN[len(before):]]).replace(" ", "")
"""


def test_fork_hooks_run_at_forks_of_the_app_only(tmp_path: Path) -> None:
    """The app sees no fork in any Worker: the first one, a copy, or one that was forked ahead."""
    text = project(tmp_path, top=HOOKS, answer="v1{forked()}")
    with serving(tmp_path, "--preload", "off", text=text) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        seen = "[[],0,['before','parent']]"
        assert client.get("/").text.split()[0] == f"v1{seen}"
        for version in ("v2", "v3", "v4"):
            assert server.save_and_wait(text.replace("v1", version))["way"] == "swap"
            assert client.get("/").text.split()[0] == f"{version}{seen}"
            child_of(image, "next copy")
        assert server.stop() == 0


CLAIMS = """
class Claims:
    __slots__ = ()
    __class__ = property(lambda self: type(sys))
    def __getattr__(self, name): raise ImportError(name)

sys.modules["claims"] = Claims()
"""


def test_what_only_claims_to_be_a_module_keeps_no_image_away(tmp_path: Path) -> None:
    """Cffi's libraries are in `sys.modules`, lazy ones raise what they like."""
    text = project(tmp_path, top=CLAIMS)
    with serving(tmp_path, "--preload", "off", text=text) as server, browsing(server) as client:
        server.wait("ready")
        the_image(server)
        live = server.save_and_wait(text.replace("v1", "v2"))
        assert (live["way"], live["why"]) == ("swap", "")
        assert client.get("/").text.split()[0] == "v2"
        assert server.stop() == 0


def test_data_is_read_again_where_a_cold_start_would_read_it(tmp_path: Path) -> None:
    """A file that the import has read boots everything; one that requests read is a matter of a copy."""
    (tmp_path / "page.html").write_text("one")
    (tmp_path / "data.txt").write_text("one")
    text = project(tmp_path, top="TEXT = open('data.txt').read()", answer="{TEXT}-{open('page.html').read()}")
    options = ("--warm", "auto", "--preload", "off", "--also", "*.txt")
    with serving(tmp_path, *options, text=text) as server, browsing(server) as client:
        server.wait("ready")
        the_image(server)
        (tmp_path / "page.html").write_text("two")
        assert client.get("/").text.split()[0] == "one-two"
        assert server.wait("live")["way"] == "copy"
        (tmp_path / "data.txt").write_text("two")
        assert client.get("/").text.split()[0] == "two-two"
        live = server.wait("live")
        assert live["way"] == "boot"
        assert live["why"] == "data.txt, which handlers.py:4 reads, has changed"
        (tmp_path / ".env").write_text("A=1")
        assert client.get("/").text.split()[0] == "two-two"
        assert server.wait("live")["why"] == ".env has changed"
        assert server.stop() == 0


def test_a_copy_shows_its_app_all_objects(tmp_path: Path) -> None:
    """What was set aside for the fork is there for code that asks the garbage collector."""
    told = "{any(each is STATE for each in gc.get_objects())}"
    text = project(tmp_path, top="import gc", answer=told)
    options = ("--warm", "auto", "--preload", "off")
    with serving(tmp_path, *options, text=text) as server, browsing(server) as client:
        server.wait("ready")
        the_image(server)
        assert client.get("/").text.split()[0] == "True"
        server.save(project(tmp_path, top="import gc", answer=told + "-2"))
        assert client.get("/").text.split()[0] == "True-2"
        assert server.wait("live")["way"] == "swap"
        assert server.stop() == 0


def test_each_slot_gets_the_new_bodies(tmp_path: Path) -> None:
    """A roll of four Workers is four swaps."""
    options = ("--warm", "auto", "--preload", "off", "--workers", "4")
    with serving(tmp_path, *options, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("rolled")
        server.save(project(tmp_path, answer="v2"))
        server.wait("rolled")
        ways = [fact["way"] for fact in server.past("worker-started")]
        assert ways == ["boot", "copy", "copy", "copy", *["swap"] * 4]
        assert client.get("/").text.split()[0] == "v2"
        assert server.stop() == 0
