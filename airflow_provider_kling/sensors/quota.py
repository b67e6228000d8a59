"""KlingQuotaSensor: wait until the account has enough to pay with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseSensorOperator, PokeReturnValue

from airflow_provider_kling import DEFAULT_CONN_ID
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingError

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.api.quota import Quota

PRODUCTS = ("video", "image", "audio")


class KlingQuotaSensor(BaseSensorOperator):
    """
    Wait until the account's resource packs hold enough units, for long enough.

    Returns the quota as small JSON: ``units_left``, ``days_left``, ``concurrency``, ``as_of`` and the active ``packs``.
    Asking is free, and what Kling tells lags up to twelve hours behind. An account that pays afterwards has no packs,
    and is waited for in vain.

    :param min_units: units that must be left, above 0. One unit of a video pack has the list price of USD 0.14.
    :param min_days: for how many days more they must be good; units expire with their pack. Default 0.
    :param product: whose packs count: ``"video"`` (default), ``"image"``, ``"audio"``, or ``None`` for all. Packs whose
        name tells no product count always.
    :param kling_conn_id: Airflow connection of type ``kling``; Kling's own API tells, llmprovider does not. (templated)
    :param poke_interval: seconds between pokes; default 600: units come when a person buys them.
    :param mode: ``"reschedule"`` (default) holds no worker between pokes; ``"poke"`` does.
    :param kwargs: see Airflow's ``BaseSensorOperator``: ``timeout``, ``soft_fail`` …
    :raises KlingConfigurationError: when the DAG is parsed, for numbers that make no sense; when it runs, where the
        service does not tell.
    """

    template_fields = ("kling_conn_id",)
    ui_color = "#e0f7e9"

    def __init__(
        self,
        *,
        min_units: float,
        min_days: float = 0.0,
        product: str | None = "video",
        kling_conn_id: str = DEFAULT_CONN_ID,
        poke_interval: float | timedelta = 600,
        mode: str = "reschedule",
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, mode=mode, **kwargs)
        self.min_units = _number(self.task_id, "min_units", min_units)
        self.min_days = _number(self.task_id, "min_days", min_days)
        if product not in (*PRODUCTS, None):
            raise KlingConfigurationError(
                f"Task {self.task_id!r}: product {product!r} is not one of {', '.join(map(repr, PRODUCTS))}, None."
            )
        self.product = product
        self.kling_conn_id = kling_conn_id

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Ask once.

        :raises AirflowFailException: when waiting on cannot help: a wrong key, a service that does not tell.
        """
        from airflow_provider_kling.hooks.kling import KlingHook

        try:
            with KlingHook(self.kling_conn_id) as hook:
                quota = hook.quota().of(self.product)
        except KlingError as error:
            if error.retryable:
                self.log.warning("What is left cannot be told now: %s", error)
                return PokeReturnValue(False)
            raise AirflowFailException(str(error)) from error
        enough = quota.units_left_for(self.min_days) >= self.min_units
        self.log.info("%s: %s", "Enough" if enough else "Not enough", self._told(quota))
        return PokeReturnValue(enough, xcom_value=quota.to_json() if enough else None)

    def _told(self, quota: Quota) -> str:
        wanted = f"{self.min_units:g} are wanted"
        if self.min_days:
            good = quota.units_left_for(self.min_days)
            wanted += f", good for {self.min_days:g} days; {good:g} are"
        packs = ", ".join(f"{pack.name}: {pack.units_left:g}" for pack in quota.active) or "no active pack"
        return f"{quota.units_left:g} units left for {quota.days_left:.1f} days ({packs}); {wanted}."


def _number(task_id: str, name: str, value: Any) -> float:
    try:
        # From a Variable or the environment, a number is text.
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise KlingConfigurationError(f"Task {task_id!r}: {name} must be a number of at least 0, not {value!r}.")
    return number
