"""Who kills what, and when: chosen by a seed, although what a shot meets is left to the machine."""

from __future__ import annotations

import contextlib
import random
import re
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import psutil

from airflow_provider_kling.emulator.journal import JournalEntry
from tests.system.stand import STALL, Stand

_TASK = re.compile(r"airflow worker -- ([0-9a-f]{8}-[0-9a-f-]{27})")
# A shot aimed at a request that does not come is fired at anybody.
_PATIENCE = 1.5


@dataclass(frozen=True)
class Kill:
    """One SIGKILL; ``instance`` is the id of the task instance that it hit, where it was aimed at one."""

    at: float
    victim: str
    instance: str | None = None


@dataclass
class Killer(ABC):
    """
    Kills until it has done ``count`` kills.

    :param gap: shortest and longest pause between two kills, seconds.
    """

    stand: Stand
    dag_id: str
    count: int
    gap: tuple[float, float]
    kills: list[Kill] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.stand.seed)
        self._next_at = time.time() + self.dice.uniform(*self.gap)

    def step(self) -> Kill | None:
        """Kill if the time has come and there is somebody to kill."""
        if len(self.kills) >= self.count or time.time() < self._next_at:
            return None
        kill = self.fire()
        if kill is not None:
            self.kills.append(kill)
            self._next_at = time.time() + self.dice.uniform(*self.gap)
        return kill

    @abstractmethod
    def fire(self) -> Kill | None:
        """Kill, or return None to be asked again at once."""


@dataclass
class TaskKiller(Killer):
    """
    SIGKILL to the process of an operator, to its supervisor (a worker of LocalExecutor), or to both.

    With its supervisor dead, an operator goes on until it next needs Airflow, while a retry may have begun already.
    Three shots in five are aimed at a request that the emulator holds back: a submit or a download.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._draw()

    def _draw(self) -> None:
        self._victim = self.dice.choice(("operator", "operator", "supervisor", "both"))
        self._aim = self.dice.choice(("create", "create", "download", "anybody", "anybody"))
        self._until = time.time() + self.gap[1] + _PATIENCE

    def fire(self) -> Kill | None:
        """See :class:`Killer`."""
        running = self._running()
        targets = running if self._aim == "anybody" or time.time() > self._until else self._asking(running)
        if not targets:
            return None
        instance = self.dice.choice(sorted(targets))
        kill = self._kill(instance, targets[instance])
        if kill is not None:
            self._draw()
        return kill

    def _running(self) -> dict[str, psutil.Process]:
        """Return the process of every operator by task instance."""
        found = {}
        for pid in self.stand.airflow.pids()["tasks"]:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if match := _TASK.match(" ".join(process.cmdline())):
                    found[match[1].replace("-", "")] = process
        return found

    def _asking(self, running: dict[str, psutil.Process]) -> dict[str, psutil.Process]:
        """Return those of ``running`` whose answer is being held back."""
        now = time.time()
        held = {
            index_of(self.stand, entry) for entry in self.stand.emulator.journal_for(self._aim) if holds(entry, now)
        }
        instances = self.stand.instances() if held else {}
        return {key: process for key, process in running.items() if instances.get(key, (-1, 0))[0] in held}

    def _kill(self, instance: str, process: psutil.Process) -> Kill | None:
        with contextlib.suppress(psutil.Error):
            supervisor = process.parent()
            # A worker without a task may hold the lock of the executor's queue, which would stop all of its siblings.
            if self._victim != "operator" and (
                supervisor is None or "LocalExecutor" not in " ".join(supervisor.cmdline())
            ):
                return None
            at = time.time()
            if self._victim != "operator" and supervisor is not None:
                supervisor.kill()
            if self._victim != "supervisor":
                process.kill()
            return Kill(at, self._victim, instance)
        return None


@dataclass
class TriggererKiller(Killer):
    """SIGKILL to the triggerer while videos are waited for in it; another one is started at once or a little later."""

    def fire(self) -> Kill | None:
        """See :class:`Killer`."""
        if not self.stand.states(self.dag_id).get("deferred"):
            return None
        airflow = self.stand.airflow
        kill = Kill(time.time(), "triggerer")
        airflow.kill("triggerer")
        time.sleep(self.dice.choice((0.0, 3.0)))
        airflow.start_component("triggerer")
        return kill


@dataclass
class SchedulerKiller(Killer):
    """
    SIGKILL to the scheduler, in turns with all workers and tasks below it, and alone.

    Alone, its workers and their tasks go on as orphans, while the next scheduler gives the same tasks out again.
    """

    def fire(self) -> Kill | None:
        """See :class:`Killer`."""
        airflow, alone = self.stand.airflow, len(self.kills) % 2 == 1
        if not airflow.pids()["tasks"]:
            return None
        kill = Kill(time.time(), "scheduler alone" if alone else "scheduler and tasks")
        if alone:
            airflow.kill("scheduler", alone=True)
        else:
            airflow.kill("scheduler")
        airflow.start_component("scheduler")
        return kill


def holds(entry: JournalEntry, at: float) -> bool:
    """Whether the answer to a request was being held back at a time."""
    return entry.fault == "stall" and entry.wall <= at < entry.wall + STALL


def index_of(stand: Stand, entry: JournalEntry) -> int:
    """Return the map index of the task that a submit or a download is made for; the prompt carries it."""
    prompt = (
        entry.body["prompt"] if entry.operation == "create" else _prompts(stand).get(entry.task_id or "", "Video -1:")
    )
    return int(prompt.split()[1].rstrip(":"))


def _prompts(stand: Stand) -> dict[str, str]:
    return {task.task_id: task.prompt for task in stand.emulator.tasks}
