"""The hostile servers: each plays the API in a nasty way of its own, and quotes the key that it was sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from airflow_provider_kling.emulator.transport import CutShort
from tests.canary.answers import Call, as_json

Answer = Callable[[Call], Response]

# ftyp, moov and mdat: as whole as a landed video has to be.
MP4 = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08moov" + (4096).to_bytes(4, "big") + b"mdat" + b"\x2a" * 4088


def healthy_create(call: Call) -> Response:
    """Answer as the API does."""
    return call.says(call.task("submitted"))


def healthy_poll(call: Call) -> Response:
    """Answer as the API does, with a finished video."""
    return call.says(call.task("succeed", task_result=call.videos()))


def healthy_download(_: Call) -> Response:
    """Send the video."""
    return Response(MP4, media_type="video/mp4")


@dataclass(frozen=True)
class Server:
    """
    A host.

    :param poll: how it answers a poll, and a create in the variants that are hostile from there on.
    :param create: how it answers a create there, where that is another answer.
    :param download: how it sends the video.
    """

    poll: Answer
    create: Answer | None = None
    download: Answer = healthy_download


def _odd_fields(call: Call) -> Response:
    """A success that repeats the request in fields that nobody asked for, and in some that end in the manifest."""
    echo = {"Authorization": call.authorization, "curl": f"curl -H 'Authorization: {call.in_json}' {call.in_url}"}
    task = call.task(
        "succeed",
        task_status_msg=call.everywhere,
        task_result=call.videos(id=f"v-{call.everywhere}", watermark_url=call.link),
        request_headers=echo,
        debug=call.in_base64,
    )
    return call.says(task, {"x-debug": call.in_url}, message=call.everywhere, request_id=call.everywhere, echo=echo)


def _units(call: Call) -> Response:
    """A success whose price and times are the key."""
    task = call.task("succeed", task_result=call.videos(duration=call.authorization), final_unit_deduction=call.in_url)
    return call.says({**task, "created_at": call.authorization})


def _status_word(call: Call) -> Response:
    """A status that no documentation knows: it is logged and awaited."""
    return call.says(call.task(f"held for {call.everywhere}", task_status_msg=call.everywhere))


def _refused(call: Call) -> Response:
    return call.refuses(422, 1201, f"Invalid value in {{'authorization': '{call.everywhere}'}}; see {call.link}")


def _unauthorized(call: Call) -> Response:
    message = f"Incorrect API key provided: {call.in_url} {call.in_html} {call.in_json} {call.authorization}."
    return call.refuses(401, 1002, message, {"www-authenticate": f"Bearer realm={call.in_url}"})


def _html(call: Call) -> Response:
    page = f"<html><title>{call.in_url}</title><p>{call.in_html}</p><a href='{call.link}'>{call.token}</a></html>"
    return Response(page, 502, media_type="text/html")


def _html_forbidden(call: Call) -> Response:
    return Response(_html(call).body, 403, media_type="text/html")


def _redirect(call: Call) -> Response:
    forms = call.in_url.replace(" ", ",")
    header = {"location": f"https://login.example/?next={forms}&token={call.token}&link={call.link}"}
    return Response(call.everywhere, 302, header)


def _in_headers(call: Call) -> dict[str, str]:
    return {
        "x-request-id": f"{call.token} {call.in_url}",
        "content-type": f"application/{call.token} {call.in_html}; charset={call.in_url}",
        "retry-after": call.authorization,
    }


def _request_id(call: Call) -> Response:
    """Refuse with the key in each header and in the id to quote in a support ticket."""
    return call.refuses(400, 1200, "Invalid format", _in_headers(call), request_id=call.everywhere)


def _no_api(call: Call) -> Response:
    """Send the same headers with an answer that is not the API's."""
    return Response("<teapot>", 418, _in_headers(call))


def _failed(call: Call) -> Response:
    """A task that failed for a reason that quotes key and link."""
    reason = f"upstream said {call.in_url} {call.in_html} {call.in_json} {call.authorization} for {call.link}"
    return call.says(call.task("failed", task_status_msg=reason), message=reason)


def _garbage(call: Call) -> Response:
    """Success by status and nothing of the API: a truncated answer, a text, an array, one field of a wrong type."""
    link = call.link.replace("/", "\\/")
    texts = [
        f'{{"videos":[{{"url":"{link}","authorization":"{call.in_json}"',
        f"{call.in_url} {call.authorization}",
        f"{call.link} {call.in_html}",
    ]
    kind = call.nth % 5
    if kind == 3:
        return as_json([call.authorization, call.link])
    if kind == 4:
        return call.says(call.task("succeed", task_result=call.authorization, task_info=call.link))
    return Response(texts[kind], 200, media_type="application/json")


def _bad_link(call: Call) -> Response:
    """A success with a link that is none, yet is signed."""
    query = call.link.partition("?")[2]
    links = [f"http://[bad?{query}", f"ftp://127.0.0.1/v.mp4?{query}", f"{call.authorization}", f"//h:port/?{query}"]
    return call.says(call.task("succeed", task_result=call.videos(links[call.nth % len(links)])))


def _forbidding_download(call: Call) -> Response:
    """Refuse with the link in text and header, or send on to a host that does not answer, with the signature."""
    kind = call.nth % 3
    if kind == 0:
        page = f"<Error><Code>AccessDenied</Code><Resource>{call.link}</Resource></Error>"
        return Response(page, 403, {"x-link": call.link, "content-type": "application/xml"})
    if kind == 1:
        query = call.link.partition("?")[2]
        return Response("", 302, {"location": f"http://127.0.0.1:1/elsewhere.mp4?{query}"})
    return Response(f"<html>{call.link}</html>", 200, media_type="text/html")


def _half_download(_: Call) -> Response:
    """Promise a whole video, and hang up in the middle."""
    return CutShort(MP4, len(MP4) // 2, "video/mp4", honest_length=True)


SERVERS = {
    "odd_fields": Server(_odd_fields),
    "units": Server(_units),
    "status_word": Server(_status_word),
    "refused": Server(_refused),
    "unauthorized": Server(_unauthorized),
    "html": Server(_html, create=_html_forbidden),
    "redirect": Server(_redirect),
    "request_id": Server(_request_id),
    "no_api": Server(_no_api),
    "failed": Server(_failed),
    "garbage": Server(_garbage),
    "bad_link": Server(_bad_link),
    "forbidding_download": Server(healthy_poll, healthy_create, _forbidding_download),
    "half_download": Server(healthy_poll, healthy_create, _half_download),
    "healthy": Server(healthy_poll, healthy_create),
}
