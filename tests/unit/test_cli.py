"""The command line: what each flag, variable and key means, and how a mistake is answered."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devserver import __version__, cli
from devserver.config import Address, Config, ConsoleConfig, ListenConfig, ProcessConfig, WatchConfig
from devserver.errors import DevserverError, ListenError
from devserver.settings import read_settings

Run = Callable[..., Config]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cwd: a folder with handlers.py in it, and no variable of ours in the environment."""
    for name in [name for name in os.environ if name.startswith(cli.PREFIX)]:
        monkeypatch.delenv(name)
    (tmp_path / "handlers.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


@pytest.fixture
def config_of(project: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command and returns the settings that the server would get."""
    seen: list[Config] = []

    def fake(config: Config) -> int:
        seen.append(config)
        return 0

    def run(*arguments: str) -> Config:
        assert cli.main(arguments) == 0
        return seen.pop()

    monkeypatch.setattr(cli, "run", fake)
    return run


@pytest.fixture
def refusal(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Return a function that runs a command that must be refused, and returns the sentence."""

    def refuse(*arguments: str) -> str:
        assert cli.main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("devserver: ")
        assert err.count("\n") == 1
        return err.removeprefix("devserver: ").rstrip()

    monkeypatch.setattr(cli, "run", lambda _config: pytest.fail("the server was started"))
    return refuse


def pyproject(folder: Path, table: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.devserver]\n{table}\n")


def test_without_options_the_defaults_hold(project: Path, config_of: Run) -> None:
    """`devserver` alone serves the usual file with the documented defaults."""
    config = config_of()
    assert config == Config(target=config.target, watch=WatchConfig(root=str(project)))
    assert (config.target.module, config.target.argv) == ("handlers", ())


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


@pytest.mark.parametrize("text", ["9000", ":9000", "127.0.0.1:9000"])
def test_an_address_without_a_host_is_local(config_of: Run, text: str) -> None:
    """Nothing is opened to the network by leaving the host out."""
    assert config_of("--tcp", text).listen.tcp == (Address(host="127.0.0.1", port=9000),)


def test_arguments_go_to_the_app(config_of: Run) -> None:
    """What follows the target is the app's sys.argv; what looks like an option follows `--`."""
    assert config_of("handlers.py", "one", "two").target.argv == ("one", "two")
    assert config_of("handlers.py", "--", "--verbose", "-x").target.argv == ("--verbose", "-x")


def test_flags_go_before_environment_before_pyproject_before_defaults(
    project: Path, config_of: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearer to the user's fingers, the stronger."""
    assert config_of().process.workers == ProcessConfig().workers
    pyproject(project, 'workers = 5\nalso = ["*.yml"]\npoll = true\ndrain = 7')
    assert config_of().process == ProcessConfig(workers=5, drain=7.0)
    assert (config_of().watch.also, config_of().watch.poll) == (("*.yml",), True)
    monkeypatch.setenv("DEVSERVER_WORKERS", "6")
    monkeypatch.setenv("DEVSERVER_ALSO", "*.a *.b")
    monkeypatch.setenv("DEVSERVER_POLL", "0")
    assert config_of().process.workers == 6
    assert (config_of().watch.also, config_of().watch.poll) == (("*.a", "*.b"), False)
    assert config_of("--workers", "7").process.workers == 7
    assert config_of("--poll", "--also", "*.c").watch == WatchConfig(
        root=str(project), also=("*.c",), poll=True
    )


def test_the_target_may_stand_in_pyproject(
    project: Path, config_of: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`devserver` in any folder of the project serves the project's target, named from pyproject's folder."""
    pyproject(project, 'target = "web/site.py:app"')
    (project / "web").mkdir()
    (project / "web/site.py").touch()
    monkeypatch.chdir(project / "web")
    target = config_of().target
    assert (target.path, target.attribute) == (str(project / "web/site.py"), "app")
    monkeypatch.setenv("DEVSERVER_TARGET", "../handlers.py")
    assert config_of().target.module == "handlers"
    assert config_of("site.py").target.module == "site"


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
        ("--tcp host", "Invalid value for '--tcp': 'host' is no HOST:PORT: try 127.0.0.1:9501"),
        ("--tcp 1.2.3.4:70000", "'1.2.3.4:70000' is no HOST:PORT"),
        ("--tcp ::1:80", "'::1:80' is no HOST:PORT"),
        ("--workers 0", "Invalid value for '--workers': 0 is not in the range x>=1."),
        ("--workers many", "'many' is not a valid integer"),
        ("--drain -1", "'-1' is no number of seconds, 0 or more."),
        ("--drain nan", "'nan' is no number of seconds"),
        ("--boot-timeout soon", "'soon' is no number of seconds"),
        ("--handover maybe", "'maybe' is not one of"),
        ("--events fd:x", "'fd:x' names no file descriptor"),
        ("--reload", "No such option"),
        ("handlers.py --verbose", "Options of the app go after --."),
        ("--workers", "requires an argument"),
        ("nothing.py", "there is no file"),
    ],
)
def test_a_bad_command_is_refused_in_one_sentence(
    refusal: Callable[..., str], arguments: str, says: str
) -> None:
    """A typo costs one line that says what is wrong, and exit code 2."""
    assert says in refusal(*arguments.split())


def test_a_bad_variable_is_named(refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever did not type the value must learn where it comes from."""
    monkeypatch.setenv("DEVSERVER_WORKERS", "0")
    assert refusal() == (
        "Invalid value for '--workers': 0 is not in the range x>=1 (from DEVSERVER_WORKERS)."
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("wrokers = 4", "[tool.devserver] has no key 'wrokers'; it has also, boot-timeout, drain"),
        ('workers = "4"', "[tool.devserver] workers must be a whole number, not '4'"),
        ("workers = true", "workers must be a whole number, not True"),
        ("workers = 0", "0 is not in the range x>=1 (from "),
        ('drain = "long"', "drain must be a number, not 'long'"),
        ("drain = inf", "inf is no number of seconds, 0 or more (from "),
        ("poll = 1", "poll must be true or false, not 1"),
        ('also = "*.yml"', "also must be a list of strings, not '*.yml'"),
        ("tcp = [9501]", "tcp must be a list of strings, not [9501]"),
        ("target = 1", "target must be a string, not 1"),
        ('handover = "maybe"', "'maybe' is not one of"),
        ("workers = ", "cannot be read: Invalid value (at line 2"),
        ("[tool]\ndevserver = 1", "cannot be read: "),
    ],
)
def test_a_bad_key_is_refused_in_one_sentence_that_names_the_file(
    project: Path, refusal: Callable[..., str], table: str, says: str
) -> None:
    """A mistake in pyproject.toml is found at start, and said with its file and key."""
    pyproject(project, table)
    sentence = refusal()
    assert says in sentence
    assert str(project / "pyproject.toml") in sentence


def test_a_project_without_our_table_is_fine(project: Path, config_of: Run) -> None:
    """A pyproject.toml that is about other tools changes nothing."""
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert config_of().process == ProcessConfig()
    (project / "pyproject.toml").write_text("tool = 1\n")
    assert read_settings(project, cli.command).values == {}


def test_a_table_that_is_none_is_refused(project: Path, refusal: Callable[..., str]) -> None:
    """`devserver = true` under [tool] is a mistake, not nothing."""
    (project / "pyproject.toml").write_text("[tool]\ndevserver = true\n")
    assert refusal().endswith("tool.devserver must be a table, as in [tool.devserver]")


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
