"""The token that a hook sends: signed in time, signed anew when the server calls it stale, kept out of all texts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_kling.api.errors import STALE_TOKEN_CODES
from airflow_provider_kling.api.scrub import Scrubber
from airflow_provider_kling.exceptions import KlingAuthenticationError, KlingError

if TYPE_CHECKING:
    from airflow_provider_kling.api.auth import Token
    from airflow_provider_kling.api.http import Response
    from airflow_provider_kling.hooks.settings import Settings


class Bearer:
    """
    The token of one connection.

    :param settings: the connection.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token: Token | None = None
        self._scrubber = Scrubber([settings.credentials.secret])

    def token(self, *, mask: bool = True) -> str:
        """
        Return the token to send, signed anew in time.

        :param mask: tell Airflow's log masker. That is a blocking call to the supervisor, so triggers, which log no
            token anywhere, do without.
        """
        now = time.time()
        if self._token is None or now >= self._token.renew_at:
            self._token = self._settings.credentials.token(now)
            self._scrubber = Scrubber({self._settings.credentials.secret, self._token.value})
            if mask:
                mask_in_logs(self._token.value)
        return self._token.value

    def is_stale(self, response: Response) -> bool:
        """
        Whether a refused JWT is worth signing anew: Kling said that its times are over, or not yet begun.

        Nothing was created then, so the request may be sent again, even a paid one.
        """
        if response.status != 401 or not self._settings.credentials.access_key:
            return False
        try:
            self._settings.dialect.read(response)
        except KlingAuthenticationError as error:
            if error.code in STALE_TOKEN_CODES:
                self._token = None
                return True
        except KlingError:
            pass
        return False

    def scrubbed(self, response: Response) -> Response:
        """Return an answer without key and token, whatever its status: errors, logs and manifests quote it."""
        return self._scrubber.response(response)


def mask_in_logs(secret: str) -> None:
    """Tell Airflow's log masker of a secret."""
    from airflow.providers.common.compat.sdk import mask_secret

    mask_secret(secret)
