"""The server as an ASGI application."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Match

from tcnet.version import __version__
from tcnet.web.guard import Guard
from tcnet.web.refusal import Refusal
from tcnet.web.routes import event_routes, job_routes, picture_routes, server_routes
from tcnet.web.service import Service
from tcnet.web.upload_routes import upload_routes

STATIC = Path(__file__).parent / "static"


def create_app(service: Service) -> FastAPI:
    """The routes of docs/web.md; `service` starts and closes with the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.close()

    app = FastAPI(
        title="tcnet", version=__version__, summary="Video super-resolution by HTTP.", lifespan=lifespan,
        openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,  # those load scripts of other hosts
        redirect_slashes=False, separate_input_output_schemas=False,
    )  # fmt: skip
    for routes in (server_routes, upload_routes, job_routes, event_routes, picture_routes):
        app.include_router(routes(service))

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(sqlite3.OperationalError, _cannot_store)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Guard, settings=service.settings)
    return app


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return JSONResponse({"error": str(error)}, error.status, error.headers)


def _cannot_store(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": f"the server cannot write its records ({error}); is its disk full?"}, 507)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = " ".join(str(part) for part in first["loc"] if part != "body")
    return JSONResponse({"error": f"{place}: {first['msg']}"[:300]}, 422)


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return JSONResponse({"error": str(error.detail)}, error.status_code, headers)


def _methods(request: Request) -> set[str]:
    """The methods of all routes at the address: the error names those of one."""
    methods: set[str] = set()
    for method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes):
            methods.add(method)
    return methods
