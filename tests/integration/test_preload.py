"""A Worker forked from a Manager that has preloaded is as one that has imported everything itself."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.frameworks import need
from tests.integration.preloading import Project


def test_a_worker_forked_afterwards_imports_only_its_own(project: Project) -> None:
    """What was preloaded is not imported again, own modules were not there, and the outcome is the same."""
    project.own("near", "import sys\nWAS_HERE = 'app' in sys.modules and 'near' in sys.modules\n")
    project.write(
        "import far_a, near, http.cookiejar\nVALUE = [far_a.X, near.WAS_HERE]\n",
        far_a="import far_b\nX = far_b.X\n",
        far_b="X = 5\n",
    )
    run = project.run()
    assert run.left_out == {}
    assert run.results["cold"]["value"] == [5, True]
    assert run.results["cold"]["noted"] > 2
    assert run.results["warm"]["noted"] == 0
    assert run.announced[0] == "far_a"


def test_what_is_read_from_the_environment_at_import_is_the_apps(project: Project) -> None:
    """A variable that the app sets before an import counts, though the import was long ago."""
    project.write(
        """
        import os
        os.environ["FAR_THREADS"] = "1"
        import far_a
        os.environ["FAR_THREADS"] = "2"
        import far_b
        VALUE = [far_a.THREADS, far_b.THREADS, os.environ["FAR_THREADS"]]
        """,
        far_a="import os\nTHREADS = os.environ.get('FAR_THREADS')\n",
        far_b="import os\nTHREADS = os.environ.get('FAR_THREADS')\n",
    )
    run = project.run()
    assert run.left_out == {}
    assert run.results["warm"]["value"] == ["1", "2", "2"]


SPOILERS = {
    "thread": (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
        "thread",
    ),
    "socket": ("import socket\nSOCKET = socket.socketpair()\n", "opens sockets"),
    "child": (
        """
        import os, sys
        if not (CHILD := os.fork()):
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(0)"])
        """,
        "starts a process",
    ),
    "prints": ("print('hello from far')\n", "prints"),
    "warns": ("import warnings\nwarnings.warn('old', UserWarning)\n", "prints"),
    "logs": ("import logging\nlogging.warning('careful')\n", "prints"),
    "signal": ("import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_IGN)\n", "signal handling"),
    "dump": ("import faulthandler, sys\nfaulthandler.enable(sys.__stderr__)\n", "signal handling"),
    "patch": (
        "import socket\nclass socket_(socket.socket): pass\nsocket.socket = socket_\n",
        "patches socket.socket",
    ),
    "temporary": ("import tempfile\nPLACE = tempfile.TemporaryDirectory()\n", "temporary file"),
    "environment": ("import os\ndel os.environ['PATH']\n", "os.environ"),
    "seed": ("import random\nrandom.seed(1)\n", "seeds random"),
    "umask": ("import os\nos.umask(0o27)\n", "mode mask"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("kind", SPOILERS)
def test_what_reaches_beyond_its_module_happens_in_the_worker(project: Project, kind: str) -> None:
    """It is left out with the reason, the rest is preloaded by another process, and nothing is different."""
    text, why = SPOILERS[kind]
    project.write(
        """
        import far_before, far_spoiler, far_after, os, signal, socket
        umask = os.umask(0)
        handler, variable = signal.getsignal(signal.SIGUSR2), os.environ.get("FAR_SET")
        VALUE = [str(handler), socket.socket.__name__, umask, variable]
        """,
        far_before="",
        far_spoiler=text,
        far_after="",
    )
    run = project.run()
    assert list(run.left_out) == ["far_spoiler"]
    assert why in run.left_out["far_spoiler"]
    assert run.results["warm"]["noted"] == 1


def test_a_native_thread_is_no_reason_to_fork(project: Project) -> None:
    """Threads that Python knows nothing of are seen, too: a fork would not have them."""
    project.write(
        "import far_pool\nVALUE = 1\n",
        far_pool="""
            import ctypes
            libc = ctypes.CDLL(None)
            pause = ctypes.cast(libc.pause, ctypes.c_void_p)
            libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, pause, None)
        """,
    )
    if sys.platform == "linux":
        assert list(project.run().left_out) == ["far_pool"]


def test_a_crash_names_its_culprit(project: Project) -> None:
    """The last module that was announced is the one that took the process along."""
    project.write("", far_a="", far_crash="import ctypes\nctypes.string_at(0)\n", far_b="")
    run = project.once(names=["far_a", "far_crash", "far_b"])
    assert run.status == -signal.SIGSEGV
    assert run.announced == ["far_a", "far_crash"]


def test_a_child_of_a_module_is_no_second_manager(project: Project) -> None:
    """A fork at import that goes on in both processes is left out, and only one of them goes on here."""
    project.write("", far_fork="import os\nos.fork()\n", far_next="")
    run = project.once(names=["far_fork", "far_next"])
    assert run.announced == ["far_fork"]
    assert "starts a process" in run.left_out["far_fork"]


def test_atexit_runs_in_the_worker_and_only_there(project: Project) -> None:
    """What a library registers at its import runs once at a Worker's end, and not at the Manager's."""
    project.write(
        "import far_a\nVALUE = 1\n",
        far_a="import atexit, os\natexit.register(os.write, 1, b'bye from far')\n",
    )
    run = project.run()
    assert run.left_out == {}
    assert run.results["warm"]["printed"] == "bye from far"
    assert run.status == 0


@pytest.mark.parametrize("terminal", [False, True])
def test_whether_output_is_a_terminal_is_as_in_a_worker(project: Project, terminal: bool) -> None:
    """A library that decides on colours at its import decides as it did in the Worker."""
    project.write(
        "import far_a\nVALUE = 1\n", far_a="import sys\nassert sys.stdout.isatty() is " + str(terminal)
    )
    run = project.once(names=["far_a"], terminal=terminal)
    assert run.left_out == {}
    for size in (1, 200_000):  # more than a terminal takes that nobody reads
        project.write("", far_a=f"print('x' * {size})\n")
        assert project.once(names=["far_a"], terminal=terminal).left_out == {"far_a": "prints at its import"}


def test_own_modules_stay_out(project: Project) -> None:
    """A library that imports the app's settings is imported by the Worker, with the settings of the day."""
    project.own("near", "X = 1\n")
    project.write("import far_a, far_b\nVALUE = far_a.X\n", far_a="import near\nX = near.X\n", far_b="")
    assert list(project.run().left_out) == ["far_a"]


@pytest.mark.parametrize(
    ("packages", "value"),
    [
        (("fastapi",), "fastapi.FastAPI().openapi()"),
        (("litestar",), "litestar.__name__"),
        (("quart", "flask"), "flask.Flask('x').name"),
        (("aiohttp", "httpx", "channels"), "1"),
    ],
    ids=["fastapi", "litestar", "quart", "aiohttp"],
)
def test_frameworks_are_preloaded_whole(project: Project, packages: tuple[str, ...], value: str) -> None:
    """Nothing of what people use every day has to be left out."""
    need(*packages)
    project.write(f"import {', '.join(packages)}\nVALUE = {value}\n")
    run = project.run(tries=1)
    assert run.left_out == {}
    assert run.announced[0] == packages[0]
    assert run.results["warm"]["noted"] == 0
    assert run.results["cold"]["noted"] > 100


def test_completion_works_where_its_module_was_preloaded(project: Project) -> None:
    """rlcompleter, which pdb imports since Python 3.13, is preloaded; each Worker adds readline."""
    project.write(
        """
        import rlcompleter, sys
        VALUE = [
            "readline" in sys.modules,
            rlcompleter._readline_available,
            rlcompleter.readline.get_completer().__self__.__class__ is rlcompleter.Completer,
            rlcompleter.Completer({"colour": 1}).complete("colo", 0),
        ]
        """
    )
    run = project.run(tries=1)
    assert run.left_out == {}
    assert run.announced == ["rlcompleter"]
    assert run.results["warm"]["value"] == [True, True, True, "colour"]


def test_a_django_project_is_preloaded_but_for_what_needs_its_settings(project: Project) -> None:
    """Django is there before the settings are; its models are imported by each Worker."""
    need("django")
    project.own("shop_settings", "INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes']\n")
    project.write(
        """
        import os
        os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
        import django
        django.setup()
        from django.contrib.auth.models import User
        VALUE = [User._meta.label, len(django.apps.apps.get_models())]
        """
    )
    run = project.run()
    assert run.results["warm"]["value"] == ["auth.User", 4]
    assert "django.contrib.auth.models" in run.left_out
    assert run.results["warm"]["noted"] < run.results["cold"]["noted"] / 4
