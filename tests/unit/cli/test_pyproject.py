"""The project's own defaults: which keys there are, what they give way to, and how a mistake is answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devserver.cli import command
from devserver.cli.pyproject import read_settings
from devserver.config import Address, Config, HttpConfig, ListenConfig, ProcessConfig, WatchConfig

Run = Callable[..., Config]


def pyproject(folder: Path, table: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.devserver]\n{table}\n")


def test_flags_go_before_environment_before_pyproject_before_defaults(
    project: Path, config_of: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearer to the user's fingers, the stronger."""
    assert config_of().process.workers == ProcessConfig().workers
    assert config_of().listen.http == ()
    pyproject(project, 'workers = 5\nalso = ["*.yml"]\npoll = true\ndrain = 7')
    assert config_of().process == ProcessConfig(workers=5, drain=7.0)
    assert (config_of().watch.also, config_of().watch.poll) == (("*.yml",), True)
    monkeypatch.setenv("DEVSERVER_WORKERS", "6")
    monkeypatch.setenv("DEVSERVER_ALSO", "*.a *.b")
    monkeypatch.setenv("DEVSERVER_POLL", "0")
    monkeypatch.setenv("DEVSERVER_PORT", "8123")
    monkeypatch.setenv("DEVSERVER_PROXY_HEADERS", "0")
    assert config_of().listen.http == (Address(host="127.0.0.1", port=8123),)
    assert not config_of().http.proxy_headers
    assert config_of().process.workers == 6
    assert (config_of().watch.also, config_of().watch.poll) == (("*.a", "*.b"), False)
    assert config_of("--workers", "7").process.workers == 7
    assert config_of("--poll", "--also", "*.c").watch == WatchConfig(
        root=str(project), also=("*.c",), poll=True
    )


def test_the_options_for_http_may_stand_in_pyproject(
    project: Path, config_of: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its key; files are named from pyproject's folder, as the target is."""
    keys = (
        "port = 0",
        'host = "::1"',
        'allow-host = ["*.example"]',
        "stream-limit = 2",
        'ssl-certfile = "c.pem"',
        'ssl-keyfile = "/k.pem"',
        "access-log = false",
        "threads = 3",
    )
    pyproject(project, "\n".join(keys))
    (project / "web").mkdir()
    monkeypatch.chdir(project / "web")
    config = config_of(str(project / "handlers.py"))
    assert config.listen == ListenConfig(
        http=(Address(host="::1", port=0),), certfile=str(project / "c.pem"), keyfile="/k.pem"
    )
    assert config.http == HttpConfig(
        host="::1", index=str(project / "index.html"), allow_hosts=("*.example",), stream_limit=2.0
    )
    assert config.process == ProcessConfig(threads=3, access_log=False)


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


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            "wrokers = 4",
            "[tool.devserver] has no key 'wrokers'; did you mean 'workers'?",
        ),
        ('workers = "4"', "[tool.devserver] workers must be a whole number, not '4'"),
        ("workers = true", "workers must be a whole number, not True"),
        ("workers = 0", "0 is not in the range x>=1 (from "),
        ('port = "8000"', "port must be a whole number, not '8000'"),
        ("host = 8000", "host must be a string, not 8000"),
        ("factory = 1", "factory must be true or false, not 1"),
        ('drain = "long"', "drain must be a number, not 'long'"),
        ("drain = inf", "inf is not a number of seconds, 0 or more (from "),
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
    """A mistake in pyproject.toml is found at start, and reported with its file and key."""
    pyproject(project, table)
    sentence = refusal()
    assert says in sentence
    assert str(project / "pyproject.toml") in sentence


def test_a_project_without_our_table_is_fine(project: Path, config_of: Run) -> None:
    """A pyproject.toml that is about other tools changes nothing."""
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert config_of().process == ProcessConfig()
    (project / "pyproject.toml").write_text("tool = 1\n")
    assert read_settings(project, command.command).values == {}


def test_a_table_that_is_invalid_is_refused(project: Path, refusal: Callable[..., str]) -> None:
    """`devserver = true` under [tool] is a mistake, not nothing."""
    (project / "pyproject.toml").write_text("[tool]\ndevserver = true\n")
    assert refusal().endswith("tool.devserver must be a table, as in [tool.devserver]")


def test_env_file_environment_and_flags_have_their_weight(
    project: Path, config_of: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """.env is the lightest, then pyproject.toml, then the environment; a flag outweighs all."""
    (project / ".env").write_text(
        "# of the app, too\nSECRET=x\nDEVSERVER_WORKERS=3\nDEVSERVER_ALSO=*.yml *.sql\nDEVSERVER_POLL=true\n"
    )
    config = config_of()
    assert (config.process.workers, config.watch.also, config.watch.poll) == (3, ("*.yml", "*.sql"), True)
    pyproject(project, "workers = 4")
    assert config_of().process.workers == 4
    monkeypatch.setenv("DEVSERVER_WORKERS", "5")
    assert config_of().process.workers == 5
    assert config_of("--workers", "6").process.workers == 6


def test_a_bad_line_of_the_env_file_is_named(project: Path, refusal: Callable[..., str]) -> None:
    """A user who did not type the value must learn where it comes from."""
    (project / ".env").write_text("DEVSERVER_WORKERS=many\n")
    assert refusal().endswith(f"'many' is not a valid integer range (from {project / '.env'}).")


def test_an_unknown_variable_of_the_env_file_is_a_warning(
    project: Path, config_of: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the nearest right one, and the file."""
    (project / ".env").write_text("DEVSERVER_WROKERS=2\n")
    config_of()
    says = f"DEVSERVER_WROKERS in {project / '.env'} is no option and is ignored; did you mean"
    assert f"{says} DEVSERVER_WORKERS?" in capsys.readouterr().err


def test_folders_in_the_project_s_file_are_seen_from_it(
    project: Path, config_of: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in the project the command is typed."""
    pyproject(project, 'app-dir = "backend"')
    (project / "backend" / "deep").mkdir(parents=True)
    (project / "backend" / "main.py").touch()
    monkeypatch.chdir(project / "backend" / "deep")
    target = config_of("main:app").target
    assert (target.module, target.attribute, target.search[0]) == ("main", "app", str(project / "backend"))


def test_the_env_file_that_is_named_counts_instead(project: Path, config_of: Run) -> None:
    """For options as for the app, wherever it lies."""
    (project / ".env").write_text("DEVSERVER_WORKERS=3\n")
    (project / "local.env").write_text("DEVSERVER_WORKERS=7\n")
    config = config_of("--env-file", "local.env", "--log-level", "debug")
    assert (config.process.workers, config.process.log_level) == (7, "debug")
    assert config.process.env_file == str(project / "local.env")
    assert config.watch.settings == (str(project / "local.env"),)
    assert config_of("--env-file=local.env", "handlers.py", "--", "--env-file", "x").process.workers == 7
