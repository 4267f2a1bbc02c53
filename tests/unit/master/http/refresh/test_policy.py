"""What a page's Content-Security-Policy lets our script do."""

from __future__ import annotations

import pytest

from devserver.master.http.refresh.policy import verdict

CSP = b"content-security-policy"
NO_SCRIPT = "its Content-Security-Policy has no nonce and allows no scripts from 'self'"
NO_CONNECTION = "its Content-Security-Policy allows no connections to 'self' (connect-src)"


def judged(*policies: str, name: bytes = CSP) -> tuple[str, str]:
    """Return the nonce and the reason."""
    found = verdict([(name, policy.encode()) for policy in policies], "http", "localhost:8000")
    return found.nonce, found.reason


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "img-src 'none'",
        "default-src 'self'",
        "default-src 'none'; script-src 'self'; connect-src 'self'",
        "DEFAULT-SRC 'SELF'",
        "script-src *; frame-ancestors 'none'",
        "script-src http:",
        "script-src localhost:8000; connect-src http://localhost:8000",
        "script-src 'none'; script-src-elem 'self'",
        "script-src 'self' 'nonce-abc'",
        "sandbox allow-scripts allow-same-origin",
        "script-src 'self'; script-src 'none'",
    ],
)
def test_a_policy_that_lets_it_run(policy: str) -> None:
    """It needs no nonce."""
    assert judged(policy) == ("", "")


@pytest.mark.parametrize(
    "policies",
    [
        ("script-src 'nonce-R4nd0m=='",),
        ("script-src 'nonce-R4nd0m==' 'strict-dynamic' 'self'",),
        ("default-src 'self'; script-src 'unsafe-inline' 'nonce-R4nd0m=='",),
        ("script-src 'nonce-R4nd0m=='", "script-src 'self'"),
        ("script-src 'nonce-other' 'nonce-R4nd0m==', script-src 'nonce-R4nd0m=='",),
    ],
)
def test_a_nonce_of_the_page_is_used(policies: tuple[str, ...]) -> None:
    """Where nothing else lets the script run; one that every policy has."""
    assert judged(*policies) == ("R4nd0m==", "")


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        (("script-src 'none'",), NO_SCRIPT),
        (("script-src 'sha256-abc='",), NO_SCRIPT),
        (("script-src https://cdn.example 'unsafe-inline'",), NO_SCRIPT),
        (("script-src 'strict-dynamic' 'self'",), NO_SCRIPT),
        (("script-src 'nonce-a'", "script-src 'nonce-b'"), NO_SCRIPT),
        (("script-src 'nonce-a\"onload=x'",), NO_SCRIPT),
        (("script-src http://localhost:8000/static/",), NO_SCRIPT),
        (("default-src 'none'; script-src 'nonce-a'",), NO_CONNECTION),
        (("script-src 'self'; connect-src https://api.example",), NO_CONNECTION),
        (("sandbox allow-scripts",), "its Content-Security-Policy has it in a sandbox"),
    ],
)
def test_a_policy_that_does_not_let_it(policies: tuple[str, ...], reason: str) -> None:
    """It learns which part of it is in the way."""
    assert judged(*policies) == ("", reason)


def test_a_policy_that_only_reports_is_not_made_to_report() -> None:
    """The script would be the cause of what the app gets."""
    name = b"Content-Security-Policy-Report-Only"
    assert judged("script-src 'none'", name=name) == ("", NO_SCRIPT)
