"""`devserver --help`: the usage with examples, the commands, and the options in groups."""

from __future__ import annotations

import click

from devserver.cli.commands import COMMANDS
from devserver.cli.options import GROUPS

EXAMPLES = (
    ("devserver", "the usual file here: main.py, app.py, manage.py …"),
    ("devserver main.py", "a file, whatever it holds: ASGI, WSGI, handlers"),
    ("devserver shop.main:app --port 8080", "a module's attribute"),
    ("devserver --background main.py", "return once it is live"),
    ("devserver wait", "is my last save live, and if not, why?"),
)
OTHERS = "Others"
NOTES = """\
TARGET is a file (handlers.py), a module (shop.main), or either with an attribute (shop.main:app). ARGS are
the app's sys.argv; those that begin with a dash go after --. devserver dev TARGET and devserver run TARGET
mean the same. The options of uvicorn, fastapi and flask that mean something here work, too: --reload,
--reload-dir, --reload-include, --reload-exclude …

Each option is also an environment variable (DEVSERVER_WORKERS=4), a key of [tool.devserver] in
pyproject.toml (workers = 4) and a line of .env (DEVSERVER_WORKERS=4). Flags override the environment, the
environment overrides pyproject.toml, and pyproject.toml overrides .env.

For completion: eval "$(_DEVSERVER_COMPLETE=bash_source devserver)", or zsh_source, or
_DEVSERVER_COMPLETE=fish_source devserver | source."""


class GroupedCommand(click.Command):
    """A command whose options are shown in groups."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage("devserver", "[OPTIONS] [TARGET] [ARGS]...")
        formatter.write_usage("devserver", "COMMAND [OPTIONS]", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write_dl(EXAMPLES)
        with formatter.section("Commands (devserver COMMAND --help)"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])
        for title in (*GROUPS, OTHERS):
            params = [each for each in self.get_params(ctx) if _title(each) == title]
            records = [record for param in params if (record := param.get_help_record(ctx)) is not None]
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for paragraph in NOTES.split("\n\n"):
            formatter.write_paragraph()
            formatter.write_text(paragraph.replace("\n", " "))


def _title(param: click.Parameter) -> str:
    return getattr(param, "group", OTHERS if isinstance(param, click.Option) else "")
