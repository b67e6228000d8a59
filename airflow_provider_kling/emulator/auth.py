"""Checks the Authorization header for real: a static key, or an HS256 JWT made of access key and secret key."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from airflow_provider_kling.emulator.refusals import Reason, Refusal

# Seen live for a JWT on a new path and for a garbage key; misleading, and so worth repeating.
INVALID = (
    "Authentication error. The current API does not support AK/SK; "
    "please go to the console (https://kling.ai/dev/api-key) to create API key."
)


@dataclass(frozen=True)
class Credentials:
    """The one account of the emulator. PyJWT warns below 32 bytes of secret."""

    api_key: str = field(default="emulator-api-key", repr=False)
    access_key: str = field(default="emulator-access-key", repr=False)
    secret_key: str = field(default="emulator-secret-key-of-32-bytes-or-more", repr=False)


def check(header: str | None, credentials: Credentials, *, takes_jwt: bool) -> None:
    """Raise a ``Refusal`` unless ``header`` proves the account.

    A JWT is measured by the real clock whatever the emulator's clock says, for clients sign by real time. No leeway
    is given: clients report that tokens dated five seconds back were still refused as not yet valid.
    """
    if not header or not header.strip():
        raise Refusal(Reason.AUTH_EMPTY, "Authorization is empty")
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(Reason.AUTH_INVALID, INVALID)
    if hmac.compare_digest(token.encode(), credentials.api_key.encode()):
        return
    if not takes_jwt or token.count(".") != 2:
        raise Refusal(Reason.AUTH_INVALID, INVALID)
    _check_jwt(token, credentials)


def _check_jwt(token: str, credentials: Credentials) -> None:
    import jwt  # brings cryptography along, too much for the import of a pytest plugin

    try:
        claims = jwt.decode(
            token,
            credentials.secret_key,
            algorithms=["HS256"],
            options={"require": ["iss", "exp"], "verify_iat": False},
        )
    except jwt.ImmatureSignatureError:
        raise Refusal(Reason.AUTH_NOT_YET, "Authorization is not yet valid") from None
    except jwt.ExpiredSignatureError:
        raise Refusal(Reason.AUTH_EXPIRED, "Authorization has expired") from None
    except jwt.InvalidSignatureError:
        raise Refusal(Reason.AUTH_SIGNATURE, "Authentication failed") from None
    except jwt.PyJWTError:
        raise Refusal(Reason.AUTH_INVALID, INVALID) from None
    if claims["iss"] != credentials.access_key:
        # Which of its codes Kling uses for an unknown access key is not known.
        raise Refusal(Reason.AUTH_INVALID, INVALID)
