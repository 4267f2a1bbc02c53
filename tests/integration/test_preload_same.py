"""What the app did before an import counts for what is preloaded, or ends it with the reason."""

from __future__ import annotations

import sys

import pytest

from tests.frameworks import need
from tests.integration.preloading import Project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

REPLAYED = {
    "folder": (
        "import os\nos.makedirs(FOLDER, exist_ok=True)\nos.chdir(FOLDER)",
        "import os\nSEEN = os.getcwd()",
    ),
    "time zone": (
        "import os, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()",
        "import time\nSEEN = time.strftime('%H', time.localtime(0))",
    ),
    "locale": (
        "import locale\nlocale.setlocale(locale.LC_ALL, 'C')",
        "import locale\nSEEN = locale.setlocale(locale.LC_ALL)",
    ),
    "decimals": (
        "import decimal\ndecimal.getcontext().prec = 5",
        "import decimal\nSEEN = str(decimal.Decimal(1) / 3)",
    ),
    "mask": ("import os\nos.umask(0o27)", "import os\nSEEN = os.umask(0o27)"),
    "timeout": (
        "import socket\nsocket.setdefaulttimeout(7)",
        "import socket\nSEEN = socket.getdefaulttimeout()",
    ),
    "temporary files": (
        "import os\nos.makedirs(FOLDER, exist_ok=True)\nos.environ['TMPDIR'] = FOLDER",
        "import tempfile\nSEEN = tempfile.gettempdir()",
    ),
    "warnings": (
        "import warnings\nwarnings.filterwarnings('ignore')",
        "import warnings\nwarnings.warn('old', UserWarning)\n"
        "warnings.simplefilter('always', ImportWarning)\nSEEN = 1",
    ),
    "own warnings": (
        "import warnings\nclass W(UserWarning): pass\nwarnings.simplefilter('error', W)",
        "import warnings\nSEEN = len(warnings.filters) > 3",
    ),
    "logging": (
        "import logging\nlogging.basicConfig(level=logging.INFO)",
        "import logging\nlogging.basicConfig(level=logging.DEBUG)\n"
        "SEEN = [logging.root.level, len(logging.root.handlers), logging.getLogger('far').isEnabledFor(10)]",
    ),
    "a configuration of logging": (
        """
import logging.config
logging.config.dictConfig({
    "version": 1, "disable_existing_loggers": False,
    "handlers": {"out": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["out"], "level": "WARNING"},
})
""",
        "import logging\nSEEN = logging.getLogger(__name__).getEffectiveLevel()",
    ),
    "a hook": (
        "import sys\ndef mine(*args): pass\nsys.excepthook = mine",
        "SEEN = 1",
    ),
}


@pytest.mark.parametrize("kind", REPLAYED)
def test_what_the_app_had_set_before_an_import_is_seen_by_it(project: Project, kind: str) -> None:
    """The module is preloaded all the same, and what it has seen is what it sees at a cold start."""
    before, seen = REPLAYED[kind]
    app = f"FOLDER = {str(project.folder / 'made')!r}\n{before}\nimport far_a, far_b\nVALUE = [far_a.SEEN]\n"
    project.write(app, far_a=seen, far_b="")
    run = project.run(tries=1)
    assert run.left_out == {}
    assert run.results["report"][5] == ""
    assert run.results["warm"]["noted"] == 0


ENDED = {
    "a swapped module": (
        "import sys, far_mine\nsys.modules['far_his'] = sys.modules.pop('far_mine')\n",
        "far_his",
    ),
    "a stub": ("import sys, types\nsys.modules['far_his'] = types.SimpleNamespace(WHO='stub')\n", "far_his"),
    "an import hook": ("import sys\nclass F:\n    pass\nsys.meta_path.append(F())\n", "sys.meta_path"),
    "loggers that are disabled": (
        "import logging.config\nlogging.config.dictConfig({'version': 1})\n",
        "which loggers are disabled",
    ),
}


@pytest.mark.parametrize("kind", ENDED)
def test_what_no_other_process_can_have_ends_the_notes(project: Project, kind: str) -> None:
    """Each Worker imports what comes after it by itself; the reason is kept."""
    before, what = ENDED[kind]
    project.write(
        f"import far_first\n{before}\nimport far_user\nVALUE = far_user.WHO\n",
        far_first="",
        far_mine="WHO = 'mine'\n",
        far_his="WHO = 'his'\n",
        far_user="import logging, far_his\nlogging.getLogger('far')\nWHO = far_his.WHO\n",
    )
    run = project.run(tries=1)
    assert what in run.results["cold"]["reason"]
    assert "far_first" in run.announced
    assert "far_user" not in run.announced


def test_a_zone_that_cannot_be_had_ends_the_imports(project: Project) -> None:
    """What a later variable has made of the zone is not what TZ gives."""
    project.write(
        """
        import os, time
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        del os.environ["TZ"]
        import far_a
        VALUE = far_a.SEEN
        """,
        far_a="import time\nSEEN = time.strftime('%H', time.localtime(0))\n",
    )
    run = project.run(tries=1)
    assert run.results["report"][5] == "the app has changed the time zone"
    assert "far_a" not in run.announced


def test_an_attribute_that_the_app_sets_on_a_module_is_seen_by_another(project: Project) -> None:
    """A library that was configured before another one was imported is configured in each Worker."""
    project.write(
        """
        import far_a
        far_a.FAST = True
        import far_b, far_c
        VALUE = [far_b.IS_FAST, far_b.run(), far_c.X]
        """,
        far_a="FAST = False\ndef quick(): return 'quick'\ndef slow(): return 'slow'\n",
        far_b="import far_a\nIS_FAST = far_a.FAST\nrun = far_a.quick if far_a.FAST else far_a.slow\n",
        far_c="X = 3\n",
    )
    run = project.run()
    assert run.results["cold"]["value"] == [True, "quick", 3]
    assert list(run.left_out) == ["far_b"]
    assert "IS_FAST" in run.left_out["far_b"]


def test_a_text_that_the_app_sets_on_a_module_is_seen_by_another(project: Project) -> None:
    """A text may be chance, so another process is asked: it has the same, and not what the Worker had."""
    project.write(
        "import far_a\nfar_a.MODE = 'fast'\nimport far_b\nVALUE = [far_b.MODE]\n",
        far_a="MODE = 'slow'\n",
        far_b="from far_a import MODE\n",
    )
    run = project.run()
    assert run.results["warm"]["value"] == ["fast"]
    assert list(run.left_out) == ["far_b"]


def test_what_differs_in_every_process_is_preloaded(project: Project) -> None:
    """The time of an import, an address or a token is none of the app's doing."""
    project.write(
        "import far_a\nVALUE = 1\n",
        far_a="""
            import secrets, time
            TOKEN = secrets.token_urlsafe()
            AT = time.ctime() + str(time.perf_counter())
            WHERE = id(object())
            NAMES = ",".join({object: 1, int: 2}.keys().__repr__() for _ in range(2))
        """,
    )
    run = project.run(tries=2)
    assert run.left_out == {}
    assert run.results["warm"]["noted"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "import os\nPID = os.getpid()\n",
        "import os\nclass Pool:\n    def __init__(self): self.pid = os.getpid()\nPOOL = Pool()\n",
        "import os\nos.environ['FAR_LOCK'] = f'/tmp/{os.getpid()}.lock'\n",
    ],
    ids=["value", "object", "variable"],
)
def test_who_keeps_the_number_of_the_process_has_the_workers(project: Project, text: str) -> None:
    """The Manager's number is of no use to a Worker."""
    project.write("import far_a\nVALUE = 1\n", far_a=text)
    cold, run = None, project.run(same=("value",))
    assert list(run.left_out) == ["far_a"], cold


FIXED = "import random\nRNG = random.Random(42)\ndef draw(): return RNG.random()\n"
SOURCES = {
    "a source of its own": ("import random\nRNG = random.Random()\ndef draw(): return RNG.random()\n", False),
    "a subclass": (
        "import random\nclass Mine(random.Random): pass\nRNG = Mine()\ndef draw(): return RNG.random()\n",
        False,
    ),
    "the time": (
        "import random, time\nRNG = random.Random(time.time())\ndef draw(): return RNG.random()\n",
        False,
    ),
    "the system": (
        "import random, os\nRNG = random.Random(os.urandom(16))\ndef draw(): return RNG.random()\n",
        False,
    ),
    "the shared one": ("import random\ndef draw(): return random.random()\n", False),
    "a fixed seed": (FIXED, True),
    "a fixed word": (FIXED.replace("42", "'seed'"), True),
    "a state": (FIXED.replace("42", "") + "RNG.setstate(random.Random(3).getstate())\n", True),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_random_numbers_are_those_of_a_cold_start(project: Project, kind: str) -> None:
    """Each Worker has others; only what code has seeded gives what it always gives."""
    text, fixed = SOURCES[kind]
    project.write("import far_a\nVALUE = far_a.draw()\n", far_a=text)
    run = project.once(workers=2)
    assert run.left_out == {}
    drawn = {run.results["cold"]["value"], run.results["warm"]["value"], run.results["warm 2"]["value"]}
    assert len(drawn) == (1 if fixed else 3)


HANDED_ON = {
    "a variable": "import os\nos.environ['FAR_SET'] = 'yes'\nos.environ.setdefault('FAR_TOO', '1')\n",
    "sys.excepthook": "import sys\ndef far(*args): pass\nsys.excepthook = far\n",
    "sys.displayhook": "import sys\ndef far(*args): pass\nsys.displayhook = far\n",
    "threading.excepthook": "import threading\ndef far(*args): pass\nthreading.excepthook = far\n",
    "warnings.formatwarning": "import warnings\ndef far(*args): return ''\nwarnings.formatwarning = far\n",
    "warnings.filters": "import warnings\nwarnings.filterwarnings('ignore', 'far')\n",
    "the root logger": "import logging\nlogging.basicConfig(level=10)\n",
    "a log": """
import logging, tempfile, os
HANDLER = logging.FileHandler(os.path.join(os.path.dirname(__file__), 'far.log'))
logging.getLogger('far').addHandler(HANDLER)
logging.getLogger('far').warning('hello')
""",
}


@pytest.mark.parametrize("kind", HANDED_ON)
def test_what_a_fork_hands_on_is_no_reason_to_leave_out(project: Project, kind: str) -> None:
    """The Worker has it as if the module had just set it."""
    project.write(
        """
        import os
        VALUE = [os.environ.get("FAR_SET")]
        import far_a
        os.environ.setdefault("FAR_SET", "no")
        VALUE = [os.environ.get("FAR_SET")]
        """,
        far_a=HANDED_ON[kind],
    )
    run = project.run(tries=1)
    assert run.left_out == {}
    assert run.results["warm"]["noted"] == 0


@pytest.mark.parametrize("kind", ["sys.excepthook", "the root logger", "a variable"])
def test_who_changes_what_the_app_had_changed_does_so_in_each_worker(project: Project, kind: str) -> None:
    """The order of the two counts: the library's hook goes around the app's, and not the other way."""
    before = {
        "sys.excepthook": "import sys\ndef mine(*args): pass\nsys.excepthook = mine\n",
        "the root logger": "import logging\nlogging.root.setLevel(40)\n",
        "a variable": "import os\nos.environ['FAR_SET'] = 'mine'\n",
    }[kind]
    project.write(f"{before}import far_a\nVALUE = 1\n", far_a=HANDED_ON[kind])
    assert list(project.run().left_out) == ["far_a"]


def test_what_the_memory_of_pyarrow_does_in_the_background_survives_a_fork(project: Project) -> None:
    """A thread of that name is its allocator's, which has handlers for forks."""
    project.write(
        "import far_pool\nVALUE = 1\n",
        far_pool="""
            import ctypes
            libc = ctypes.CDLL(None)
            pause = ctypes.cast(libc.pause, ctypes.c_void_p)
            thread = ctypes.c_ulong()
            libc.pthread_create(ctypes.byref(thread), None, pause, None)
            libc.pthread_setname_np(thread, b"jemalloc_bg_thd")
        """,
    )
    assert project.run(tries=1).left_out == {}


def test_the_logging_of_djangos_documentation_does_not_end_it(project: Project) -> None:
    """A project that sets up the root logger is preloaded as one that does not."""
    need("django")
    project.own(
        "shop_settings",
        """
        INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes']
        TIME_ZONE = 'Asia/Tokyo'
        LOGGING = {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"console": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["console"], "level": "WARNING"},
            "loggers": {"django": {"handlers": ["console"], "level": "INFO", "propagate": False}},
        }
        """,
    )
    project.write(
        """
        import os
        os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
        import django
        django.setup()
        import far_late, http.cookiejar
        from django.contrib.auth.models import User
        VALUE = [User._meta.label, far_late.LEVEL]
        """,
        far_late="import logging\nLEVEL = logging.getLogger('far').getEffectiveLevel()\n",
    )
    run = project.run()
    assert run.results["cold"]["reason"] == run.results["report"][5] == ""
    assert "far_late" not in run.left_out
    assert "far_late" in run.announced
    assert run.results["warm"]["noted"] < run.results["cold"]["noted"] / 4
