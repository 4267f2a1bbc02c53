"""Generates projects, and edits of them: every kind of module that Python finds, in many places at once."""

from __future__ import annotations

import os
import py_compile
import random
import shutil
import subprocess
import sysconfig
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

NAMES = ("alpha", "beta", "gamma", "delta")
INNER = ("one", "two", "alpha")
FOLDERS = ("src", "core", "late")
"""Folders of the project that the app may put on the path."""
ARCHIVE = "lib.zip"

HOOKS = '''
import sys
from importlib import _bootstrap_external as system
from importlib.machinery import *

class HookedLoader(SourceFileLoader):
    """Compiles in its own way, and keeps that apart as typeguard and beartype do."""

    def get_code(self, fullname):
        before = system.cache_from_source
        system.cache_from_source = lambda path, **_: before(path, optimization="hooked")
        try:
            return super().get_code(fullname)
        finally:
            system.cache_from_source = before

    def source_to_code(self, data, path, *, _optimize=-1):
        return compile(data + b"\\nHOOKED = True\\n", path, "exec", dont_inherit=True, optimize=_optimize)

class HookedFinder:
    """Comes first, and wraps what is found."""

    def find_spec(self, fullname, path=None, target=None):
        spec = PathFinder.find_spec(fullname, path, target)
        if fullname[0] in "ab" and spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = HookedLoader(spec.loader.name, spec.loader.path)
            return spec

def hook_path():
    details = (ExtensionFileLoader, EXTENSION_SUFFIXES), (HookedLoader, SOURCE_SUFFIXES)
    sys.path_hooks.insert(1, FileFinder.path_hook(*details, (SourcelessFileLoader, BYTECODE_SUFFIXES)))
    sys.path_importer_cache.clear()

def hook_finding():
    sys.meta_path.insert(0, HookedFinder())
'''

EDITABLE = """
import sys
from importlib.util import spec_from_file_location
from pathlib import Path
MAPPING = {mapping!r}

class EditableFinder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname in MAPPING:
            folder = Path(MAPPING[fullname])
            for candidate in (folder / "__init__.py", folder.with_suffix(".py")):
                if candidate.exists():
                    return spec_from_file_location(fullname, candidate)

sys.meta_path.append(EditableFinder)
"""

EXTENSION = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "%(name)s", 0, -1, 0};
PyMODINIT_FUNC PyInit_%(name)s(void) {
    PyObject *module = PyModule_Create(&definition);
    PyModule_AddIntConstant(module, "VALUE", %(value)d);
    return module;
}
"""


@cache
def compiler() -> Sequence[str]:
    """Return how to compile an extension module, nothing where that cannot be done."""
    gcc, headers = shutil.which("gcc"), sysconfig.get_path("include")
    if not gcc or not Path(headers, "Python.h").exists():
        return ()
    return (gcc, "-O0", "-shared", "-fPIC", f"-I{headers}")


@cache
def extension(name: str, value: int, folder: Path) -> Path | None:
    """Return a compiled module, None where there is no compiler."""
    if not compiler():
        return None
    source, built = folder / f"{name}{value}.c", folder / f"{name}{value}.so"
    source.write_text(EXTENSION % {"name": name, "value": value})
    subprocess.run([*compiler(), str(source), "-o", str(built)], check=True)
    return built


class Layout:
    """One project under `top`, and the dice. `built` is a folder to compile in."""

    def __init__(self, top: Path, dice: random.Random, built: Path) -> None:
        self.top, self.dice, self._built = top, dice, built
        self._value = 0
        odd = dice.random() < 0.2
        self.project = top / (os.fsdecode(b"proj\xe9ct") if odd else "project")
        self.other = top / "other"
        self.site = top / "env/site-packages"
        for folder in (self.project, self.other, self.site):
            folder.mkdir(parents=True)
        for name in FOLDERS:
            (self.project / name).mkdir()
        (self.site / "hooks.py").write_text(HOOKS)
        self._install()
        for _ in range(dice.randrange(6, 14)):
            self._make(self._place())
        for _ in range(dice.randrange(2)):
            self._link_package(self._place() / dice.choice(NAMES))
        self._write_main()

    # what is installed

    def _install(self) -> None:
        for _ in range(self.dice.randrange(4)):
            self._make(self.site)
        kind = self.dice.randrange(3)
        if kind == 0:
            (self.site / "path.pth").write_text(f"{self.other}\n")
        elif kind == 1:
            (self.site / "editable.pth").write_text("import editable_finder\n")
            mapping = {name: str(self.other / name) for name in self.dice.sample(NAMES, 2)}
            for base in map(Path, mapping.values()):
                self.save(self.dice.choice((base / "__init__.py", base.with_suffix(".py"))), self._text())
            (self.site / "editable_finder.py").write_text(EDITABLE.format(mapping=mapping))

    # the pieces

    def _place(self) -> Path:
        return self.dice.choice(
            (self.project, self.project, *(self.project / each for each in FOLDERS), self.other)
        )

    def _text(self) -> str:
        self._value += 1
        text = f"VALUE = {self._value}\n" + "# a line\n" * self.dice.randrange(3)
        if self.dice.random() < 0.3:
            text += f"try:\n    import {self._target()}\nexcept ImportError:\n    pass\n"
        return text

    def _target(self) -> str:
        name = self.dice.choice(NAMES)
        return f"{name}.{self.dice.choice(INNER)}" if self.dice.random() < 0.5 else name

    def _make(self, place: Path) -> None:
        """Add a module of some kind to a folder, whatever is there."""
        base = place / self.dice.choice(NAMES)
        often, seldom = ("module", "package", "namespace"), ("compiled", "bytecode", "archive", "link")
        match self.dice.choice((*often, *often, *seldom)):
            case "module":
                self.save(base.with_suffix(".py"), self._text())
            case "package":
                self.save(base / "__init__.py", self._text())
                self.save(base / f"{self.dice.choice(INNER)}.py", self._text())
            case "namespace":
                self.save(base / f"{self.dice.choice(INNER)}.py", self._text())
            case "compiled":
                self._compiled(self.dice.choice((base, base / self.dice.choice(INNER))))
            case "bytecode":
                self._bytecode(base)
            case "archive":
                self._archive()
            case "link" if place != self.site:
                self._link(base.with_suffix(".py"), self.other / f"behind_{base.name}.py")

    def _link_package(self, base: Path) -> None:
        self.save(self.other / f"behind/{base.name}/__init__.py", self._text())
        self._link(base, self.other / "behind" / base.name)

    def save(self, path: Path, text: str) -> None:
        """Write a file, with the folders above it, unless a file is in the way."""
        if path.is_dir() or (os.path.lexists(path.parent) and not path.parent.is_dir()):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _compiled(self, base: Path) -> None:
        library = extension(base.name, self.dice.randrange(2), self._built)
        if library is not None and base.parent.is_dir():
            new = base.with_suffix(".new")
            shutil.copy(library, new)
            new.rename(base.with_suffix(".so"))

    def _bytecode(self, base: Path) -> None:
        source = self._built / "source.py"
        source.write_text(self._text())
        py_compile.compile(
            str(source), cfile=str(base.with_suffix(".pyc")), dfile=str(base.with_suffix(".py"))
        )

    def _archive(self) -> None:
        new = self.project / "new.zip"
        with zipfile.ZipFile(new, "w") as archive:
            archive.writestr(f"{self.dice.choice(NAMES)}.py", self._text())
            archive.writestr(f"{self.dice.choice(NAMES)}/__init__.py", self._text())
        new.rename(self.project / ARCHIVE)

    def _link(self, link: Path, target: Path) -> None:
        if not target.exists():
            self.save(target, self._text())
        if not os.path.lexists(link):
            link.symlink_to(target)

    # the app

    def _write_main(self) -> None:
        """Write what is imported at start-up, amid edits of the path and hooks, and what in requests."""
        dice = self.dice
        lines = ["import sys"]
        for _ in range(dice.randrange(3, 8)):
            match dice.randrange(6):
                case 0 | 1:
                    entry = dice.choice((*FOLDERS, ARCHIVE, str(self.other)))
                    lines.append(
                        dice.choice((f"sys.path.insert(0, {entry!r})", f"sys.path.append({entry!r})"))
                    )
                case 2 if dice.random() < 0.4:
                    lines.append(f"import hooks; hooks.{dice.choice(('hook_path', 'hook_finding'))}()")
                case _:
                    lines += self._import("")
        lines += ["def late():", "    pass"]
        for _ in range(dice.randrange(3)):
            lines += self._import("    ")
        (self.project / "main.py").write_text("\n".join(lines) + "\n")

    def _import(self, indent: str) -> list[str]:
        line = f"import {self._target()}"
        if self.dice.random() < 0.2:
            return [f"{indent}{line}"]
        return [f"{indent}try: {line}", f"{indent}except ImportError: pass"]

    # edits

    def edit(self) -> str:
        """Change something as a person would; return what was done."""
        sources = sorted(path for path in self.sources() if path.name != "main.py")
        choice = self.dice.randrange(10)
        if choice < 3 and sources:
            path = self.dice.choice(sources)
            path.write_text(self._text())
            return f"save {path}"
        if choice < 5 and sources:
            path = self.dice.choice(sources)
            path.unlink()
            return f"delete {path}"
        if choice == 5 and (
            packages := sorted({path.parent for path in sources if path.parent.name in NAMES})
        ):
            folder = self.dice.choice(packages)
            if not folder.is_symlink():
                shutil.rmtree(folder)
                return f"delete {folder}"
        if choice == 6:
            self._write_main()
            return "change main"
        before = self.state()
        self._make(self._place())
        return f"make {sorted(set(self.state()) - set(before))}"

    def sources(self) -> list[Path]:
        """Return the Python files of the app's own."""
        return [Path(path) for path in self.state() if path.endswith(".py")]

    def state(self) -> Mapping[str, object]:
        """Return path → what tells a file's content from another, for all files that are not installed."""
        found: dict[str, object] = {}
        for top in (self.project, self.other):
            for folder, folders, files in os.walk(top):
                folders[:] = [each for each in folders if each != "__pycache__"]
                for file in files:
                    path = os.path.join(folder, file)
                    if os.path.islink(path):
                        found[path] = os.readlink(path)
                    else:
                        found[path] = Path(path).read_bytes()
        return found
