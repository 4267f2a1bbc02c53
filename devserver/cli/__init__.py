"""The Master's process before it serves: the command line, the environment, pyproject.toml."""

from devserver.cli.command import main

__all__ = ["main"]
