"""
What an account has left: its resource packs, as ``GET /account/costs`` tells them.

Source: Kling's page of account usage. The answer is free, may be asked for once a second, and what is left lags up to
twelve hours behind. An account that pays afterwards has no packs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_kling.api.dialects.base import Dialect, not_the_api
from airflow_provider_kling.api.errors import error_for
from airflow_provider_kling.api.fields import identifier, number, optional_text, timestamp
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.text import tidy

PATH = "/account/costs"
DIALECTS = frozenset({"kling", "kling-v3"})
"""Names of the dialects whose reference has this path; llmprovider documents none."""

PRODUCTS = ("video", "image", "audio")

# Both times are required. Whether they are those of a purchase or of use stands nowhere; no pack runs for longer.
_LONGEST_PACK = timedelta(days=366)
_CONCURRENCY = re.compile(r"(?<![A-Za-z0-9])(\d{1,6})Con(?![A-Za-z])", re.IGNORECASE)
_ONLINE = "online"


@dataclass(frozen=True, slots=True)
class ResourcePack:
    """
    Prepaid units of one product.

    :param name: as Kling shows it; the concurrency stands in it alone (``Trial-Video-100Units-5Con-1Months``).
    :param units_left: of ``units_total``.
    :param status: ``toBeOnline``, ``online``, ``expired`` or ``runOut``, or a word that is not documented.
    :param starts_at: UTC; ``None`` where Kling gives none.
    :param expires_at: UTC; what is left then is gone.
    """

    name: str
    pack_id: str
    units_left: float
    units_total: float
    status: str
    starts_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def concurrency(self) -> int | None:
        """Tasks that may run at once, from the name; ``None`` where it says nothing of it."""
        found = _CONCURRENCY.search(self.name)
        return int(found[1]) or None if found else None

    @property
    def product(self) -> str | None:
        """``video``, ``image`` or ``audio``, from the name; ``None`` where it names none of them."""
        return next((word for word in PRODUCTS if word in self.name.lower()), None)

    def is_active(self, now: datetime) -> bool:
        """Whether it pays for what is submitted now."""
        return self.status == _ONLINE and (self.expires_at is None or self.expires_at > now)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, times as ISO 8601 in UTC."""
        return {
            "name": self.name,
            "units_left": self.units_left,
            "units_total": self.units_total,
            "status": self.status,
            "starts_at": self.starts_at.isoformat() if self.starts_at else None,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "concurrency": self.concurrency,
        }


@dataclass(frozen=True, slots=True)
class Quota:
    """
    What an account has left.

    :param packs: all that Kling tells of, the expired ones too.
    :param as_of: when it was asked for, UTC.
    """

    packs: tuple[ResourcePack, ...]
    as_of: datetime

    @property
    def active(self) -> tuple[ResourcePack, ...]:
        """The packs that pay for what is submitted now."""
        return tuple(pack for pack in self.packs if pack.is_active(self.as_of))

    @property
    def units_left(self) -> float:
        """Units in the active packs. Packs of several products have units of several kinds: see :meth:`of`."""
        return self.units_left_for(0.0)

    @property
    def days_left(self) -> float:
        """Days until the last active pack that has units expires; 0 where there is none."""
        ends = [pack.expires_at for pack in self.active if pack.units_left > 0 and pack.expires_at]
        return max(0.0, (max(ends) - self.as_of) / timedelta(days=1)) if ends else 0.0

    @property
    def concurrency(self) -> int | None:
        """
        Tasks that may run at once: the highest among the active packs, not their sum.

        ``None`` where no name of a pack says it.
        """
        return max((pack.concurrency for pack in self.active if pack.concurrency), default=None)

    def units_left_for(self, days: float) -> float:
        """
        Return the units that are good for so many days more.

        :param days: 0 or more.
        """
        until = self.as_of + timedelta(days=days)
        kept = [pack for pack in self.active if pack.expires_at is None or pack.expires_at >= until]
        return round(sum(pack.units_left for pack in kept), 6)

    def of(self, product: str | None) -> Quota:
        """
        Return what is left for one product: a video is not paid for from a pack of images.

        :param product: ``video``, ``image`` or ``audio``; ``None`` for all. Packs whose name tells no product are kept.
        """
        if product is None:
            return self
        return replace(self, packs=tuple(pack for pack in self.packs if pack.product in (None, product)))

    def to_json(self) -> dict[str, Any]:
        """Return small plain JSON: sums, and the active packs."""
        return {
            "units_left": self.units_left,
            "days_left": round(self.days_left, 2),
            "concurrency": self.concurrency,
            "as_of": self.as_of.isoformat(),
            "packs": [pack.to_json() for pack in self.active],
        }


def quota_request(now: datetime) -> Request:
    """Build the request; ``now`` in UTC."""
    # Rounded up: a pack of this very moment has begun.
    end = math.ceil(now.timestamp() * 1000)
    begin = end - round(_LONGEST_PACK.total_seconds() * 1000)
    return Request("GET", PATH, query={"start_time": str(begin), "end_time": str(end)})


def read_quota(dialect: Dialect, response: Response, now: datetime) -> Quota:
    """
    Read the answer, which has an envelope within the envelope.

    :param now: when it was asked for, UTC.
    :raises KlingAPIError: when it says no.
    :raises KlingResponseError: when it is not the API's.
    """
    answer = dialect.read(response)
    data = answer.data
    infos = data.get("resource_pack_subscribe_infos") if isinstance(data, Mapping) else None
    if isinstance(data, Mapping) and data.get("code") not in (0, None):
        raise error_for(
            response, code=data["code"], message=data.get("msg"), request_id=answer.request_id, creating=False
        )
    if not isinstance(infos, list):
        raise not_the_api(response, "carries no list of resource packs", creating=False)
    try:
        return Quota(tuple(map(_pack, infos)), now)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        flaw = f"has a resource pack with a field of an unexpected type ({tidy(error, 100)})"
        raise not_the_api(response, flaw, creating=False) from error


def _pack(info: Mapping[str, Any]) -> ResourcePack:
    return ResourcePack(
        name=optional_text(info["resource_pack_name"], 200),
        pack_id=identifier(info["resource_pack_id"]),
        units_left=_units(info["remaining_quantity"]),
        units_total=_units(info["total_quantity"]),
        status=optional_text(info["status"], 60),
        starts_at=timestamp(info.get("effective_time")),
        expires_at=timestamp(info.get("invalid_time")),
    )


def _units(value: object) -> float:
    found = number(value)
    if found is None:
        raise ValueError("a quantity that is no number of 0 or more")
    return found
