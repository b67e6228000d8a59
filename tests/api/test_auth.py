from __future__ import annotations

import jwt

from airflow_provider_kling.api.auth import Credentials

SECRET = "secret-of-at-least-thirty-two-bytes"


def test_a_static_key_goes_as_it_is() -> None:
    token = Credentials("key-1").token(now=1000)

    assert token.value == "key-1"
    assert token.renew_at == float("inf")


def test_a_jwt_has_the_documented_claims_and_is_renewed_in_time() -> None:
    token = Credentials(SECRET, access_key="access").token(now=1_800_000_000)

    assert jwt.get_unverified_header(token.value) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(token.value, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False})
    assert claims == {"iss": "access", "exp": 1_800_001_800, "nbf": 1_799_999_995}
    assert token.renew_at == 1_800_001_500


def test_no_repr_shows_a_secret() -> None:
    credentials = Credentials(SECRET, access_key="access")

    assert SECRET not in repr(credentials)
    assert credentials.token(0).value not in repr(credentials.token(0))
