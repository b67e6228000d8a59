"""What the hook tells of money: what a request costs, and what the account has left. Both are free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api import prices
from airflow_provider_kling.api.capabilities import TEXT2VIDEO, Capability
from airflow_provider_kling.api.models import default_model

if TYPE_CHECKING:
    from airflow_provider_kling.api.http import Request, Response
    from airflow_provider_kling.api.quota import Quota
    from airflow_provider_kling.hooks.settings import Settings


class Money:
    """The part of :class:`~airflow_provider_kling.hooks.kling.KlingHook` that tells of money."""

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

        async def asettings(self) -> Settings: ...

        def _send(self, request: Request) -> Response: ...

        async def _asend(self, request: Request) -> Response: ...

    def estimate(self, body: Mapping[str, Any], capability: Capability = TEXT2VIDEO) -> prices.Estimate | None:
        """
        Return what a request costs by Kling's price list, in units and US dollars; nothing is sent.

        A gateway has prices of its own, and so may an account.

        :param body: the request; without ``model`` it is for the default one of the connection's dialect.
        :returns: ``(units, usd)``, or ``None`` where no price is known.
        """
        dialect = self.settings.dialect.name
        model = body.get("model") or default_model(capability.name, dialect)
        return prices.estimate(capability, {**body, "model": model}, dialect)

    def quota(self) -> Quota:
        """
        Return what the account has left, by resource pack. Free; waits for its turn: one request a second is served.

        :raises KlingConfigurationError: in a dialect, or at a gateway, that does not tell.
        """
        from airflow_provider_kling.hooks import quota

        return quota.ask(self.settings, self._send)

    async def aquota(self) -> Quota:
        """Do :meth:`quota` without blocking the event loop."""
        from airflow_provider_kling.hooks import quota

        return await quota.aask(await self.asettings(), self._asend)
