from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from airflow_provider_kling.exceptions import KlingConfigurationError
from airflow_provider_kling.network import environment
from airflow_provider_kling.network.environment import authorities, proxy_for

HTTPS, HTTP = "https://api.example", "http://api.example"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in environment._AUTHORITIES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, HTTPS, None),
        ({"HTTPS_PROXY": "http://p:3128"}, HTTPS, "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, HTTP, None),
        ({"ALL_PROXY": "http://p:3128"}, HTTPS, "http://p:3128"),
        ({"ALL_PROXY": "socks5://s:1080", "HTTPS_PROXY": "http://p:3128"}, HTTPS, "http://p:3128"),
        ({"https_proxy": "p:3128"}, HTTPS, "http://p:3128"),
        ({"https_proxy": "http://u:pw@p:3128", "no_proxy": ".example"}, HTTPS, None),
        ({"http_proxy": "http://p:3128", "no_proxy": "10.0.0.0/8"}, "http://10.1.2.3", None),
    ],
)
def test_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert proxy_for(url) == proxy


@pytest.mark.parametrize("proxy", ["socks5://u:hidden@s:1080", "http://", "http://[bad", "http://p:99999"])
def test_a_proxy_that_only_one_of_the_two_could_use_is_refused(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(KlingConfigurationError, match="proxy for") as caught:
        proxy_for(HTTPS)
    assert "hidden" not in str(caught.value)


def test_whom_to_trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert authorities() == certifi.where()
    for name in ("SSL_CERT_DIR", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        path = tmp_path / name
        path.mkdir()
        monkeypatch.setenv(name, str(path))
        assert authorities() == str(path)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with pytest.raises(KlingConfigurationError, match="REQUESTS_CA_BUNDLE"):
        authorities()
