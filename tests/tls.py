"""For the tests: a certificate that no client trusts, its key, another key, and one with a password."""

from __future__ import annotations

import ssl
from pathlib import Path

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBrjCCAVSgAwIBAgIUJIUdPJ1+GWdZrAgC7kfLDCr1m+wwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDA4MTYwNVoYDzIxMjYxMDMx
MDgxNjA1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASeYDk9rfTETYKp7nxzXr6c25khsvXiSeppw3OhlqiIdq70rtTK8uc/
tf0hSGy4oEp3bUOnRL06U9mC1DnegfYUo4GBMH8wHQYDVR0OBBYEFADs15e7ujtg
mCMcdcMmsASF6KzyMB8GA1UdIwQYMBaAFADs15e7ujtgmCMcdcMmsASF6KzyMA8G
A1UdEwEB/wQFMAMBAf8wLAYDVR0RBCUwI4IJbG9jYWxob3N0hwR/AAABhxAAAAAA
AAAAAAAAAAAAAAABMAoGCCqGSM49BAMCA0gAMEUCIDwmrypbpwqW0xaw3AGdL4aZ
uAPIsakYzJWgo+oZ6lE0AiEAix9HYo95dStCueQpq5CnSNCkeEsI8vdL2SgEDldW
gVg=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTMma8E1h8S2/TIrO
v0QEnQZzJoCCNXKPYbuK/SHxr7ihRANCAASeYDk9rfTETYKp7nxzXr6c25khsvXi
Seppw3OhlqiIdq70rtTK8uc/tf0hSGy4oEp3bUOnRL06U9mC1DnegfYU
-----END PRIVATE KEY-----
"""
OTHER_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghj3F5pJakXkWtAVU
+ZEqAMlTbSHoFQPOqWgO43oFzH2hRANCAARtDSmG7vzGFchXJLiaU+o6p0CI/y6i
YxZ//0gtsWF73IVKx4RZXrG+ChTQt4GHpBKbXxYHdf0zEUVfNtZA8hM7
-----END PRIVATE KEY-----
"""
ENCRYPTED_KEY = """\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,5A9CAF46461CE2E86304F439A9BA27C5

ufHovbEc0MtRUqq9E3dvH2e2re+PYMsUFyIONBVTcdWafHlyXCZpGdZwIeHRc9B4
TP72ZnGfc3gG3p4ce5mQ9w0fN0U2jEF/7btflbUC0rQOkMz1a5dOG/OsZ9Ye4qoP
jUO9veAzm2t+ucU6RbdTW6/kiPiHLZsqNnvcfSmyLUY=
-----END EC PRIVATE KEY-----
"""


def write_pair(folder: Path) -> tuple[str, str]:
    """Write certificate and key into a folder; return their paths."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(KEY)
    return str(certificate), str(key)


def trusting() -> ssl.SSLContext:
    """Return what a client needs that believes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
