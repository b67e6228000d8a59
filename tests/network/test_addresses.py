from __future__ import annotations

import pytest

from airflow_provider_kling.network.addresses import Reach, allowed_beside, first_refused, reach_of


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("127.0.0.1", Reach.PRIVATE),
        ("10.1.2.3", Reach.PRIVATE),
        ("192.168.0.9", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("0.0.0.0", Reach.PRIVATE),
        ("224.0.0.1", Reach.PRIVATE),
        ("::1", Reach.PRIVATE),
        ("fd00::1", Reach.PRIVATE),
        ("169.254.169.254", Reach.LINK_LOCAL),
        ("fe80::1%eth0", Reach.LINK_LOCAL),
        ("::ffff:169.254.169.254", Reach.LINK_LOCAL),
        ("::ffff:127.0.0.1", Reach.PRIVATE),
        ("64:ff9b::a9fe:a9fe", Reach.LINK_LOCAL),
        ("2002:7f00:1::", Reach.PRIVATE),
    ],
)
def test_from_where_an_address_can_be_reached(address: str, reach: Reach) -> None:
    assert reach_of(address) is reach


def test_a_private_host_may_send_to_private_addresses_and_no_host_to_the_metadata_service() -> None:
    beside = allowed_beside("127.0.0.1")

    assert first_refused(["10.0.0.1", "8.8.8.8"], beside) is None
    assert first_refused(["8.8.8.8", "169.254.169.254"], beside) is Reach.LINK_LOCAL
    assert first_refused(["127.0.0.1"], allowed_beside("8.8.8.8")) is Reach.PRIVATE
    assert allowed_beside("no-such-host.invalid") == {Reach.PUBLIC}
