"""The layout of our own HTML pages: the style, the script, and the policy that allows nothing else.

Law: a page loads nothing, and runs only the script in this file.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from devserver.master.http.pages.failure_text import printable

LIVE_PATH = "/__devserver__/live"
"""The Master holds requests for this path until good code is live; `?seen=` is the shown failures'
fingerprint.
"""

NOT_SENT = "Nothing was sent to the app. Once the code works, go back and send the form again."

STYLE = """
:root { color-scheme: light dark; --ground: #f6f5f2; --card: #fffefc; --ink: #1f2328; --dim: #6a6f78;
  --line: #dfdcd5; --bad: #c4283a; --soft: #fbe9e7; --link: #1d5fa8; --warm: #a35a00;
  --k: #8430ab; --s: #26732f; --n: #a35a00; --c: #7b7f87; --f: #1d5fa8; --b: #0b7285; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171b; --card: #1c1f25; --ink: #dfe2e7;
  --dim: #8f96a3; --line: #30353e; --bad: #ff7b82; --soft: #3a2127; --link: #83b9f9; --warm: #eeb267;
  --k: #cf9bf0; --s: #99cf93; --n: #eeb267; --c: #7f8693; --f: #83b9f9; --b: #76cfdb; } }
* { box-sizing: border-box; margin: 0; }
body { background: var(--ground); color: var(--ink); padding: 0 1.5rem 4rem; overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 64rem; margin: 0 auto; }
header { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between; padding: 1.25rem 0 1rem;
  color: var(--dim); }
header b { color: var(--ink); letter-spacing: .02em; }
.wait::before { content: ""; display: inline-block; width: .55em; height: .55em; margin-right: .5em;
  border-radius: 50%; background: var(--warm); animation: wait 2s ease-in-out infinite; }
@keyframes wait { 50% { opacity: .25; } }
@media (prefers-reduced-motion: reduce) { .wait::before { animation: none; } }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  user-select: none; }
.where a, .at a { color: inherit; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.works { color: var(--s); font-weight: 600; }
button { font: inherit; font-size: .9em; color: var(--ink); background: var(--card); cursor: pointer;
  border: 1px solid var(--line); border-radius: .4rem; padding: .1rem .7rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1.4rem 1.6rem; margin-bottom: 1.25rem; }
section.bad { border-top: 3px solid var(--bad); }
section section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 1.2rem 0 0;
  margin: 1.4rem 0 0; background: none; }
.what { color: var(--dim); }
h1, h2 { font-size: 1.35rem; line-height: 1.35; font-weight: 600; margin: .15rem 0 .35rem; }
h2 { font-size: 1.1rem; }
.type { color: var(--bad); }
.hint { color: var(--warm); font-weight: 400; }
.note { color: var(--dim); white-space: pre-wrap; }
.where a, .at a { color: inherit; }
.where { color: var(--link); }
.where, .at, pre { font: 13px/1.65 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; }
pre { tab-size: 4; overflow-x: auto; }
pre.message, pre.stack { white-space: pre-wrap; max-height: 24rem; overflow-y: auto; margin-top: .6rem; }
.source { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem 0; margin-top: .8rem; }
.row { position: relative; display: flex; width: max-content; min-width: 100%; padding-right: 1rem;
  border-left: 3px solid transparent; }
.row::before { content: attr(data-number); flex: none; width: 4.5ch; padding-right: 1.5ch;
  text-align: right; color: var(--dim); box-sizing: content-box; }
.fault { background: var(--soft); border-left-color: var(--bad); }
.fault::before { color: var(--bad); font-weight: 600; }
mark { background: none; color: inherit; text-decoration: underline wavy var(--bad);
  text-underline-offset: .25em; }
summary { cursor: pointer; color: var(--dim); margin-top: 1.1rem; }
ol { list-style: none; padding: 0; }
li { margin-top: .55rem; padding-left: .9rem; border-left: 2px solid var(--line); }
li.own { border-left-color: var(--link); }
li.far pre, li.far .at { opacity: .65; }
.at { color: var(--dim); }
.own .at b { color: var(--link); }
.at b { font-weight: 500; }
.k { color: var(--k); } .s { color: var(--s); } .n { color: var(--n); } .f { color: var(--f); }
.b { color: var(--b); } .c { color: var(--c); font-style: italic; }
@media (max-width: 40rem) { body { padding: 0 .75rem 2rem; } section { padding: 1.1rem 1rem; }
  .row::before { width: 3ch; padding-right: 1ch; } }
"""

# A hidden page closes its connection, because a browser has only six for one server, over all tabs.
# # The answer to a form is not reloaded, which would send the form twice: it shows when to send it again.
_SCRIPT = """
(async () => {
  let {seen, form} = document.documentElement.dataset;
  const changed = () => new Promise(done =>
    document.addEventListener("visibilitychange", done, {once: true}));
  for (let pause = 500; ;) {
    while (document.hidden) await changed();
    const leave = new AbortController();
    const look = () => document.hidden && leave.abort();
    document.addEventListener("visibilitychange", look);
    try {
      const answer = await fetch("LIVE_PATH?seen=" + seen, {cache: "no-store", signal: leave.signal});
      const refused = answer.headers.get("devserver-refused");
      if (answer.status !== 503 && !form) return location.reload();
      if (answer.status !== 503 && !refused) return again();
      if (refused) seen = refused;
      pause = 500;
    } catch {}
    document.removeEventListener("visibilitychange", look);
    if (document.hidden) continue;
    await new Promise(done => setTimeout(done, pause));
    pause = Math.min(pause * 2, 2000);
  }
  function again() {
    const notice = document.querySelector(".wait"), back = document.createElement("button");
    notice.className = "works";
    notice.textContent = document.title = "✓ The code works again: go back and send the form again. ";
    back.textContent = "Go back";
    back.onclick = () => history.back();
    notice.append(back);
  }
})();
""".replace("LIVE_PATH", LIVE_PATH)


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") + "'"


def _policy(scripts: str) -> bytes:
    return (
        f"default-src 'none'; style-src {_digest(STYLE)}; script-src {scripts}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'"
    ).encode("ascii")


POLICY = _policy(_digest(_SCRIPT))
"""The Content-Security-Policy of a page with or without the script of this file."""
OPEN_POLICY = _policy("'self'")
"""The policy of a page that refreshes itself as the app's own pages do."""


def document(title: str, body: str, seen: str = "", *, note: str = "", is_form: bool = False) -> str:
    """Return a page around `body`, which is HTML; with `seen` it reloads on newer code or another failure.

    `note` is shown in its header. `is_form`: it answers a form, which a reload would send again. So it only
    shows when the code works again.
    """
    refresh = '<noscript><meta http-equiv="refresh" content="1"></noscript>' if seen and not is_form else ""
    what = NOT_SENT if is_form else "reloads by itself when the code works"
    wait = f'<span class="wait" role="status">{what}</span>' if seen else f"<span>{text(note)}</span>"
    form = ' data-form="1"' if is_form else ""
    script = f"<script>{_SCRIPT}</script>" if seen else ""
    return (
        f'<!doctype html><html lang="en" data-seen="{text(seen)}"{form}><head><meta charset="utf-8">'
        f"<title>{text(title)}</title>"
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}'
        f"<style>{STYLE}</style></head><body><header><b>devserver</b>{wait}</header><main>{body}</main>{script}</body></html>\n"
    )


def text(value: str) -> str:
    """Return `value` as text of an element or of a quoted attribute."""
    return escape(printable(value))
