from __future__ import annotations

import asyncio
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import pytest

from airflow_provider_kling import __version__
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import (
    KlingAuthenticationError,
    KlingConfigurationError,
    KlingConnectionError,
    KlingError,
    KlingTaskNotFoundError,
    TaskState,
)
from airflow_provider_kling.hooks.kling import KlingHook
from benchmarks import tls

BODY = {"prompt": "A cat"}


def test_create_and_get_by_either_id(emulator: KlingEmulator) -> None:
    with KlingHook() as hook:
        created = hook.create_task({**BODY, "external_task_id": "mine-é?#%"})
        assert hook.get_task(created.task_id).task_id == hook.get_task("mine-é?#%").task_id == created.task_id
    assert asyncio.run(aget("mine-é?#%")).task_id == created.task_id


async def aget(task_id: str) -> Any:
    async with KlingHook() as hook:
        return await hook.aget_task(task_id)


def test_every_request_says_who_asks_and_uses_one_connection(emulator: KlingEmulator) -> None:
    with KlingHook() as hook:
        task = hook.create_task(BODY)
        hook.get_task(task.task_id)
    asyncio.run(aget(task.task_id))

    assert {entry.headers["user-agent"] for entry in emulator.journal} == {f"airflow-provider-kling/{__version__}"}


@pytest.mark.parametrize("dialect", ["kling"], indirect=True)
def test_list_tasks_walks_all_pages(emulator: KlingEmulator) -> None:
    with KlingHook() as hook:
        made = {hook.create_task({**BODY, "prompt": f"cat {number}"}).task_id for number in range(7)}
        assert {task.task_id for task in hook.list_tasks(page_size=3)} == made
    assert len(emulator.journal_for("list")) == 3


@pytest.mark.parametrize("dialect", ["llmprovider"], indirect=True)
def test_a_dialect_without_a_list_says_so(emulator: KlingEmulator) -> None:
    with KlingHook() as hook, pytest.raises(KlingConfigurationError, match="has no list of tasks"):
        list(hook.list_tasks())


@pytest.mark.parametrize("dialect", ["kling"], indirect=True)
def test_a_stale_jwt_is_signed_anew_even_for_a_paid_request(emulator: KlingEmulator) -> None:
    emulator.faults.add(Fault("unauthorized", on="create"))

    with KlingHook() as hook:
        hook.create_task(BODY)
    assert [entry.status for entry in emulator.journal_for("create")] == [401, 200]
    assert len(emulator.ledger) == 1


def test_a_lost_answer_is_not_sent_again(emulator: KlingEmulator) -> None:
    emulator.faults.add(Fault("lost_after"))

    with KlingHook() as hook, pytest.raises(KlingConnectionError, match="gave no answer") as caught:
        hook.create_task(BODY)
    assert caught.value.task_state is TaskState.MAY_EXIST
    assert len(emulator.journal_for("create")) == 1


@pytest.mark.parametrize("asynchronous", [False, True], ids=["requests", "aiohttp"])
def test_a_stalled_answer_times_out(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str, asynchronous: bool
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(emulator.connection(dialect, timeout=0.3)))
    emulator.faults.add(Fault("stall", on="any", seconds=5))

    with KlingHook() as hook, pytest.raises(KlingConnectionError, match="gave no answer"):
        asyncio.run(aget("x")) if asynchronous else hook.get_task("x")


@pytest.mark.parametrize("auth", ["key", "jwt"])
def test_test_connection_is_free_and_says_what_works(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, auth: Literal["key", "jwt"]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(emulator.connection("kling", auth=auth)))

    works, message = KlingHook().test_connection()

    assert works, message
    assert ("JWT" in message) == (auth == "jwt")
    assert len(emulator.ledger) == 0
    assert [entry.method for entry in emulator.journal] == ["GET"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong-key-0123456789-0123456789-0123456789"}, "Check the key"),
        ({"login": "somebody-else"}, "Check the key"),
        ({"password": None}, "has no key"),
        ({"password": "***"}, "Airflow 3.0 sends asterisks"),
        ({"host": "http://127.0.0.1:9"}, "could not be reached"),
        ({"host": "http://no-such-host.invalid"}, "could not be reached"),
        ({"extra": {"dialect": "x"}}, "dialect 'x'"),
    ],
)
def test_test_connection_says_why_it_fails(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    connection = {**emulator.connection("kling", auth="jwt"), **changes}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(connection))

    works, message = KlingHook().test_connection()

    assert not works
    assert words in message
    assert str(connection["password"]) not in message
    assert "charged" not in message


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_host_without_tls_that_is_asked_by_tls_is_said_to_be_one(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    connection = emulator.connection("kling")
    bare = {**connection, "host": connection["host"].removeprefix("http://")}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(bare))

    with (
        KlingHook() as hook,
        pytest.raises(KlingConnectionError, match="Begin the host of the connection with http://"),
    ):
        asyncio.run(aget("x")) if asynchronous else hook.get_task("x")


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("llmprovider", "/kling"),
        ("kling", "/llmprovider"),
        ("kling-v3", "/llmprovider"),
        ("kling", ""),
        ("llmprovider", ""),
    ],
)
def test_test_connection_tells_a_wrong_dialect_and_a_wrong_path(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str, path: str
) -> None:
    connection = {**emulator.connection(dialect), "host": f"{emulator.url}{path}"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(connection))

    works, message = KlingHook().test_connection()

    assert not works, message
    assert "Check host (with its path prefix) and dialect of the connection" in message


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("kling://:k@", "https://platform.llmprovider.ai"),
        ("kling://:k@?dialect=kling", "https://api-singapore.klingai.com"),
        ("kling://:k@api.302.ai/klingai?dialect=kling", "https://api.302.ai/klingai"),
        ("kling://:k@127.0.0.1:8765/http", "http://127.0.0.1:8765"),
        ("kling://:k@https%3A%2F%2Fx.example%2Fa%2Fb%2F", "https://x.example/a/b"),
        ("kling://:k@https%3A%2F%2Fx.example:443", "https://x.example"),
        ("kling://:k@https%3A%2F%2Fx.example:8443", "https://x.example:8443"),
    ],
)
def test_the_base_url_of_a_connection_uri(monkeypatch: pytest.MonkeyPatch, uri: str, base_url: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)

    assert KlingHook().settings.base_url == base_url


def test_extra_of_a_connection_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "kling://:k@?timeout=7.5&models=kling-v8%2C+kling-v9")

    settings = KlingHook().settings
    assert (settings.timeout, settings.models) == (7.5, ("kling-v8", "kling-v9"))


@pytest.mark.parametrize(
    ("extra", "meant"),
    [
        ("dialct=kling", "dialect"),
        ("Dialect=kling", "dialect"),
        ("name_space=staging", "namespace"),
        ("model=a", "models"),
    ],
)
def test_a_misspelled_field_of_the_extra_is_refused(monkeypatch: pytest.MonkeyPatch, extra: str, meant: str) -> None:
    """Passed over, it would send a key of Kling's to the default dialect's host."""
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", f"kling://:k@?{extra}")

    works, message = KlingHook().test_connection()

    assert not works
    assert f"is no field; {meant!r} is. Nothing was sent." in message


def test_what_others_keep_in_the_extra_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "kling://:k@?owner=media&dialect=kling&dialects=2")

    assert KlingHook().settings.dialect.name == "kling"


def test_access_key_and_secret_key_are_no_use_for_the_new_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "kling://access:secret@?dialect=kling-v3")

    with pytest.raises(KlingConfigurationError, match="nothing was sent") as caught:
        KlingHook().settings  # noqa: B018
    assert "Make an API key" in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize(("extra", "namespace"), [("", ""), ("&namespace=", ""), ("&namespace=staging", "staging")])
def test_the_namespace_of_a_connection(monkeypatch: pytest.MonkeyPatch, extra: str, namespace: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", f"kling://:k@?dialect=kling{extra}")

    assert KlingHook().settings.account.namespace == namespace


def test_a_key_quoted_by_the_server_never_reaches_an_error(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    from airflow_provider_kling.api.http import Response
    from airflow_provider_kling.hooks.transport import SyncTransport

    def quoting(self: SyncTransport, request: Any, token: str) -> Response:
        return Response(401, {}, json.dumps({"code": 1002, "message": f"bad token {token}"}).encode())

    monkeypatch.setattr(SyncTransport, "send", quoting)
    with KlingHook() as hook, pytest.raises(KlingAuthenticationError) as caught:
        hook.get_task("x")
    assert "bad token ***" in str(caught.value)


def test_netrc_does_not_replace_the_key(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    with KlingHook() as hook, pytest.raises(KlingTaskNotFoundError):
        hook.get_task("x")
    with pytest.raises(KlingTaskNotFoundError):
        asyncio.run(aget("x"))


def test_all_errors_are_one_family() -> None:
    from airflow_provider_kling import exceptions

    tree = exceptions.__doc__ or ""
    classes = [
        value for value in vars(exceptions).values() if isinstance(value, type) and issubclass(value, KlingError)
    ]
    assert len(classes) > 20
    for error in classes:
        assert f"{error.__name__} " in f"{tree} ".replace("\n", " "), f"{error.__name__} is not drawn in the docstring"


def test_workers_and_triggerer_trust_the_same_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Behind a proxy that opens TLS, a submit would go through and no trigger could poll what it made."""

    class NotFound(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    identity, trusted = tls.make(tmp_path)
    server = ThreadingHTTPServer((tls.HOST, 0), NotFound)
    server.socket = tls.server_context(identity).wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    host = f"https://{tls.HOST}:{server.server_port}"
    monkeypatch.setenv("AIRFLOW_CONN_TLS", json.dumps({"conn_type": "kling", "password": "key", "host": host}))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))

    async def poll() -> Any:
        async with KlingHook("tls") as hook:
            return await hook.apoll_task("t1")

    with KlingHook("tls") as hook, pytest.raises(KlingError) as caught:
        hook.get_task("t1")
    answers = [caught.value, asyncio.run(poll())]
    server.shutdown()
    server.server_close()
    assert [answer.http_status for answer in answers] == [404, 404]
