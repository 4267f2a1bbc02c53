"""What the pages name in `code`: paths, tests and symbols, looked up in the sources.

A page writes a path from the repository's root, from devserver/ or from docs/; a symbol as `module.name`,
`Class.name` or `path.py:Class.name`.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLES = frozenset(
    {".vscode/launch.json", ".vscode/tasks.json", "./status.py", "AGENTS.md", "CLAUDE.md", "shop/main.py"}
    | {"devcontainer.json", "launch.json", "tasks.json"}
)
"""Paths of the reader's own project."""
FOREIGN = frozenset(
    {"FileFinder", "conn", "event", "http", "ipdb", "numpy", "pudb", "uvicorn", "websocket", "wsgi"}
)
"""First parts of dotted names that are not ours: libraries, ASGI's messages, what the app is given."""
FOREIGN_WORDS = frozenset(
    {
        "CONTENT_TYPE",
        "ETag",
        "EventSource",
        "Expect",
        "FastMCP",
        "NO_COLOR",
        "QUERY_STRING",
        "SCRIPT_NAME",
        "TMPDIR",
    }
)
"""Headers, variables and classes that no code of ours has to name."""

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*(?:/|\.(?:py|md|js|toml|sh|html|json)|/run)")
_DOTTED = re.compile(r"\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_WORD = re.compile(r"(?:[A-Z]+[a-z]\w*|\w*[A-Za-z]\w*_\w+|_\w+|[A-Z][A-Z0-9]{4,})")
_CALL = re.compile(r"(?P<name>[\w.]+)\((?P<arguments>[^()]*)\)")


@dataclass
class Module:
    """What a file defines: its own names, and the names in each of its classes."""

    names: set[str] = field(default_factory=set)
    classes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def dead_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line number and name of a page that leads nowhere."""
    text = _FENCE.sub(lambda found: "\n" * found.group().count("\n"), text)
    for number, line in enumerate(text.splitlines(), 1):
        for code in _CODE.findall(line):
            if not leads_somewhere(code):
                yield number, code


def leads_somewhere(code: str) -> bool:
    """Return whether a piece of `code` is no name at all, or the name of something that exists."""
    path, colon, symbol = code.partition(":")
    if colon and path.endswith(".py") and _PATH.fullmatch(path):
        return any(_defines(_module(file), symbol.split(".")) for file in _files(path))
    if call := _CALL.fullmatch(code):
        code = call["name"]
    if code.startswith("test_") and code.isidentifier():
        return code in _tests()
    if _PATH.fullmatch(code) and not code.startswith("/"):
        return code in EXAMPLES or bool(_files(code))
    if _DOTTED.fullmatch(code):
        return _is_symbol(code)
    return (
        not _WORD.fullmatch(code)
        or code.startswith("PYTHON")
        or code in FOREIGN_WORDS
        or code in _identifiers()
    )


def _files(path: str) -> list[Path]:
    """Return what a path means: from the root, from devserver/, from docs/; a bare name may lie anywhere."""
    found = [file for top in ("", "devserver", "docs") for file in (ROOT / top).glob(path.rstrip("/"))]
    if "/" not in path and not found:
        found = [file for top in ("devserver", "tests", "benchmarks") for file in (ROOT / top).rglob(path)]
    return [file for file in found if file.is_dir() or not path.endswith("/")]


def _is_symbol(name: str) -> bool:
    first, *rest = name.lstrip(".").split(".")
    if name.startswith(".") or first in FOREIGN or first in sys.stdlib_module_names:
        return True
    if first == "devserver":
        return len(rest) == 1 or _is_qualified(rest)
    if any(_defines(module, rest) for module in _modules().get(first, ())):
        return True
    return any(first in module.classes and _defines(module, [first, *rest]) for module in _every_module())


def _is_qualified(parts: list[str]) -> bool:
    """Return whether `parts` are the folders, the file and the names in it, from devserver/ on."""
    for length in range(1, len(parts) + 1):
        file = ROOT.joinpath("devserver", *parts[:length]).with_suffix(".py")
        if file.is_file():
            return length == len(parts) or _defines(_module(file), parts[length:])
    return ROOT.joinpath("devserver", *parts).is_dir()


def _defines(module: Module, parts: list[str]) -> bool:
    """Return whether a module has this name, or one of its classes has it as an attribute."""
    first, *rest = parts
    if rest:
        return first in module.classes and rest[0] in module.classes[first]
    return first in module.names or any(first in names for names in module.classes.values())


@cache
def _module(file: Path) -> Module:
    found = Module()
    for node in ast.parse(file.read_bytes()).body:
        found.names |= set(_bound(node))
        if isinstance(node, ast.ClassDef):
            found.classes[node.name] |= set(_attributes(node))
    return found


def _bound(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (
                each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)
            )
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        yield from _bound(statement)
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


@cache
def _modules() -> dict[str, list[Module]]:
    """Return the modules of devserver by each name that a page may give them: `queue`, `devserver.config`."""
    found: dict[str, list[Module]] = defaultdict(list)
    for file in (ROOT / "devserver").rglob("*.py"):
        found[file.parent.name if file.stem == "__init__" else file.stem].append(_module(file))
    return found


def _every_module() -> Iterator[Module]:
    for modules in _modules().values():
        yield from modules


@cache
def _tests() -> frozenset[str]:
    """Return the names of test files and of tests."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    functions = (re.findall(r"def (test_\w+)", file.read_text("utf-8")) for file in files)
    return frozenset({file.stem for file in files}.union(*functions))


@cache
def _identifiers() -> frozenset[str]:
    """Return every identifier in the code, ours or a library's, and strings that look like one."""
    found = {*dir(builtins), *keyword.kwlist, *_modules()}
    for file in (ROOT / "tests").rglob("*.py"):
        found.update(re.findall(r"DEVSERVER_\w+", file.read_text("utf-8")))
    for file in (ROOT / "devserver" / "cli").rglob("*.py"):
        options = re.findall(r'"--([a-z][a-z-]+)', file.read_text("utf-8"))
        found.update(f"DEVSERVER_{option.upper().replace('-', '_')}" for option in options)
    for file in (ROOT / "devserver").rglob("*.js"):
        found.update(re.findall(r"\w+", file.read_text("utf-8")))
    for top in ("devserver", "sample_app", "tests/apps"):
        for file in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_bytes())):
                found |= set(_named(node))
    return frozenset(found)


def _named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name):
            yield name.rpartition(".")[2]
        case ast.Constant(value=str(text)) if text.isidentifier():
            yield text
