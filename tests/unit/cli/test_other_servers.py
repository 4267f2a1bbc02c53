"""What users of other servers type: it works, or the answer shows what to do here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devserver.cli import commands, other_servers
from devserver.cli.command import command, main
from devserver.config import Address, Config

Run = Callable[..., Config]


@pytest.mark.parametrize(
    "line",
    [
        "handlers:app --reload",
        "--reload handlers.py",
        "dev handlers.py",
        "run handlers.py --reload",
        "handlers.py --lifespan on --http auto --ws websockets --interface asgi3",
        "handlers.py --debug --with-threads",
    ],
)
def test_what_is_so_anyway_is_accepted_in_silence(
    config_of: Run, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """Users get no lecture about what they are used to."""
    assert config_of(*line.split()).target.module == "handlers"
    assert capsys.readouterr() == ("", "")


def test_other_servers_names_are_aliases(config_of: Run) -> None:
    """uvicorn's, gunicorn's and flask's."""
    config = config_of(
        *["handlers.py", "-p", "8080", "-w", "2", "--reload-include", "*.yml", "--reload-exclude", "tmp/"],
        *["--timeout-graceful-shutdown", "3", "--cert", "c.pem", "--key", "k.pem", "--host", "0.0.0.0"],
    )
    assert config.listen.http == (Address(host="0.0.0.0", port=8080),)
    assert (config.listen.certfile, config.listen.keyfile) == ("c.pem", "k.pem")
    assert (config.process.workers, config.process.stop) == (2, 3.0)
    assert (config.watch.also, config.watch.exclude) == (("*.yml",), ("tmp/",))


@pytest.mark.parametrize("option", sorted(set(other_servers.ADVICE) - other_servers.WITH_VALUES))
def test_every_other_option_is_answered_with_what_to_do(refusal: Callable[..., str], option: str) -> None:
    """One sentence, whether or not the option has a value."""
    assert refusal(option, "value") == other_servers.ADVICE[option]


@pytest.mark.parametrize("option", sorted(other_servers.WITH_VALUES))
def test_what_is_not_so_is_answered_with_what_to_do(refusal: Callable[..., str], option: str) -> None:
    """The same option with a value that is not to be had."""
    assert other_servers.ADVICE[option] in refusal(option, "off")


def test_no_advice_is_given_for_an_option_that_there_is() -> None:
    """It could never be seen."""
    names = {name for param in command.params if not getattr(param, "hidden", False) for name in param.opts}
    assert not names & set(other_servers.ADVICE)


def test_a_flag_that_is_nearly_right_names_the_right_one(refusal: Callable[..., str]) -> None:
    """The nearest one is named."""
    assert refusal("--wrokers", "2").startswith("there is no option --wrokers: did you mean --workers?")


def test_the_help_names_every_option_once_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    """And each command; names of other servers do not crowd it."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for param in command.params[2:]:
        shown = next(name for name in param.opts if name.startswith("--"))
        assert (f" {shown} " in text) == (not getattr(param, "hidden", False)), shown
    for name in commands.COMMANDS:
        assert f"\n  {name} " in text
    assert text.count("\nWhat is watched:\n") == 1
    assert "--reload-include GLOB" not in text


def test_each_command_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Under its own name."""
    for name in commands.COMMANDS:
        assert main([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: devserver {name} ")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("devserver st", ["status", "stop"]),
        ("devserver --wor", ["--workers"]),
        ("devserver main.py --reload-d", ["--reload-dir"]),
        ("devserver wait --ti", ["--timeout"]),
    ],
)
def test_a_shell_completes_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, offered: list[str]
) -> None:
    """As bash asks for it."""
    monkeypatch.setenv("_DEVSERVER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert main([]) == 0
    assert [line.removeprefix("plain,") for line in capsys.readouterr().out.split()] == offered
