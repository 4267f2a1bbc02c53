"""Names that loops leave behind in a module: which value comes last may depend on addresses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import ModuleType


def leftovers(module: ModuleType) -> set[str]:
    """Return the names that are set in loops of a module's own body; none where there is no source."""
    spec = module.__spec__
    loader = spec.loader if spec else None
    try:
        source = loader.get_source(module.__name__) if loader and hasattr(loader, "get_source") else None
        tree = ast.parse(source or "")
    except (OSError, ImportError, SyntaxError, ValueError, MemoryError, RecursionError):
        return set()
    return {
        name.id
        for loop in _loops(tree)
        for name in ast.walk(loop)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }


def _loops(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the loops that run when the module does."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.For | ast.While):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _loops(child)
