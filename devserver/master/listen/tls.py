"""TLS for HTTPS: loads certificate and key, and reports clients that speak plain HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import cast

from devserver.common.errors import UsageError


class _Context(ssl.SSLContext):
    on_plain: Callable[[], None]


class _Connection(ssl.SSLObject):
    """Reports a client that speaks plain HTTP: the reason of the failed handshake appears nowhere else."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                cast("_Context", self.context).on_plain()
            raise


def tls_context(certfile: str, keyfile: str, on_plain: Callable[[], None]) -> ssl.SSLContext:
    """Return the context of an HTTPS listener. Raises UsageError for files that are no pair."""
    for option, path in (("--ssl-certfile", certfile), ("--ssl-keyfile", keyfile or certfile)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:  # ssl's own error does not name the file
            sentence = f"{option} {path} cannot be read ({error.strerror}): give a file in PEM form"
            raise UsageError(sentence) from error

    def password() -> str:  # else OpenSSL would ask on the terminal, which belongs to the console
        raise UsageError(f"the key in {keyfile or certfile} is encrypted: give one without a password")

    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.on_plain = on_plain
    context.sslobject_class = _Connection
    try:
        context.load_cert_chain(certfile, keyfile or None, password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"the key in {keyfile or certfile} is not that of the certificate in {certfile}"
        else:
            files = f"{certfile} and {keyfile} do" if keyfile else f"{certfile} does"
            why = f"{files} not hold a certificate and its key in PEM form"
        raise UsageError(f"{why}: name a pair with --ssl-certfile and --ssl-keyfile") from error
    return context
