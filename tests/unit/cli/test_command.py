"""The command line: what each flag, variable and key means, and how a mistake is answered."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devserver import __version__
from devserver.cli import command as cli
from devserver.common.errors import DevserverError, ListenError
from devserver.config import (
    Address,
    Config,
    ConsoleConfig,
    HttpConfig,
    ListenConfig,
    ProcessConfig,
    WatchConfig,
)

Run = Callable[..., Config]


def test_without_options_the_defaults_hold(project: Path, config_of: Run) -> None:
    """`devserver` alone serves the usual file with the documented defaults."""
    config = config_of()
    assert config == Config(
        target=config.target,
        watch=WatchConfig(root=str(project)),
        http=HttpConfig(index=str(project / "index.html")),
    )
    assert (config.target.module, config.target.argv, config.target.factory) == ("handlers", (), False)


def test_each_option_reaches_its_setting(project: Path, config_of: Run) -> None:
    """Every flag does something, before the target or after it."""
    line = (
        "--tcp [::1]:9501 --tcp localhost:0 --uds /tmp/a.sock --workers 3 --boot-timeout 1.5 --drain 2 "
        "--stop-timeout 0 handlers.py:thing --handover exclusive --loop asyncio --also '*.yml' "
        "--also '*.sql' --exclude tmp/ --poll --plain --events fd:3"
    )
    config = config_of(*shlex.split(line))
    assert config.target.attribute == "thing"
    assert config.watch == WatchConfig(
        root=str(project), also=("*.yml", "*.sql"), exclude=("tmp/",), poll=True
    )
    assert config.listen == ListenConfig(
        tcp=(Address(host="::1", port=9501), Address(host="localhost", port=0)), uds=("/tmp/a.sock",)
    )
    assert config.process == ProcessConfig(
        workers=3, boot_timeout=1.5, drain=2.0, stop=0.0, handover="exclusive", loop="asyncio"
    )
    assert config.console == ConsoleConfig(plain=True, events="fd:3")


def test_each_option_for_http_reaches_its_setting(project: Path, config_of: Run) -> None:
    """The same for those about HTTP and the app behind it."""
    line = (
        "--host ::1 --port 80 --ssl-certfile c.pem --ssl-keyfile k.pem --root-path /api --no-proxy-headers "
        "--forwarded-allow-ips * --allow-host *.example --allow-host shop.test --websockets close "
        "--streams close --stream-limit 3 --threads 4 --factory --no-access-log"
    )
    config = config_of(*line.split())
    assert config.listen == ListenConfig(
        http=(Address(host="::1", port=80),), certfile="c.pem", keyfile="k.pem"
    )
    assert config.http == HttpConfig(
        root_path="/api",
        proxy_headers=False,
        forwarded_allow_ips="*",
        host="::1",
        index=str(project / "index.html"),
        allow_hosts=("*.example", "shop.test"),
        websockets="close",
        streams="close",
        stream_limit=3.0,
    )
    assert config.process == ProcessConfig(threads=4, access_log=False)
    assert config.target.factory


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        ("--port 0", "127.0.0.1", 0),
        ("--host 0.0.0.0", "0.0.0.0", 8000),
        ("--host [::1]", "::1", 8000),
        ("--host fe80::1%eth0 --port 1", "fe80::1%eth0", 1),
        ("--host my.box", "my.box", 8000),
    ],
)
def test_host_and_port_complete_each_other(config_of: Run, line: str, host: str, port: int) -> None:
    """Who names one of them gets the usual value of the other, and means it."""
    config = config_of(*line.split())
    assert config.listen.http == (Address(host=host, port=port),)
    assert config.http.host == host


@pytest.mark.parametrize("text", ["9000", ":9000", "127.0.0.1:9000"])
def test_an_address_without_a_host_is_local(config_of: Run, text: str) -> None:
    """Nothing is opened to the network by leaving the host out."""
    assert config_of("--tcp", text).listen.tcp == (Address(host="127.0.0.1", port=9000),)


def test_arguments_go_to_the_app(config_of: Run) -> None:
    """What follows the target is the app's sys.argv; what looks like an option follows `--`."""
    assert config_of("handlers.py", "one", "two").target.argv == ("one", "two")
    assert config_of("handlers.py", "--", "--verbose", "-x").target.argv == ("--verbose", "-x")


def test_the_exit_code_is_the_servers(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts see how the server ended."""
    monkeypatch.setattr(cli, "run", lambda _config: 3)
    assert cli.main([]) == 3


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ListenError("port 9501 is in use"), 2, "port 9501 is in use"),
        (DevserverError("the Manager cannot\nbe started"), 1, "the Manager cannot be started"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("oops"), 1, "internal error: ZeroDivisionError: oops ("),
    ],
)
def test_an_error_of_the_server_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    says: str,
) -> None:
    """No failure of ours ever shows a traceback; its kind shows in the exit code."""

    def fail(_config: Config) -> int:
        raise error

    monkeypatch.setattr(cli, "run", fail)
    assert cli.main([]) == code
    err = capsys.readouterr().err.strip()
    assert err.startswith(f"devserver: {says}")
    assert "\n" not in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--tcp host", "Invalid value for '--tcp': 'host' is not HOST:PORT: try 127.0.0.1:9501"),
        ("--tcp 1.2.3.4:70000", "'1.2.3.4:70000' is not HOST:PORT"),
        ("--tcp ::1:80", "'::1:80' is not HOST:PORT"),
        ("--host a:80", "Invalid value for '--host': 'a:80' is not a host: try 127.0.0.1, ::1, localhost or"),
        ("--host http://x", "'http://x' is not a host"),
        ("--host=", "'' is not a host"),
        ("--port 70000", "Invalid value for '-p' / '--port': 70000 is not in the range 0<=x<=65535."),
        ("--port http", "'http' is not a valid integer"),
        ("--allow-host shop.test:80", "'shop.test:80' is not a host name: try shop.example or *.example"),
        ("--websockets drop", "'drop' is not one of"),
        ("--stream-limit -1", "'-1' is not a number of seconds"),
        ("--threads 0", "0 is not in the range x>=1."),
        (
            "--ssl-keyfile k.pem",
            "--ssl-keyfile needs a certificate: name it with --ssl-certfile",
        ),
        ("--workers 0", "Invalid value for '-w' / '--workers': 0 is not in the range x>=1."),
        ("--workers many", "'many' is not a valid integer"),
        ("--drain -1", "'-1' is not a number of seconds, 0 or more."),
        ("--drain nan", "'nan' is not a number of seconds"),
        ("--boot-timeout soon", "'soon' is not a number of seconds"),
        ("--handover maybe", "'maybe' is not one of"),
        ("--events fd:x", "'fd:x' names no file descriptor"),
        ("--relod", "there is no option --relod: did you mean --reload? Options"),
        ("--no-reload", "devserver always reloads"),
        ("--lifespan off", "'off' is not supported: devserver runs the app's lifespan"),
        ("--env-file absent.env", "--env-file absent.env: there is no file"),
        ("--log-config absent.json", "--log-config absent.json: there is no file"),
        ("--log-level loud", "'loud' is not one of"),
        ("--app-dir nowhere", "--app-dir nowhere: there is no folder"),
        ("handlers.py --verbose", "Options of the app go after --."),
        ("--workers", "requires an argument"),
        ("nothing.py", "there is no file"),
    ],
)
def test_a_bad_command_is_refused_in_one_sentence(
    refusal: Callable[..., str], arguments: str, says: str
) -> None:
    """A typo costs one line that shows what is wrong, and exit code 2."""
    assert says in refusal(*arguments.split())


def test_a_bad_variable_is_named(refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who did not type the value must learn where it comes from."""
    monkeypatch.setenv("DEVSERVER_WORKERS", "0")
    assert refusal() == (
        "Invalid value for '-w' / '--workers': 0 is not in the range x>=1 (from DEVSERVER_WORKERS)."
    )


@pytest.mark.parametrize(
    ("flag", "says"), [("--help", "Usage: devserver [OPTIONS]"), ("--version", __version__)]
)
def test_help_and_version_start_nothing(
    project: Path, capsys: pytest.CaptureFixture[str], flag: str, says: str
) -> None:
    """They answer on stdout with exit code 0, also when the target is missing."""
    assert cli.main([flag, "nothing.py"]) == 0
    assert says in capsys.readouterr().out


def test_the_real_command_refuses_a_bad_target(project: Path) -> None:
    """`devserver nothing.py`: exit code 2, one line on stderr, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "devserver", "nothing.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"devserver: there is no file {project}/nothing.py")
    assert done.stderr.count("\n") == 1


def test_a_variable_that_is_no_option_is_named(
    project: Path, config_of: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typo in a variable is no silence: the nearest name is offered, and the server starts."""
    monkeypatch.setenv("DEVSERVER_WORKER", "3")
    monkeypatch.setenv("DEVSERVER_WORKERS", "2")
    config = config_of()
    assert config.process.workers == 2
    told = capsys.readouterr().err
    assert told == (
        "devserver: warning: DEVSERVER_WORKER is no option and is ignored; did you mean DEVSERVER_WORKERS?\n"
    )
