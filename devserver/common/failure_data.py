"""A failure's explanation as JSON: for API clients, for `--json`, for tools.

`file` is relative to the project; lines and columns count from 1, `end_column` is exclusive; null: unknown.
"""

from __future__ import annotations

from typing import Any

from devserver.common.explain import Explanation
from devserver.common.failure_lines import lines


def data(told: Explanation) -> dict[str, Any]:
    """Return a failure's facts; `traceback` is all of it as plain text."""
    where = told.where
    fault = next((line for line in told.source if line.at_fault and line.end > line.start), None)
    return {
        "type": told.type,
        "message": "\n".join((told.message, *told.rest)),
        "suggestion": told.suggestion or None,
        "notes": list(told.notes),
        "file": where.name if where else None,
        "line": where.line if where else None,
        "column": (where.column or None) if where else None,
        "end_column": where.column + fault.end - fault.start if where and where.column and fault else None,
        "raised_in": told.raised_in or None,
        "group": [data(each) for each in told.group],
        "cause": {"relation": told.cause.relation, **data(told.cause)} if told.cause else None,
        "traceback": "\n".join((told.reason, *(f"  {line}" for line in lines(told)))),
    }
