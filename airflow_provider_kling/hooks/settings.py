"""An Airflow connection of type ``kling``, read into what the hook needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_kling.api.auth import Credentials
from airflow_provider_kling.api.dialects import DEFAULT_DIALECT, Dialect, get_dialect
from airflow_provider_kling.api.plain import shorten
from airflow_provider_kling.exceptions import KlingConfigurationError, TaskState
from airflow_provider_kling.get_provider_info import CONN_FIELDS
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
    :param allow_private_downloads: whether videos may be fetched from private addresses wherever the API is.
    """

    account: Account
    dialect: Dialect
    credentials: Credentials
    timeout: float = DEFAULT_TIMEOUT
    models: tuple[str, ...] = ()
    allow_private_downloads: bool = False

    @property
    def host(self) -> str:
        """Name or address of the API's host."""
        return str(urlsplit(self.base_url).hostname)

    @property
    def port(self) -> int:
        """Port of the API's host."""
        url = urlsplit(self.base_url)
        return url.port or {"http": 80}.get(url.scheme, 443)

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
        _refuse_misspelled(conn_id, extra)
        dialect = get_dialect(str(extra.get("dialect") or DEFAULT_DIALECT))
        access_key = (connection.login or "").strip() or None
        if access_key and not dialect.takes_jwt:
            raise KlingConfigurationError(
                f"Connection {conn_id!r} has an access key, which dialect {dialect.name!r} does not take; nothing was "
                "sent.",
                next_step="Make an API key at https://kling.ai/dev/api-key, put it into the password and leave the "
                "login empty; or set dialect 'kling', which takes access key and secret key.",
            )
        return cls(
            account=Account(
                conn_id,
                _base_url(conn_id, connection) or dialect.default_host,
                dialect.name,
                _namespace(conn_id, extra.get("namespace")),
            ),
            dialect=dialect,
            credentials=Credentials(secret, access_key=access_key),
            timeout=_timeout(conn_id, extra.get("timeout")),
            models=_models(conn_id, extra.get("models")),
            allow_private_downloads=_flag(conn_id, "allow_private_downloads", extra.get("allow_private_downloads")),
        )


def _refuse_misspelled(conn_id: str, extra: Mapping[str, Any]) -> None:
    """What is no field is none of ours, but for one meant to be: without its dialect, a key goes to another host."""
    unknown = [name for name in extra if name not in CONN_FIELDS]
    if not unknown:
        return
    from difflib import get_close_matches

    for name in unknown:
        for meant in get_close_matches(name.lower(), CONN_FIELDS.keys() - extra.keys(), n=1, cutoff=0.8):
            raise _bad(conn_id, f"extra {shorten(name)}", f"is no field; {meant!r} is")


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


def _flag(conn_id: str, name: str, value: object) -> bool:
    """Accept words too, as a connection URI can only carry text."""
    known = {"": False, "none": False, "false": False, "0": False, "true": True, "1": True}
    try:
        return known[str(value).strip().lower()]
    except KeyError:
        raise _bad(conn_id, name, f"must be true or false, not {value!r}") from None


def _models(conn_id: str, value: object) -> tuple[str, ...]:
    """Accept a JSON array, or names with commas between them, as a connection URI can only carry text."""
    if value in (None, ""):
        return ()
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise _bad(conn_id, "models", f'must be a list of names such as ["kling-v9"], not {value!r}')
    return tuple(name.strip() for name in names if name.strip())


def _namespace(conn_id: str, value: object) -> str:
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise _bad(conn_id, "namespace", f"must be a short text such as staging, not {shorten(value)}")
    return value.strip()


def _bad(conn_id: str, field: str, what: str) -> KlingConfigurationError:
    return KlingConfigurationError(f"Connection {conn_id!r}: {field} {what}. Nothing was sent.")


def unknown_connection(conn_id: str) -> KlingConfigurationError:
    """Return the error for a connection that Airflow does not find."""
    return KlingConfigurationError(
        f"There is no Airflow connection {conn_id!r}, or the secrets backend did not answer.",
        task_state=TaskState.NOT_CREATED,
        # Since 3.1 Airflow says the same in both cases, and the second one passes.
        retryable=True,
        next_step="Make it under Admin > Connections with type Kling, or set "
        f"AIRFLOW_CONN_{conn_id.upper()}, or correct kling_conn_id.",
    )
