"""The command line: what the command, the environment and pyproject.toml say, before anything is served."""

from devserver.cli.command import main

__all__ = ["main"]
