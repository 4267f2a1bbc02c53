"""A failure's explanation as JSON: for API clients, for `--json`, for tools.

`file` is relative to the project; lines and columns count from 1, `end_column` is exclusive; null: unknown.
"""

from __future__ import annotations

from typing import Any

from devserver.common.explain import Explanation
from devserver.common.failure_lines import lines


def data(explanation: Explanation) -> dict[str, Any]:
    """Return a failure's facts; `traceback` is all of it as plain text."""
    where = explanation.where
    fault = next((line for line in explanation.source if line.at_fault and line.end > line.start), None)
    return {
        "type": explanation.type,
        "message": "\n".join((explanation.message, *explanation.rest)),
        "suggestion": explanation.suggestion or None,
        "notes": list(explanation.notes),
        "file": where.name if where else None,
        "line": where.line if where else None,
        "column": (where.column or None) if where else None,
        "end_column": where.column + fault.end - fault.start if where and where.column and fault else None,
        "raised_in": explanation.raised_in or None,
        "group": [data(each) for each in explanation.group],
        "cause": {"relation": explanation.cause.relation, **data(explanation.cause)}
        if explanation.cause
        else None,
        "traceback": "\n  ".join([explanation.reason, *lines(explanation)]),
    }
