"""The page of models says what the registry says, and the registry is consistent in itself."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.api.model import Model
from airflow_provider_kling.api.models import canonical_model, default_model, model_of, models_of, resolved_model
from airflow_provider_kling.api.prices import Estimate, estimate
from airflow_provider_kling.api.registry import IMAGE_MODELS, MODELS
from dev import models


def test_the_page_shows_the_registry() -> None:
    assert models.PAGE.read_text("utf-8") == models.page(), "python -m dev.models writes it anew"


@pytest.mark.parametrize("row", [*MODELS, *IMAGE_MODELS], ids=lambda row: row.title)
def test_a_row_is_consistent(row: Model) -> None:
    assert set().union(*row.capabilities.values(), row.spellings, row.prompt) <= set(DIALECTS)
    assert set(row.end_frame) <= set(row.modes)
    assert bool(row.retired_on) == bool(row.successor)
    for capability in row.capabilities:
        assert model_of(capability, row.name) is row
    if row.retired_on:
        successor = next(other for other in MODELS if other.name == row.successor)
        assert not successor.retired_on
    else:
        assert row.units, "what is on sale has a price"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_default_is_on_sale_where_kling_answers(dialect: str) -> None:
    row = model_of("text2video", default_model("text2video", dialect))

    assert row in models_of("text2video", dialect)
    assert row is not None
    assert bool(row.retired_on) == (dialect == "llmprovider")


def test_spellings() -> None:
    assert resolved_model("text2video", "kling-2.6") == "kling-v2-6"
    assert resolved_model("text2video", "kling-3.0-turbo") == "kling-3.0-turbo"
    assert resolved_model("text2video", "kling-video-v1-6") == "kling-video-v1-6"
    # What a connection's models names goes out as it stands there, with the identity that it always had.
    assert resolved_model("text2video", "kling-2.6", ["kling-2.6"]) == canonical_model("kling-2.6") == "kling-2.6"


@pytest.mark.parametrize(
    ("body", "units", "usd"),
    [
        ({"model": "kling-v2-6"}, 1.5, 0.21),
        ({"model": "kling-v2-6", "mode": "pro", "sound": "on", "duration": "10"}, 10.0, 1.4),
        ({"model": "kling-v3", "mode": "4k", "duration": "15"}, 45.0, 6.3),
        ({"model": "kling-3.0-turbo", "mode": "pro"}, 5.0, 0.7),
        ({"model": "kling-video-v1-6", "mode": "pro", "duration": "10"}, 7.0, 0.98),
    ],
)
def test_what_a_video_costs(body: dict[str, str], units: float, usd: float) -> None:
    assert estimate(TEXT2VIDEO, body) == Estimate(units, usd)


@pytest.mark.parametrize(
    "body", [{"model": "kling-v2-6", "sound": "on"}, {"model": "kling-v9"}, {"model": "kling-v3", "duration": "x"}]
)
def test_what_is_not_sold_has_no_price(body: dict[str, str]) -> None:
    assert estimate(TEXT2VIDEO, body) is None
