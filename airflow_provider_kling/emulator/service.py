"""The service behind every dialect: makes tasks, finds them, charges for them, refuses."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import threading
import time
from decimal import Decimal

from airflow_provider_kling.emulator import packs
from airflow_provider_kling.emulator.auth import Credentials
from airflow_provider_kling.emulator.clock import Clock
from airflow_provider_kling.emulator.faults import FaultPlan
from airflow_provider_kling.emulator.journal import Journal
from airflow_provider_kling.emulator.ledger import Ledger
from airflow_provider_kling.emulator.refusals import Reason, Refusal, busy, duplicate, no_balance, not_found
from airflow_provider_kling.emulator.settings import Settings
from airflow_provider_kling.emulator.task import URL_LIFETIME, File, Task, Wish, generation_time

CONTENT_POLICY = "content-policy"
# The account that has resource packs: Kling's own.
PREPAID = "kling"
# Ids seen live are numbers of 18 digits whose upper bits are milliseconds since about September 2019.
_ID_EPOCH_MS = 1_568_027_946_335


class Service:
    """All state of one emulator. Tasks, external ids, concurrency and balance are counted per account (``dialect``),
    for Kling and the gateway are two vendors; ledger and journal are one list each. Safe to use from any thread.
    """

    def __init__(self, *, clock: Clock, settings: Settings, credentials: Credentials, seed: int) -> None:
        self.clock = clock
        self.settings = settings
        self.credentials = credentials
        self.seed = seed
        self.ledger = Ledger(clock.now)
        self.journal = Journal()
        self.faults = FaultPlan()
        self.resets = 0
        self.stopping = False
        self._lock = threading.RLock()
        self._tasks: dict[str, Task] = {}
        self._sessions: dict[str, Task] = {}
        self._newest: dict[tuple[str, str], Task] = {}
        self._numbers = itertools.count()
        self._costs_asked: float | None = None
        self._first_settings = settings.to_json()

    def reset(self) -> None:
        """Tasks, ledger, journal, faults, clock and settings as they were at the start; held answers are let go."""
        with self._lock:
            self.resets += 1
            self._tasks.clear()
            self._sessions.clear()
            self._newest.clear()
            self._costs_asked = None
            self.ledger.clear()
            self.journal.clear()
            self.faults.clear()
            self.clock.reset()
            self.settings.update(self._first_settings)

    @property
    def tasks(self) -> list[Task]:
        """Every task, oldest first."""
        with self._lock:
            return list(self._tasks.values())

    def create(self, dialect: str, wish: Wish) -> Task:
        """Make a task and charge for it, or raise a ``Refusal``. The order of the checks is a guess."""
        with self._lock:
            if CONTENT_POLICY in wish.prompt:
                raise Refusal(Reason.CONTENT_POLICY, "Trigger the platform's content security policy")
            if self.settings.duplicates == "reject":
                self.refuse_duplicate(dialect, wish.external_task_id)
            self._check_balance(dialect, wish)
            self._check_slots(dialect, wish)
            return self._commit(dialect, wish)

    def at_once(self, dialect: str, wish: Wish) -> Task:
        """Charge for something answered at once, which is no task: it is in no list and holds no slot."""
        with self._lock:
            self._check_balance(dialect, wish)
            task = self._new(dialect, wish, seconds=0)
            self._sessions[task.task_id] = task
            self.ledger.charge(task, task.created_at)
            return task

    def refuse_duplicate(self, dialect: str, external_task_id: str | None) -> None:
        """Raise if the id was used before, even by a task that cannot be found yet: the id is taken all the same."""
        if external_task_id and (dialect, external_task_id) in self._newest:
            raise duplicate(external_task_id)

    def packs(self) -> list[packs.Pack]:
        """The resource packs of Kling's own account."""
        return packs.build(self.settings.packs, self.clock.start)

    def _check_balance(self, dialect: str, wish: Wish) -> None:
        """Charges that are still to come, with ``charge_on="completion"``, are not reserved: a guess."""
        balance = self.settings.balance_units
        if balance is not None:
            spent = sum((charge.units for charge in self.ledger.of(dialect, wish.product)), Decimal(0))
            if Decimal(str(balance)) - spent < wish.units:
                raise no_balance()
        if dialect == PREPAID and (owned := self.packs()):
            charges = self.ledger.of(dialect)
            if packs.available(owned, charges, wish.product, self.clock.now()) < wish.units:
                raise no_balance()

    def _check_slots(self, dialect: str, wish: Wish) -> None:
        limits = [self.settings.concurrency]
        if dialect == PREPAID:
            limits.append(packs.slots(self.packs(), wish.product, self.clock.now()))
        told = [limit for limit in limits if limit is not None]
        if not told:
            return
        # Documented: slots are held from submitted to the end, a failed end too, and counted per product.
        mine = (task for task in self._tasks.values() if (task.dialect, task.wish.product) == (dialect, wish.product))
        if sum(task.wish.slots for task in mine if not task.finished) + wish.slots > min(told):
            raise busy()

    def _commit(self, dialect: str, wish: Wish) -> Task:
        seconds = self.settings.generation_seconds
        task = self._new(dialect, wish, generation_time(self.seed, wish.prompt) if seconds is None else seconds)
        self._tasks[task.task_id] = task
        if wish.external_task_id:
            self._newest[dialect, wish.external_task_id] = task
        self.ledger.charge(task, task.created_at if self.settings.charge_on == "submit" else task.finished_at)
        return task

    def _new(self, dialect: str, wish: Wish, seconds: float) -> Task:
        now = self.clock.now()
        return Task(
            task_id=self._new_id(dialect, now),
            dialect=dialect,
            wish=wish,
            created_at=now,
            generation_seconds=seconds,
            seed=self.seed,
            clock=self.clock,
        )

    def _new_id(self, dialect: str, now: float) -> str:
        number = ((round(now * 1000) - _ID_EPOCH_MS) << 22) | (next(self._numbers) & 0x3FFFFF)
        # The one id that llmprovider's page shows is "task_xyz789".
        return str(number) if dialect == "kling" else f"task_{number:x}"

    def find(self, dialect: str, task_id: str, kind: str | None = None) -> Task:
        """The task with this id or external id; the newest where an external id was used twice.

        With ``kind`` only a task of that capability: an id asked for on another path is not found (seen live).
        """
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.dialect != dialect:
                task = self._newest.get((dialect, task_id))
        if task is None or not task.visible or kind not in (None, task.wish.kind):
            raise not_found(task_id)
        return task

    def by_external_id(self, dialect: str, external_task_id: str) -> Task | None:
        """The newest task with this external id."""
        with self._lock:
            return self._newest.get((dialect, external_task_id))

    def page(self, dialect: str, number: int, size: int, kind: str | None = None) -> list[Task]:
        """One page of the tasks that can be found, newest first (the order is a guess)."""
        return self.listed(dialect, kind)[(number - 1) * size : number * size]

    def listed(self, dialect: str, kind: str | None = None) -> list[Task]:
        """The tasks of one account, of one capability where it is given, that can be found, newest first."""
        mine = (task for task in reversed(self.tasks) if task.dialect == dialect and task.visible)
        return [task for task in mine if kind in (None, task.wish.kind)]

    def task(self, task_id: str) -> Task | None:
        """The task, or the face session, with exactly this id, in any account."""
        with self._lock:
            return self._tasks.get(task_id) or self._sessions.get(task_id)

    def session(self, dialect: str, session_id: str) -> Task | None:
        """The answer of identify-face with this session id."""
        task = self._sessions.get(session_id)
        return task if task is not None and task.dialect == dialect else None

    def unfetched(self) -> list[Task]:
        """Tasks that succeeded, were paid for, and whose files were never sent whole."""
        return [task for task in self.tasks if task.status == "succeed" and not task.no_videos and not task.fetched]

    def may_ask_costs(self) -> bool:
        """Documented: one ``/account/costs`` a second. Measured by the real clock, since clients wait by it."""
        with self._lock:
            now, last = time.monotonic(), self._costs_asked
            self._costs_asked = now
            return last is None or now - last >= self.settings.costs_interval

    def link(self, task: Task, file: File) -> str:
        """Path and query of the signed link to a file of ``task``."""
        expires = round(task.finished_at + URL_LIFETIME)
        return f"{file.path}?expires={expires}&sig={self._signature(task, file, expires)}"

    def check_link(self, task: Task, file: File, expires: str, signature: str) -> bool:
        """Is the link signed, the newest one of its task, and not expired on the emulator's clock?"""
        if not expires.isdecimal() or not hmac.compare_digest(self._signature(task, file, int(expires)), signature):
            return False
        return self.clock.now() < int(expires)

    def _signature(self, task: Task, file: File, expires: int) -> str:
        signed = f"{file.name}:{expires}:{task.url_version}".encode()
        return hmac.new(self.credentials.secret_key.encode(), signed, hashlib.sha256).hexdigest()[:32]
