"""The digest by which sources are compared: what runs against what is on disk."""

from __future__ import annotations

import hashlib

SIZE = 16


def digest(source: bytes) -> bytes:
    """Return the digest of a file's bytes."""
    return hashlib.blake2b(source, digest_size=SIZE).digest()
