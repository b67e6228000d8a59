"""
Who a wished-for video is: the fingerprint of its request, and the id that finds it again.

A wish is dag, run, task, map index and the content of the request. The same wish always has the same
``external_task_id``, whatever try or worker computes it; that is what lets a retry find the video of a try that died.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PREFIX = "af-"
# Kling documents no maximum for external_task_id; 40 hex digits stay below every limit known elsewhere (64), and
# 160 bits do not collide.
_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Account:
    """
    Where a request is billed; never the key itself, which rotates.

    :param conn_id: Airflow connection id.
    :param host: base URL.
    :param dialect: name of the dialect.
    :param namespace: tells deployments of Airflow apart that share an account, and names of DAGs and tasks.
    """

    conn_id: str
    host: str
    dialect: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """
    One wished-for video.

    :param dag_id, run_id, task_id, map_index: the task instance.
    :param fingerprint: of the request and the account.
    :param fresh: mixed in by ``on_clear="new"``: ``ti.max_tries``, which a clear raises and a retry does not.
    :param own_id: the user's own ``external_task_id``, which wins over ours.
    :param namespace: of the account's user; empty: ids are as they were before there were namespaces.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    fingerprint: str
    fresh: int | None = None
    own_id: str | None = None
    namespace: str = ""

    @property
    def key(self) -> str:
        """The digest that tells this wish from every other."""
        parts = [self.dag_id, self.run_id, self.task_id, str(self.map_index), self.fingerprint]
        if self.fresh is not None:
            parts.append(f"cleared:{self.fresh}")
        if self.namespace:
            parts.append(f"namespace:{self.namespace}")
        return _digest(parts)

    def external_task_id(self, generation: int) -> str:
        """
        Return the id to submit and look up by.

        :param generation: 0, then one more each time that Kling itself ended the generation before as ``failed``.
        """
        if self.own_id:
            suffix = [f"c{self.fresh}"] if self.fresh is not None else []
            suffix += [f"g{generation}"] if generation else []
            return "-".join([self.own_id, *suffix])
        return PREFIX + _digest([self.key, str(generation)])


def fingerprint(request: Mapping[str, Any], account: Account) -> str:
    """
    Return the digest of what is asked for and who pays.

    :param request: the request as given, with the model in Kling's own spelling and without ``external_task_id``.
    :param account: another account is another bill, so another wish.
    """
    return _digest([_canonical(request), account.conn_id, account.host, account.dialect])


def field_digests(request: Mapping[str, Any]) -> dict[str, str]:
    """Return a short digest per field, to tell later what changed without keeping the content."""
    return {name: _digest([_canonical(value)])[:8] for name, value in sorted(request.items())}


def content_digest(requests: Sequence[Mapping[str, Any]]) -> str:
    """Return a digest of many requests, to tell later whether they are still the same."""
    return _digest([_canonical(requests)])


def changed_fields(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the names of the fields whose digests differ."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(parts: list[str]) -> str:
    # Joined by NUL, which no part can hold: with "_" dag "a_b" and run "c" would be dag "a" and run "b_c".
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:_DIGITS]
