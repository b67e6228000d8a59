"""How many tasks a batch keeps at Kling at once, where the account's resource packs are to say it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_kling.exceptions import KlingError

if TYPE_CHECKING:
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.job import Job

log = logging.getLogger(__name__)

DEFAULT = 10
"""Where nobody says it. What is too much for the account waits for a slot."""


def max_active_of(job: Job, hook: KlingHook) -> int:
    """Return how many tasks may be at Kling at once: as the job says, or as the packs say."""
    if job.max_active is not None:
        return job.max_active
    try:
        quota = hook.quota().of(job.capability.results.removesuffix("s"))
    except KlingError as error:
        log.info("max_active='auto': taking %d, as the account's limit cannot be told. %s", DEFAULT, error.message)
        return DEFAULT
    if quota.concurrency is None:
        log.info("max_active='auto': taking %d, as no active resource pack names a limit.", DEFAULT)
        return DEFAULT
    log.info("max_active='auto': %d, by the account's resource packs.", quota.concurrency)
    return quota.concurrency
