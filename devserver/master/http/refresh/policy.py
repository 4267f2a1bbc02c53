"""Reads a page's Content-Security-Policy: may our script run and connect, and with which nonce? Pure.

Law: the policy is never changed and never violated: a report-only policy counts as one that forbids. Anything
that is not clearly allowed is forbidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from devserver.ipc.messages import Headers

HEADERS = frozenset({b"content-security-policy", b"content-security-policy-report-only"})
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)

Directives = dict[str, list[str]]


class Verdict(Struct, frozen=True):
    """`reason`: why the script cannot work, "" if it can. `nonce`: the nonce that it needs, if any."""

    nonce: str = ""
    reason: str = ""


def verdict(headers: Headers, scheme: str, host: str) -> Verdict:
    """Return what the policies among `headers` allow a script of the page's own origin."""
    policies = list(_policies(headers))
    for policy in policies:
        if reason := _in_the_way(policy, scheme, host):
            return Verdict(reason=reason)
    demanding = [
        _nonces(_for_scripts(policy) or []) for policy in policies if not _runs(policy, scheme, host)
    ]
    if not demanding:
        return Verdict()
    for nonce in demanding[0]:
        if all(nonce in nonces for nonces in demanding):
            return Verdict(nonce=nonce)
    return Verdict(reason="its Content-Security-Policy has no nonce and allows no scripts from 'self'")


def _in_the_way(policy: Directives, scheme: str, host: str) -> str:
    sandbox = policy.get("sandbox")
    if sandbox is not None and not {"allow-scripts", "allow-same-origin"} <= set(sandbox):
        return "its Content-Security-Policy has it in a sandbox"
    connect = policy.get("connect-src", policy.get("default-src"))
    if connect is not None and not _allows(connect, scheme, host):
        return "its Content-Security-Policy allows no connections to 'self' (connect-src)"
    return ""


def _for_scripts(policy: Directives) -> list[str] | None:
    return policy.get("script-src-elem", policy.get("script-src", policy.get("default-src")))


def _runs(policy: Directives, scheme: str, host: str) -> bool:
    """Return whether a script of the page's origin runs without a nonce."""
    sources = _for_scripts(policy)
    if sources is None:
        return True
    return "'strict-dynamic'" not in sources and _allows(sources, scheme, host)


def _allows(sources: list[str], scheme: str, host: str) -> bool:
    """Return whether a source list names the page's own origin, whatever the path."""
    own = {"*", "'self'", f"{scheme}:", host, f"{scheme}://{host}"}
    return any(source.rstrip("/") in own for source in sources)


def _nonces(sources: Iterable[str]) -> list[str]:
    return [found[1] for source in sources if (found := _NONCE.fullmatch(source))]


def _policies(headers: Headers) -> Iterable[Directives]:
    for name, value in headers:
        if name.lower() in HEADERS:
            for serialized in value.decode("latin-1").split(","):
                yield _directives(serialized)


def _directives(serialized: str) -> Directives:
    found: Directives = {}
    for part in serialized.split(";"):
        words = part.split()
        if words:
            sources = [word if _NONCE.fullmatch(word) else word.lower() for word in words[1:]]
            found.setdefault(words[0].lower(), sources)
    return found
