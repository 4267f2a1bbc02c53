"""The overlay that shows a refused save in a page: the error page's text and style. Pure."""

from __future__ import annotations

from typing import Any

from devserver.common.failure import Failure
from devserver.master.http.pages import answers, failure_html, failure_text, layout
from devserver.master.http.refresh.markup import nodes

_STYLE = (
    layout.STYLE.replace(":root", ":host").replace("body {", ".never {")
    + """
:host { all: initial; display: block; color-scheme: light dark; position: fixed; inset: auto 0 0; margin: 0;
  padding: 0; border: 0; width: auto; height: auto; max-width: none; background: none; overflow: visible;
  z-index: 2147483647; }
.sheet { max-height: min(70vh, 44rem); overflow: auto; overscroll-behavior: contain; color: var(--ink);
  background: var(--ground); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
  padding: 0 1.5rem 1rem;  border-top: 3px solid var(--bad); box-shadow: 0 -.5rem 2.5rem #0005; }
.sheet header { position: sticky; top: 0; z-index: 1; align-items: center; background: var(--ground);
  padding: .7rem 0; flex-wrap: nowrap; }
.sheet header b { color: var(--bad); white-space: nowrap; }
.sheet header > span { margin-right: auto; }
.sheet button { all: unset; flex: none; cursor: pointer; color: var(--ink); border: 1px solid var(--line);
  border-radius: .4rem; padding: .15rem .7rem; font-size: .85rem; }
.sheet button:hover { background: var(--card); }
.sheet button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.sheet section.bad { border-top-width: 1px; border-top-color: var(--line); }
.sheet section:last-child { margin-bottom: 0; }
@media (max-width: 40rem) { .sheet { padding: 0 .75rem .75rem; max-height: 75vh; } }
@media (max-width: 30rem) { .sheet header > span { visibility: hidden; } }
@media print { :host { display: none; } }
"""
)


def content(failures: tuple[Failure, ...], root: str, editor: str, *, local: bool) -> dict[str, Any]:
    """Return the overlay as data: its key, its title for screen readers, its style and its content."""
    first = failures[0]
    if local:
        where = f"{failure_text.location(first.place, root)}: " if first.place else ""
        title, body = f"{where}{failure_text.reason(first)}", failure_html.body(failures, root, editor)
    else:
        title = "the reason is shown where devserver runs."
        body = failure_html.sentence(title)
    return {
        "key": answers.fingerprint(failures),
        "title": failure_text.printable(title),
        "style": _STYLE,
        "body": nodes(body),
    }
