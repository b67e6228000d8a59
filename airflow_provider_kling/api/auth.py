"""Credentials on the wire: a static key as it is, or a JWT signed with access key and secret key."""

from __future__ import annotations

from dataclasses import dataclass

# Source: Kling's page on authentication: HS256, iss = access key, exp = now + 1800 s, nbf = now - 5 s.
LIFETIME = 1800
NOT_BEFORE = 5
# Other clients re-sign one to five minutes early; five leaves room for a slow request and a skewed clock.
RENEW_BEFORE = 300


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    What the connection holds.

    :param secret: the API key, or the secret key when ``access_key`` is set.
    :param access_key: selects JWT.
    """

    secret: str
    access_key: str | None = None

    def __repr__(self) -> str:
        # A dataclass's own repr would carry the key into tracebacks that show locals.
        return f"Credentials({'jwt' if self.access_key else 'key'})"

    def token(self, now: float) -> Token:
        """Return a bearer token valid at ``now`` (seconds since the epoch)."""
        if not self.access_key:
            return Token(self.secret, renew_at=float("inf"))
        import jwt

        claims = {"iss": self.access_key, "exp": int(now) + LIFETIME, "nbf": int(now) - NOT_BEFORE}
        return Token(jwt.encode(claims, self.secret, algorithm="HS256"), renew_at=now + LIFETIME - RENEW_BEFORE)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and when to replace it (seconds since the epoch)."""

    value: str
    renew_at: float

    def __repr__(self) -> str:
        return "Token(***)"
