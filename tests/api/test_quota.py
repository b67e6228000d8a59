"""The account's resource packs: Kling's documented answer, and answers that are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_kling.api.dialects import get_dialect
from airflow_provider_kling.api.http import Response
from airflow_provider_kling.api.quota import Quota, ResourcePack, quota_request, read_quota
from airflow_provider_kling.exceptions import KlingAPIError, KlingBalanceError, KlingResponseError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
# As Kling's page of account usage shows it.
DOCUMENTED: dict[str, Any] = {
    "resource_pack_name": "Video Generation - 10,000 entries",
    "resource_pack_id": "509f3fd3d4ab4a3f9eec5db27aa44f27",
    "resource_pack_type": "decreasing_total",
    "total_quantity": 200.0,
    "remaining_quantity": 118.0,
    "purchase_time": 1726124664368,
    "effective_time": 1726124664368,
    "invalid_time": 1727366400000,
    "status": "expired",
}


def answer(*packs: Any, **data: Any) -> Response:
    data = {"code": 0, "msg": "string", "resource_pack_subscribe_infos": list(packs), **data}
    body = {"code": 0, "message": "string", "request_id": "string", "data": data}
    return Response(200, {}, json.dumps(body).encode())


def read(response: Response) -> Quota:
    return read_quota(get_dialect("kling"), response, NOW)


def pack(name: str = "Trial-Video-100Units-5Con-1Months", left: float = 100.0, days: float = 10.0, **other: Any) -> Any:
    ends = NOW + timedelta(days=days)
    times = {"effective_time": 1790000000000, "invalid_time": round(ends.timestamp() * 1000)}
    return {
        **DOCUMENTED,
        "resource_pack_name": name,
        "remaining_quantity": left,
        "total_quantity": 100,
        "status": "online",
        **times,
        **other,
    }


def test_the_documented_answer_is_read() -> None:
    quota = read(answer(DOCUMENTED))

    assert quota.packs == (
        ResourcePack(
            name="Video Generation - 10,000 entries",
            pack_id="509f3fd3d4ab4a3f9eec5db27aa44f27",
            units_left=118.0,
            units_total=200.0,
            status="expired",
            starts_at=datetime(2024, 9, 12, 7, 4, 24, 368000, tzinfo=UTC),
            expires_at=datetime(2024, 9, 26, 16, tzinfo=UTC),
        ),
    )
    # What has expired pays for nothing.
    assert (quota.active, quota.units_left, quota.days_left, quota.concurrency) == ((), 0.0, 0.0, None)


@pytest.mark.parametrize(
    ("name", "concurrency", "product"),
    [
        ("Trial-Video-100Units-5Con-1Months", 5, "video"),
        ("Standard-Image-1000Units-20Con-12Months", 20, "image"),
        ("Video Generation - 10,000 entries", None, "video"),
        ("Trial-Video-100Units-0Con", None, "video"),
        ("10Concerts", None, None),
        ("A5Con", None, None),
        ("5con", 5, None),
    ],
)
def test_what_stands_in_a_name(name: str, concurrency: int | None, product: str | None) -> None:
    (found,) = read(answer(pack(name))).packs

    assert (found.concurrency, found.product) == (concurrency, product)


def test_sums_count_what_pays_now() -> None:
    quota = read(
        answer(
            pack(left=40, days=2),
            pack("Standard-Video-1000Units-20Con-12Months", left=60.5, days=90),
            pack("Huge-Video-9Units-500Con", left=9, days=-1),
            pack("Later-Video-9Units-400Con", left=9, status="toBeOnline"),
            pack("Trial-Image-7Units-9Con", left=7, days=300),
        )
    )
    videos = quota.of("video")

    assert (videos.units_left, videos.days_left, videos.concurrency) == (100.5, 90.0, 20)
    assert (videos.units_left_for(2), videos.units_left_for(3), videos.units_left_for(91)) == (100.5, 60.5, 0)
    assert (quota.of("image").units_left, quota.of(None).units_left) == (7, 107.5)
    assert [one["name"] for one in quota.of("image").to_json()["packs"]] == ["Trial-Image-7Units-9Con"]
    json.dumps(quota.to_json(), allow_nan=False)


def test_the_request_asks_for_a_year() -> None:
    request = quota_request(NOW)

    begin, end = int(request.query["start_time"]), int(request.query["end_time"])
    assert (request.method, request.path, end) == ("GET", "/account/costs", round(NOW.timestamp() * 1000))
    assert end - begin == 366 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {"remaining_quantity": None},
        {"remaining_quantity": "many"},
        {"remaining_quantity": -1},
        {"total_quantity": True},
        {"resource_pack_id": None},
        {"resource_pack_name": ["a"]},
    ],
)
def test_a_pack_with_a_wrong_field_makes_the_answer_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(KlingResponseError, match="resource pack"):
        read(answer(pack(**wrong)))


@pytest.mark.parametrize("packs", [None, {}, "x"])
def test_an_answer_without_packs_is_none(packs: Any) -> None:
    with pytest.raises(KlingResponseError, match="no list of resource packs"):
        read(answer(resource_pack_subscribe_infos=packs))


def test_the_inner_envelope_can_say_no() -> None:
    with pytest.raises(KlingBalanceError, match="in arrears"):
        read(answer(code=1101, msg=""))
    with pytest.raises(KlingAPIError, match="odd"):
        read(answer(code=7, msg="odd"))
