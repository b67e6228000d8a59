"""The service behind every dialect: makes tasks, finds them, charges for them, refuses."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import threading
from decimal import Decimal

from airflow_provider_kling.emulator.auth import Credentials
from airflow_provider_kling.emulator.clock import Clock
from airflow_provider_kling.emulator.faults import FaultPlan
from airflow_provider_kling.emulator.journal import Journal
from airflow_provider_kling.emulator.ledger import Ledger
from airflow_provider_kling.emulator.refusals import Reason, Refusal
from airflow_provider_kling.emulator.settings import Settings
from airflow_provider_kling.emulator.task import URL_LIFETIME, Task, Wish, generation_time

CONTENT_POLICY = "content-policy"
# Ids seen live are numbers of 18 digits whose upper bits are milliseconds since about September 2019.
_ID_EPOCH_MS = 1_568_027_946_335


class Service:
    """All state of one emulator. Tasks, external ids, concurrency and balance are counted per dialect, for the two
    dialects are two vendors; ledger and journal are one list each. Safe to use from any thread.
    """

    def __init__(self, *, clock: Clock, settings: Settings, credentials: Credentials, seed: int) -> None:
        self.clock = clock
        self.settings = settings
        self.credentials = credentials
        self.seed = seed
        self.ledger = Ledger()
        self.journal = Journal()
        self.faults = FaultPlan()
        self.resets = 0
        self.stopping = False
        self._lock = threading.RLock()
        self._tasks: dict[str, Task] = {}
        self._newest: dict[tuple[str, str], Task] = {}
        self._numbers = itertools.count()
        self._first_settings = settings.to_json()

    def reset(self) -> None:
        """Tasks, ledger, journal, faults, clock and settings as they were at the start; held answers are let go."""
        with self._lock:
            self.resets += 1
            self._tasks.clear()
            self._newest.clear()
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
            self._check_slots(dialect)
            return self._commit(dialect, wish)

    def refuse_duplicate(self, dialect: str, external_task_id: str | None) -> None:
        """Raise if the id was used before, even by a task that cannot be found yet: the id is taken all the same."""
        if external_task_id and (dialect, external_task_id) in self._newest:
            raise duplicate(external_task_id)

    def _check_balance(self, dialect: str, wish: Wish) -> None:
        balance = self.settings.balance_units
        if balance is not None and Decimal(str(balance)) - self.ledger.units_of(dialect) < wish.units:
            raise no_balance()

    def _check_slots(self, dialect: str) -> None:
        limit = self.settings.concurrency
        if limit is None:
            return
        # Documented: a slot is held from submitted to the end, a failed end too.
        running = sum(not task.finished for task in self._tasks.values() if task.dialect == dialect)
        if running >= limit:
            raise busy()

    def _commit(self, dialect: str, wish: Wish) -> Task:
        now = self.clock.now()
        seconds = self.settings.generation_seconds
        task = Task(
            task_id=self._new_id(dialect, now),
            dialect=dialect,
            wish=wish,
            created_at=now,
            generation_seconds=generation_time(self.seed, wish.prompt) if seconds is None else seconds,
            seed=self.seed,
            clock=self.clock,
        )
        self._tasks[task.task_id] = task
        if wish.external_task_id:
            self._newest[dialect, wish.external_task_id] = task
        self.ledger.charge(task)
        return task

    def _new_id(self, dialect: str, now: float) -> str:
        number = ((round(now * 1000) - _ID_EPOCH_MS) << 22) | (next(self._numbers) & 0x3FFFFF)
        # The one id that llmprovider's page shows is "task_xyz789".
        return str(number) if dialect == "kling" else f"task_{number:x}"

    def find(self, dialect: str, task_id: str) -> Task:
        """The task with this id or external id; the newest where an external id was used twice."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.dialect != dialect:
                task = self._newest.get((dialect, task_id))
        if task is None or not task.visible:
            raise not_found(task_id)
        return task

    def page(self, dialect: str, number: int, size: int) -> list[Task]:
        """One page of the tasks that can be found, newest first (the order is a guess)."""
        tasks = [task for task in reversed(self.tasks) if task.dialect == dialect and task.visible]
        return tasks[(number - 1) * size : number * size]

    def task(self, task_id: str) -> Task | None:
        """The task with exactly this id, in any dialect."""
        with self._lock:
            return self._tasks.get(task_id)

    def unfetched(self) -> list[Task]:
        """Tasks that succeeded, were paid for, and whose video was never sent whole."""
        return [task for task in self.tasks if task.status == "succeed" and not task.no_videos and not task.fetched]

    def video_path(self, task: Task) -> str:
        """Path and query of the signed link to the video of ``task``."""
        expires = round(task.finished_at + URL_LIFETIME)
        return f"/_kling/videos/{task.task_id}.mp4?expires={expires}&sig={self._signature(task, expires)}"

    def check_video_link(self, task: Task, expires: str, signature: str) -> bool:
        """Is the link signed, the newest one of its task, and not expired on the emulator's clock?"""
        if not expires.isdecimal() or not hmac.compare_digest(self._signature(task, int(expires)), signature):
            return False
        return self.clock.now() < int(expires)

    def _signature(self, task: Task, expires: int) -> str:
        signed = f"{task.task_id}:{expires}:{task.url_version}".encode()
        return hmac.new(self.credentials.secret_key.encode(), signed, hashlib.sha256).hexdigest()[:32]


def duplicate(external_task_id: str | None) -> Refusal:
    """The words "already exists" were seen live, the rest of the sentence is ours."""
    return Refusal(Reason.DUPLICATE, f"external_task_id already exists: {external_task_id}", field="external_task_id")


def not_found(task_id: str) -> Refusal:
    """Seen live, word for word."""
    return Refusal(Reason.NOT_FOUND, f"Task not found by id/external id: {task_id}")


def no_balance() -> Refusal:
    """Seen live, word for word."""
    return Refusal(Reason.NO_BALANCE, "Account balance not enough")


def busy(retry_after: float | None = None) -> Refusal:
    """Seen live, word for word."""
    return Refusal(Reason.BUSY, "parallel task over resource pack limit", retry_after=retry_after)
