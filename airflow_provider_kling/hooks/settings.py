"""An Airflow connection of type ``kling``, read into what the hook needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_kling.api.auth import Credentials
from airflow_provider_kling.api.dialects import DEFAULT_DIALECT, Dialect, get_dialect
from airflow_provider_kling.exceptions import KlingConfigurationError
from airflow_provider_kling.lifecycle.identity import Account

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What one connection says.

    :param account: who is billed.
    :param dialect: how the host speaks.
    :param credentials: key, or access key and secret key.
    :param timeout: seconds to wait for an answer.
    :param models: model names to accept beyond those known.
    """

    account: Account
    dialect: Dialect
    credentials: Credentials
    timeout: float = DEFAULT_TIMEOUT
    models: tuple[str, ...] = ()

    @property
    def base_url(self) -> str:
        """Base URL without a slash at its end."""
        return self.account.host

    @classmethod
    def from_connection(cls, conn_id: str, connection: Connection, extra: Mapping[str, Any]) -> Settings:
        """
        Read a connection.

        :param extra: its extra, decoded (decoding is a blocking call in a trigger, so the caller does it).
        :raises KlingConfigurationError: naming the field of the connection that cannot be used.
        """
        secret = (connection.password or "").strip()
        if not secret:
            raise KlingConfigurationError(
                f"Connection {conn_id!r} has no key; nothing was sent.",
                next_step="Put the API key into its password (with an access key as login: the secret key).",
            )
        dialect = get_dialect(str(extra.get("dialect") or DEFAULT_DIALECT))
        return cls(
            account=Account(conn_id, _base_url(conn_id, connection) or dialect.default_host, dialect.name),
            dialect=dialect,
            credentials=Credentials(secret, access_key=(connection.login or "").strip() or None),
            timeout=_timeout(conn_id, extra.get("timeout")),
            models=_models(conn_id, extra.get("models")),
        )


def _base_url(conn_id: str, connection: Connection) -> str:
    host = (connection.host or "").strip().rstrip("/")
    if not host:
        return ""
    if "://" not in host:
        # In a connection URI the part after the host is the schema: kling://:key@api.302.ai/klingai, or the
        # protocol, as the HTTP provider has it.
        schema = (connection.schema or "").strip("/")
        scheme, prefix = (schema, "") if schema in ("http", "https") else ("https", schema)
        host = f"{scheme}://{host}" + (f"/{prefix}" if prefix else "")
    try:
        url = urlsplit(host)
        port = url.port
    except ValueError as error:
        raise _bad(conn_id, "host", f"is no URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query:
        raise _bad(conn_id, "host", "must be a URL such as https://api-singapore.klingai.com, a path prefix allowed")
    if url.path.rstrip("/").endswith("/v1") or "/v1/videos" in url.path:
        raise _bad(conn_id, "host", "must end before /v1: the provider adds the path of the API itself")
    # The protocol's own port changes nothing and must not look like another account: that would be another wish.
    own = {"http": 80, "https": 443}[url.scheme]
    netloc = url.netloc if port or connection.port in (None, 0, own) else f"{url.netloc}:{connection.port}"
    return f"{url.scheme}://{netloc}{url.path}".rstrip("/")


def _timeout(conn_id: str, value: object) -> float:
    if value in (None, ""):
        return DEFAULT_TIMEOUT
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0.0
    # A lost submit is believed not to have arrived after two minutes; none may be under way for longer than that.
    if not 0 < seconds <= 120:
        raise _bad(conn_id, "timeout", f"must be seconds between 0 and 120, not {value!r}")
    return seconds


def _models(conn_id: str, value: object) -> tuple[str, ...]:
    """Accept a JSON array, or names with commas between them, as a connection URI can only carry text."""
    if value in (None, ""):
        return ()
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise _bad(conn_id, "models", f'must be a list of names such as ["kling-v9"], not {value!r}')
    return tuple(name.strip() for name in names if name.strip())


def _bad(conn_id: str, field: str, what: str) -> KlingConfigurationError:
    return KlingConfigurationError(f"Connection {conn_id!r}: {field} {what}. Nothing was sent.")
