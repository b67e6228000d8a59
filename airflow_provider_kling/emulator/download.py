"""The files: signed links, ranges, and a note of who fetched what."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from airflow_provider_kling.emulator import video
from airflow_provider_kling.emulator.refusals import Reason, Refusal
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.sound import mp3, wav
from airflow_provider_kling.emulator.spec import MissingExtraError
from airflow_provider_kling.emulator.task import File, Task
from airflow_provider_kling.emulator.transport import transport_of

MEDIA_TYPES = {
    "video": {"mp4": "video/mp4"},
    "image": {"png": "image/png"},
    "audio": {"mp3": "audio/mpeg", "wav": "audio/wav"},
}
_CHUNK = 64 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")
_STATUSES = {
    Reason.NOT_FOUND: 404, Reason.INTERNAL: 500, Reason.BAD_GATEWAY: 502, Reason.UNAVAILABLE: 503, Reason.TIMEOUT: 504,
}  # fmt: skip


class FileResponse(Response):
    """A file or a part of it, in chunks. What was sent is noted on the task, unless the client left before the end."""

    def __init__(self, task: Task, name: str, body: bytes, range_header: str | None, media_type: str) -> None:
        first, last = byte_range(range_header, len(body))
        partial = range_header is not None and (first, last) != (0, len(body) - 1)
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"'}
        if partial:
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        super().__init__(body[first : last + 1], 206 if partial else 200, headers, media_type)
        self.task = task
        self.name = name
        self.whole = body
        self.sent = (first, last)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        last = max(0, len(body) - 1) // _CHUNK * _CHUNK
        for start in range(0, last, _CHUNK):
            await send({"type": "http.response.body", "body": body[start : start + _CHUNK], "more_body": True})
        # Noted before the last bytes leave, so that whoever has read them finds them noted.
        if not transport_of(scope).is_closing():
            self.task.served(self.name, *self.sent, len(self.whole))
        await send({"type": "http.response.body", "body": body[last:]})


def byte_range(header: str | None, length: int) -> tuple[int, int]:
    """First and last byte asked for. Several ranges at once are answered with the whole, as HTTP allows.

    Raises ``ValueError`` when the range lies outside the file.
    """
    match = _RANGE.match(header or "")
    if match is None or match.groups() == ("", ""):
        return 0, length - 1
    first, last = match.groups()
    if not first:
        return max(0, length - int(last)), length - 1
    start, end = int(first), min(int(last or length), length - 1)
    if start > end:
        raise ValueError(header)
    return start, end


@dataclass
class DownloadCall:
    """A request for a file. ``prepare`` makes it in a thread, so that the server goes on meanwhile."""

    service: Service
    request: Request
    media: str
    task: Task | None = field(default=None)
    file: File | None = field(default=None)
    content: bytes = field(default=b"")
    problem: Response | None = field(default=None)

    @property
    def media_type(self) -> str:
        """What the file is, for the client."""
        return MEDIA_TYPES[self.media][self.file.suffix if self.file else "mp4"]

    async def prepare(self) -> None:
        """Find the task, check the link, make the file."""
        self.task, self.file = named(self.service, self.media, self.request.path_params["name"])
        query = self.request.query_params
        if self.task is None or self.file is None:
            self.problem = _problem(404, f"no such {self.media}")
        elif not self.service.check_link(self.task, self.file, query.get("expires", ""), query.get("sig", "")):
            self.problem = self.expired()
        else:
            await self._render(self.task, self.file)

    async def _render(self, task: Task, file: File) -> None:
        try:
            self.content = await run_in_threadpool(render, task, file, self.service.settings.height)
        except MissingExtraError as missing:
            self.problem = _problem(501, str(missing))

    def answer(self) -> Response:
        if self.problem is not None or self.task is None or self.file is None:
            return self.problem or _problem(404, f"no such {self.media}")
        try:
            header = self.request.headers.get("range")
            return FileResponse(self.task, self.file.name, self.content, header, self.media_type)
        except ValueError:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{len(self.content)}"})

    def refuse(self, refusal: Refusal) -> Response:
        return _problem(_STATUSES.get(refusal.reason, 403), refusal.message)

    def expired(self) -> Response:
        """What an object store says about a bad or old signature."""
        return _problem(403, "Request has expired or the signature does not match")


def named(service: Service, media: str, name: str) -> tuple[Task | None, File | None]:
    """The finished task and the file of this name; None for what does not exist."""
    stem = name.rpartition(".")[0]
    task = service.task(stem.rpartition("-")[0] if media == "image" else stem)
    if task is None or task.status != "succeed" or task.no_videos:
        return None, None
    return task, next((file for file in task.files(media) if file.name == name), None)


def render(task: Task, file: File, height: int | None) -> bytes:
    """Make the file. Slow; to be called in a thread."""
    spec = task.spec(height)
    if file.media == "image":
        from airflow_provider_kling.emulator.picture import png

        return png(spec, int(file.name.rpartition("-")[2].partition(".")[0]))
    if file.media == "audio":
        return mp3(spec) if file.suffix == "mp3" else wav(spec)
    return video.render(spec)


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
