"""``GET /account/costs``: the resource packs of the account and what is left in them (Kling's page of 2026-09).

Documented, but not done here: what is left lags twelve hours behind. A guess: packs are told that were in effect at
some time between ``start_time`` and ``end_time``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_kling.emulator.packs import Pack, build, left
from airflow_provider_kling.emulator.refusals import invalid, too_fast
from airflow_provider_kling.emulator.service import Service


def costs(service: Service, account: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The ``data`` of the answer, which has a code and a message of its own (documented)."""
    start, end = _time(query, "start_time"), _time(query, "end_time")
    if start >= end:
        raise invalid("start_time", "must be before end_time")
    if not service.may_ask_costs():
        raise too_fast()
    owned = _packs(service)
    now = service.clock.now()
    infos = []
    for pack, amount in zip(owned, left(owned, service.ledger.of(account)), strict=True):
        if query.get("resource_pack_name") not in (None, "", pack.name):
            continue
        effective, ends = round(pack.effective * 1000), round(pack.ends * 1000)
        if effective > end or ends < start:
            continue
        infos.append(
            {
                "resource_pack_name": pack.name,
                "resource_pack_id": pack.pack_id,
                "resource_pack_type": "decreasing_total",
                "total_quantity": float(pack.units),
                "remaining_quantity": float(amount),
                "purchase_time": effective,
                "effective_time": effective,
                "invalid_time": ends,
                "status": pack.status(amount, now),
            }
        )
    return {"code": 0, "msg": "success", "resource_pack_subscribe_infos": infos}


def _packs(service: Service) -> list[Pack]:
    """The packs of the settings; without any, one made of ``balance_units`` and ``concurrency``, so that both tell the
    same; without those none, as an account that pays afterwards has none.
    """
    settings = service.settings
    if settings.packs or settings.balance_units is None:
        return service.packs()
    slots = "" if settings.concurrency is None else f"-{settings.concurrency}Con"
    name = f"Emulator-Video-{round(settings.balance_units)}Units{slots}-12Months"
    return [build([name], service.clock.start)[0]]


def _time(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text.isdecimal():
        raise invalid(name, f"must be milliseconds since 1970, not {text!r}" if text else "is required")
    return int(text)
