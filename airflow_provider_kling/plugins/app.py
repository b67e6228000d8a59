"""
The pages and what they fetch, as an app that Airflow's API server mounts.

Only an API server imports this module. Each route that gives out something of a DAG asks Airflow's permission for it;
the files of the pages themselves are open, as Airflow's own are.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from airflow_provider_kling.plugins import rows
from airflow_provider_kling.plugins.access import INSTANCE_OF_DAG, XCOM_OF_DAG, readable
from airflow_provider_kling.plugins.files import LandedMedia, NoFileError, media
from airflow_provider_kling.plugins.gallery import Gallery
from airflow_provider_kling.plugins.paging import Cursor, Wanted
from airflow_provider_kling.plugins.ranges import NotSatisfiable, Part, part_of
from airflow_provider_kling.plugins.rows import Filters, Place

_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {path.name: path for path in _STATIC.iterdir() if path.suffix in _TYPES}

# Nothing from elsewhere, nothing inline, and framed by Airflow alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PLACE = "{dag_id}/{run_id}/{task_id}/{map_index}"

router = APIRouter()
_gallery = Gallery()

Text = Annotated[str | None, Query(max_length=300)]
# In the tab of a task that is not mapped, Airflow 3.4 leaves the place for it as it is.
_UNMAPPED = BeforeValidator(lambda given: "-1" if given == "{MAP_INDEX}" else given)


def _in_utc(moment: datetime) -> datetime:
    """Return it as the database takes it; where its zone puts it out of all years, it is no date."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of all years") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
MapIndex = Annotated[int, _UNMAPPED, InPath(ge=-1, le=1_000_000)]


def make_app() -> FastAPI:
    """Return the app; without pages of documentation, which would load scripts from elsewhere."""
    app = FastAPI(title="Kling videos", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)
    app.add_exception_handler(HTTPException, _error_page)

    @app.middleware("http")
    async def with_headers(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        answer.headers.update(_HEADERS)
        # Of a user's own DAGs: no cache in between may keep it, and the browser asks again each time.
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    return app


async def _error_page(request: Request, error: Any) -> Response:
    """Answer people with a page and scripts with JSON."""
    if "text/html" in request.headers.get("accept", "") and error.status_code in (401, 403, 404):
        page = (_STATIC / "error.html").read_text("utf-8").replace("STATUS", str(error.status_code))
        return HTMLResponse(page.replace("ROOT/", _root_of(request)), error.status_code)
    from fastapi.exception_handlers import http_exception_handler

    return await http_exception_handler(request, error)


def _root_of(request: Request) -> str:
    """Return the way from a page to the root of the gallery; an address that a proxy rewrites needs no more."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * (path.count("/") - 1) or "./"


# --- pages ----------------------------------------------------------------------------------------------------------


@router.get("/")
def gallery_page(user: GetUserDep) -> FileResponse:
    """The grid: whoever is logged in may open it, and sees in it what they may read."""
    return FileResponse(_STATIC / "gallery.html", media_type="text/html")


@router.get(f"/task/{_PLACE}", dependencies=[XCOM_OF_DAG, INSTANCE_OF_DAG])
def task_page(dag_id: str, run_id: str, task_id: str, map_index: MapIndex) -> FileResponse:
    """The page of a task instance, which may not have begun yet."""
    return FileResponse(_STATIC / "task.html", media_type="text/html")


@router.get("/static/{name}")
def static(name: str) -> FileResponse:
    """A file of the pages."""
    path = _FILES.get(name)
    if path is None:
        raise HTTPException(404, "No such file.")
    return FileResponse(path, media_type=_TYPES[path.suffix])


# --- what they fetch ------------------------------------------------------------------------------------------------


@router.get("/api/videos")
def videos(
    user: GetUserDep,
    session: SessionDep,
    dag_id: Text = None,
    run_id: Text = None,
    words: Text = None,
    status: Annotated[str | None, Query(pattern="^(running|done|failed|moderated)$")] = None,
    since: Moment | None = None,
    until: Moment | None = None,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    size: Annotated[int, Query(ge=1, le=100)] = 24,
) -> dict[str, Any]:
    """Return a page of what the user may read."""
    allowed = readable(rows.dag_ids(session), user, session)
    filters = Filters({dag_id} & allowed if dag_id else allowed, run_id=run_id, since=since, until=until)
    page = _gallery.page(session, filters, Wanted(status, words), _cursor(cursor), size)
    return {**page, "dag_ids": sorted(allowed)}


@router.get(f"/api/task/{_PLACE}", dependencies=[XCOM_OF_DAG, INSTANCE_OF_DAG])
def task(
    session: SessionDep,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: MapIndex,
    first: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Return a task instance with its clips."""
    found = _gallery.task(session, Place(dag_id, run_id, task_id, map_index), first)
    if found is None:
        raise HTTPException(404, "This task instance has recorded no video.")
    return found


@router.api_route(f"/video/{_PLACE}/{{number}}", methods=["GET", "HEAD"], dependencies=[XCOM_OF_DAG])
def video(
    request: Request,
    session: SessionDep,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: MapIndex,
    number: str,
    range_header: Annotated[str | None, Header(alias="range")] = None,
    if_range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a landed file, or a part of it."""
    clip = _gallery.clip(session, Place(dag_id, run_id, task_id, map_index), number)
    if clip is None or clip.path is None:
        raise HTTPException(404, "There is no such landed file.")
    # A download may take minutes; the connection to the database is somebody else's by then.
    session.close()
    try:
        found = media(clip.path)
    except NoFileError as error:
        raise HTTPException(404, str(error)) from error
    if if_none_match == found.etag:
        return Response(status_code=304, headers={"ETag": found.etag})
    wanted = range_header if if_range in (None, found.etag) else None
    return _streamed(found, wanted, with_body=request.method == "GET")


@router.get(f"/at-kling/{_PLACE}/{{number}}", dependencies=[XCOM_OF_DAG])
def at_kling(
    session: SessionDep, dag_id: str, run_id: str, task_id: str, map_index: MapIndex, number: str
) -> RedirectResponse:
    """Lead to Kling's own copy, by the signed link that the result holds."""
    clip = _gallery.clip(session, Place(dag_id, run_id, task_id, map_index), number)
    if clip is None or clip.url is None:
        raise HTTPException(404, "The result holds no link to Kling.")
    return RedirectResponse(clip.url, headers={"Cache-Control": "no-store"})


def _cursor(text: str | None) -> Cursor | None:
    try:
        return Cursor.read(text) if text else None
    except ValueError as error:
        raise HTTPException(400, "That is no cursor of this gallery.") from error


def _streamed(found: LandedMedia, wanted: str | None, *, with_body: bool) -> Response:
    headers = {
        "Accept-Ranges": "bytes",
        # Airflow compresses what names no encoding, and then no length and no range would be right.
        "Content-Encoding": "identity",
        "ETag": found.etag,
        "Content-Disposition": f'inline; filename="{quote(found.name)}"',
    }
    try:
        part = part_of(wanted, found.size)
    except NotSatisfiable:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{found.size}"})
    start, length = part or Part(0, found.size)
    headers["Content-Length"] = str(length)
    if part:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{found.size}"
    status = 206 if part else 200
    if not with_body:
        return Response(status_code=status, headers=headers, media_type=found.media_type)
    return StreamingResponse(found.chunks(start, length), status, headers, found.media_type)
