"""Exports over HTTP: asked for, followed, cancelled, and downloaded.

Requests and answers belong here; the queue stands in `export_jobs`, the archives in `archives`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast, get_args

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.datasets.archives import Form, archive, archive_length
from flamingo_bark_assets.studio.datasets.export_jobs import ExportJobs, ExportRefused
from flamingo_bark_assets.studio.datasets.export_store import ExportChoice, ExportJob, ExportStore
from flamingo_bark_assets.studio.requests import read_json, threaded


class _Asked(BaseModel):
    """The body of a request for an export."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(max_length=50)
    view: str | None = Field(None, max_length=20)
    commercial: bool = False
    accepted_only: bool = False
    by_artist: bool = False
    custom_tag: str = Field("", max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    overwrite: bool = False


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of exports."""
    exports, store = ExportJobs(studio.paths, studio.by), ExportStore(studio.paths)

    def listed(_: Request) -> Response:
        jobs = exports.jobs()
        standing = [
            {**asdict(each), "busy": any(job.folder == each.folder and not job.has_ended for job in jobs)}
            for each in store.standing()
        ]
        return JSONResponse({"jobs": [_brief(exports, job) for job in jobs], "standing": standing})

    def one(request: Request) -> Response:
        return JSONResponse(_whole(exports, _found(exports, request)))

    async def ask(request: Request) -> Response:
        asked = await read_json(request, _Asked)
        return await threaded(_asked, studio, exports, asked)

    def cancel(request: Request) -> Response:
        job = _found(exports, request)
        try:
            exports.cancel(job)
        except ExportRefused as refusal:
            raise HTTPException(409, str(refusal)) from refusal
        left = exports.find(job.id)
        return JSONResponse({"job": _brief(exports, left) if left else None})

    def download(request: Request) -> Response:
        folder, form = request.path_params["folder"], request.query_params.get("form", "zip")
        if form not in get_args(Form):
            raise HTTPException(400, "an export is downloaded as zip or as tar")
        if folder not in {each.folder for each in store.standing()}:
            raise HTTPException(404, "there is no such export")
        if exports.is_busy(folder):
            raise HTTPException(409, "this export is being made anew; download it when that has ended")
        return _archived(studio, folder, cast(Form, form))

    return [
        Route("/api/exports", listed),
        Route("/api/exports", ask, methods=["POST"]),
        Route("/api/exports/{id}", one),
        Route("/api/exports/{id}", cancel, methods=["DELETE"]),
        Route("/exports/{folder}/download", download),
    ]


def _asked(studio: Studio, exports: ExportJobs, asked: _Asked) -> Response:
    target = TARGETS.get(asked.target)
    if target is None:
        raise HTTPException(400, f"there is no such target; there are {', '.join(TARGETS)}")
    if asked.view in {"", target.VIEWS[0]}:
        asked.view = None
    if asked.view:
        from flamingo_bark_assets.exports.songs import views_of

        views_of(target, ExportOptions(view=asked.view), studio.settings())
    try:
        job = exports.ask(ExportChoice(**asked.model_dump()))
    except ExportRefused as refusal:
        raise HTTPException(409, str(refusal)) from refusal
    return JSONResponse({"job": _brief(exports, job)}, 202)


def _found(exports: ExportJobs, request: Request) -> ExportJob:
    job = exports.find(request.path_params["id"])
    if job is None:
        raise HTTPException(404, "there is no such export")
    return job


def _brief(exports: ExportJobs, job: ExportJob) -> dict[str, Any]:
    """Return a job without its findings, of which only the number is told."""
    told = _whole(exports, job)
    if job.verification is not None:
        told["verification"] = {name: value for name, value in job.verification.items() if name != "findings"}
    return told


def _whole(exports: ExportJobs, job: ExportJob) -> dict[str, Any]:
    told = {name: value for name, value in asdict(job).items() if name != "owner"}
    return {**told, "title": TARGETS[job.choice.target].TITLE if job.choice.target in TARGETS else job.choice.target,
            "has_ended": job.has_ended, "before_it": exports.place(job)}  # fmt: skip


def _archived(studio: Studio, folder: str, form: Form) -> Response:
    path, name = studio.paths.exports / folder, f"flamingo-bark-{folder}"
    try:
        length = archive_length(path, name, form)
    except OSError as error:
        raise HTTPException(404, f"the export cannot be read: {error.strerror}") from error
    headers = {"Content-Length": str(length), "Content-Disposition": f'attachment; filename="{name}.{form}"'}
    media = "application/zip" if form == "zip" else "application/x-tar"
    return StreamingResponse(archive(path, name, form), media_type=media, headers=headers)
