"""What only this installation can read or vouch for: stored credentials and signed addresses."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from itsdangerous import BadSignature, URLSafeTimedSerializer

from retrieval.errors import ServiceError


class CredentialsUnreadable(ServiceError):
    """The stored credentials were encrypted with another KB_SECRET_KEY; enter them again."""

    code = "credentials_unreadable"


class LinkInvalid(ServiceError):
    """This link has expired or was not made here; ask for a new one."""


class Vault:
    """Encrypts what must be used again, seals what others keep for us, and signs addresses that
    work without an API key."""

    def __init__(self, secret: bytes) -> None:
        # Each use has a key of its own, so that nothing made for one can be passed off for another.
        key = sha256(b"credentials:" + secret).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._secret = secret

    def encrypt(self, credentials: Mapping[str, str]) -> bytes:
        """For the database."""
        return self._fernet.encrypt(json.dumps(dict(credentials)).encode())

    def decrypt(self, token: bytes) -> dict[str, str]:
        """What was encrypted. Raises `CredentialsUnreadable`."""
        try:
            return json.loads(self._fernet.decrypt(token))
        except InvalidToken as exc:
            raise CredentialsUnreadable from exc

    def sign(self, purpose: str, claims: Mapping[str, Any]) -> str:
        """A part of an address that says these claims, for this purpose and no other."""
        return self._signer(purpose).dumps(dict(claims))

    def claims(self, purpose: str, token: str, *, max_age_seconds: int) -> dict[str, Any]:
        """What was signed. Raises `LinkInvalid`."""
        try:
            return self._signer(purpose).loads(token, max_age=max_age_seconds)
        except BadSignature as exc:
            raise LinkInvalid from exc

    def seal(self, purpose: str, text: str) -> str:
        """For whoever keeps it for us and is not to read it, such as a browser."""
        return self._sealer(purpose).encrypt(text.encode()).decode()

    def unseal(self, purpose: str, token: str, *, max_age_seconds: int) -> str:
        """What was sealed for this purpose. Raises `LinkInvalid`."""
        try:
            return self._sealer(purpose).decrypt(token.encode(), ttl=max_age_seconds).decode()
        except InvalidToken as exc:
            raise LinkInvalid from exc

    def _sealer(self, purpose: str) -> Fernet:
        key = sha256(f"sealed:{purpose}:".encode() + self._secret).digest()
        return Fernet(base64.urlsafe_b64encode(key))

    def _signer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._secret, salt=purpose, signer_kwargs={"digest_method": sha256}
        )


def secret_in(folder: Path) -> bytes:
    """The installation's secret, made on the first start and readable by its owner only."""
    path = folder / "secret.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix="secret-")
        with os.fdopen(handle, "wb") as file:
            file.write(base64.urlsafe_b64encode(os.urandom(32)))
            file.flush()
            os.fsync(file.fileno())
        try:  # linked, not renamed: of two processes that start at once, one wins and both agree
            os.link(name, path)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    return path.read_bytes()
