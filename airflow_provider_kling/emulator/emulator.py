"""The emulator as tests and programs hold it."""

from __future__ import annotations

from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_kling.emulator.auth import Credentials
from airflow_provider_kling.emulator.clock import Clock, ClockKind
from airflow_provider_kling.emulator.faults import FaultPlan
from airflow_provider_kling.emulator.journal import JournalEntry
from airflow_provider_kling.emulator.ledger import Ledger
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.settings import Settings
from airflow_provider_kling.emulator.task import Task

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.server import ServerThread

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}
# Dialect -> the prefix of its account: the new standard speaks to the same one as the legacy paths.
_PREFIXES = {"llmprovider": "llmprovider", "kling": "kling", "kling-v3": "kling"}


class KlingEmulator:
    """A stand-in for Kling's service, in this process, on a port of its own.

    Example:
        >>> with KlingEmulator(clock="manual") as emulator:
        ...     connection = emulator.connection("llmprovider")
        ...     # run something against it
        ...     emulator.advance(300)
        ...     assert len(emulator.ledger) == 1

    Args:
        port: TCP port; 0 takes a free one.
        host: address to listen on.
        clock: ``real`` or ``manual``.
        speed: emulator seconds per real second on the real clock.
        seed: decides generation times and pictures.
        concurrency, balance_units, packs, duplicates, charge_on, retired, cfg_scale_v2, foreign_ids, costs_interval,
            generation_seconds, retry_after, height, extra_models: see ``Settings``.
        api_key: the static key.
        access_key: issuer of JWTs.
        secret_key: key that JWTs are signed with, at least 32 bytes.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        clock: ClockKind = "real",
        speed: float = 1.0,
        seed: int = 0,
        generation_seconds: float | None = None,
        concurrency: int | None = None,
        balance_units: Decimal | float | None = None,
        packs: tuple[str, ...] = (),
        duplicates: Literal["reject", "accept"] = "reject",
        charge_on: Literal["submit", "completion"] = "submit",
        retired: Literal["refuse", "sell"] = "refuse",
        cfg_scale_v2: Literal["ignore", "refuse"] = "ignore",
        foreign_ids: Literal["refuse", "accept"] = "refuse",
        costs_interval: float = 1.0,
        retry_after: float | None = None,
        height: int | None = None,
        extra_models: tuple[str, ...] = (),
        api_key: str = Credentials.api_key,
        access_key: str = Credentials.access_key,
        secret_key: str = Credentials.secret_key,
    ) -> None:
        settings = Settings(
            concurrency=concurrency,
            balance_units=balance_units,
            packs=packs,
            duplicates=duplicates,
            charge_on=charge_on,
            retired=retired,
            cfg_scale_v2=cfg_scale_v2,
            foreign_ids=foreign_ids,
            costs_interval=costs_interval,
            generation_seconds=generation_seconds,
            retry_after=retry_after,
            height=height,
            extra_models=extra_models,
        )
        self._host = host
        self._asked_port = port
        self._credentials = Credentials(api_key, access_key, secret_key)
        self._service = Service(clock=Clock(clock, speed), settings=settings, credentials=self._credentials, seed=seed)
        self._server: ServerThread | None = None

    def start(self) -> KlingEmulator:
        """Listen. Returns when requests are answered, well within a second; ``OSError`` when the port is taken."""
        if self._server is not None:
            raise RuntimeError("the emulator is running already")
        from airflow_provider_kling.emulator.app import build
        from airflow_provider_kling.emulator.server import ServerThread

        self._service.stopping = False
        self._server = ServerThread(build(self._service), self._host, self._asked_port)
        self._server.start()
        return self

    def stop(self) -> None:
        """Close every connection and stop. What was recorded can still be read."""
        server, self._server = self._server, None
        self._service.stopping = True
        if server is not None:
            server.stop()

    def __enter__(self) -> KlingEmulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Root URL, without a slash at the end."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return f"http://{_EVERYWHERE.get(self._host, self._host)}:{self._server.port}"

    def base_url(self, dialect: str) -> str:
        """Base URL of one dialect: ``llmprovider``, ``kling`` or, the same as that, ``kling-v3``."""
        if dialect not in _PREFIXES:
            raise ValueError(f"no such dialect: {dialect!r}; there are {', '.join(_PREFIXES)}")
        return f"{self.url}/{_PREFIXES[dialect]}"

    def connection(
        self, dialect: str = "llmprovider", auth: Literal["key", "jwt"] = "key", **extra: Any
    ) -> dict[str, Any]:
        """An Airflow connection to this emulator; ``json.dumps`` of it is a value for ``AIRFLOW_CONN_KLING_DEFAULT``.

        ``auth="jwt"`` gives access key and secret key, which only ``kling`` takes; ``extra`` is added to its extra.
        """
        connection: dict[str, Any] = {"conn_type": "kling", "host": self.base_url(dialect)}
        if auth == "jwt":
            connection |= {"login": self._credentials.access_key, "password": self._credentials.secret_key}
        else:
            connection |= {"password": self._credentials.api_key}
        return {**connection, "extra": {"dialect": dialect, **extra}}

    @property
    def api_key(self) -> str:
        """The static key that is let in."""
        return self._credentials.api_key

    @property
    def clock(self) -> Clock:
        """The clock that tasks run by."""
        return self._service.clock

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once, on a real clock too."""
        self._service.clock.advance(seconds)

    @property
    def settings(self) -> Settings:
        """May be changed at run time."""
        return self._service.settings

    @property
    def faults(self) -> FaultPlan:
        """What is to go wrong."""
        return self._service.faults

    @property
    def ledger(self) -> Ledger:
        """What was charged."""
        return self._service.ledger

    @property
    def tasks(self) -> list[Task]:
        """Every task, oldest first. Their ``status`` follows the clock."""
        return self._service.tasks

    def unfetched(self) -> list[Task]:
        """Tasks that were paid for and succeeded, and whose files were never downloaded whole."""
        return self._service.unfetched()

    @property
    def journal(self) -> list[JournalEntry]:
        """Every request to the API and to the videos, oldest first."""
        return self._service.journal.entries

    def journal_for(self, operation: str) -> list[JournalEntry]:
        """The requests of one operation; ``JournalEntry`` lists them."""
        return [entry for entry in self.journal if entry.operation == operation]

    def reset(self) -> None:
        """Tasks, ledger, journal, faults, clock and settings as they were at the start."""
        self._service.reset()
