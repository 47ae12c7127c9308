"""The application: the API, the page's files, and errors as codes."""

from __future__ import annotations

import logging
import mimetypes
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from krolik.errors import KrolikError, NotFound
from krolik.files import storage_error
from krolik.server.guard import Guard
from krolik.server.routes import jobs, project, results, start, video, work
from krolik.server.workspace import Workspace

WEB = Path(__file__).parent / "_web"
# some Windows registries call these text/plain, which nosniff then forbids to run
for kind, suffix in (("text/javascript", ".js"), ("text/css", ".css"), ("image/svg+xml", ".svg")):
    mimetypes.add_type(kind, suffix)


def create_app(workspace: Workspace, port: int, key: str | None = None) -> Guard:
    """The guarded application. Raises NotFound when the page was not built."""
    if not (WEB / "index.html").is_file():
        raise NotFound("the user interface was not built with this installation", WEB, "Install Krolik again.")

    @asynccontextmanager
    async def lifespan(_: FastAPI):
        yield
        workspace.close()

    app = FastAPI(title="Krolik", openapi_url=None, lifespan=lifespan)
    app.state.workspace = workspace
    for router in (start.router, project.router, video.router, work.router, jobs.router, results.router):
        app.include_router(router)
    _translate_errors(app)
    app.mount("/assets", StaticFiles(directory=WEB / "assets"))
    app.add_api_route("/", lambda: FileResponse(WEB / "index.html"), include_in_schema=False)
    return Guard(app, port, key)


def _translate_errors(app: FastAPI) -> None:
    def answer(status: int, code: str, message: str) -> JSONResponse:
        return JSONResponse({"code": code, "message": message, "values": {}}, status)

    @app.exception_handler(KrolikError)
    async def _(request: Request, error: KrolikError) -> JSONResponse:
        return JSONResponse(error.to_json(), error.http_status)

    @app.exception_handler(OSError)
    async def _(request: Request, error: OSError) -> JSONResponse:
        refused = storage_error(error, Path(error.filename or "disk"))
        return JSONResponse(refused.to_json(), refused.http_status)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return answer(422, "bad-request", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "no-address", 413: "too-large"}
        return answer(error.status_code, codes.get(error.status_code, "bad-request"), error.detail)

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        logging.getLogger("krolik").exception("%s %s", request.method, request.url.path)
        return answer(500, "internal", "something went wrong in the program")
