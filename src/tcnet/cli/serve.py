"""tcnet serve."""

from pathlib import Path
from typing import Annotated

import typer

from tcnet.cli.console import err, out, print_notices
from tcnet.errors import UsageError, not_installed
from tcnet.speeds import speeds_notice

_EXTRA = frozenset(["fastapi", "starlette", "uvicorn", "sse_starlette"])


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; one that other machines reach needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="TCNET_TOKEN", help="Token of clients; generated if other machines reach the server."
        ),
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where uploads, jobs and results are kept.")] = Path(
        "tcnet-data"
    ),
    model: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE.safetensors: offer these weights too.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name of the server behind a proxy, such as video.example.org."),
    ] = None,
    keep_days: Annotated[
        float, typer.Option(max=1e6, help="Days after which ended and unstarted jobs are removed; 0: never.")
    ] = 7,
    max_upload: Annotated[float, typer.Option(max=1e6, help="GiB per file.")] = 8,
    max_duration: Annotated[float, typer.Option(max=1e9, help="Seconds per video.")] = 4 * 3600,
    max_pixels: Annotated[int, typer.Option(help="Per frame of the input.")] = 1920 * 1088,
    max_frames: Annotated[int, typer.Option(help="Per video.")] = 500_000,
    max_queue: Annotated[int, typer.Option(help="Waiting and running jobs.")] = 20,
    max_jobs: Annotated[int, typer.Option(help="Jobs and uploads that are kept.")] = 500,
    min_free: Annotated[float, typer.Option(min=0, max=1e6, help="GiB of disk space to leave free.")] = 2,
) -> None:
    """A page in the browser and an HTTP interface (docs/web.md) to upscale videos on this machine.

    Ctrl-C stops it; the next start with the same --data-dir continues unfinished jobs.
    """
    try:
        from tcnet.web.guard import is_loopback
        from tcnet.web.server import address, made_token, open_socket, run_server
        from tcnet.web.settings import GIBIBYTE, LOOPBACK, Limits, Settings, served_models
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise not_installed(str(error.name), "web") from error
    local = is_loopback(host)
    if token is None and not local:
        token = made_token()
    hosts = frozenset([*LOOPBACK, host.lower(), *(name.lower() for name in allow_host or [])])
    settings = Settings(
        data_dir=data_dir.absolute(), token=token, hosts=hosts if local or allow_host else None,
        keep_days=keep_days, models=served_models(_named_files(model or [])),
        limits=Limits(
            upload_bytes=int(max_upload * GIBIBYTE), duration_seconds=max_duration, pixels=max_pixels,
            frames=max_frames, queue=max_queue, jobs=max_jobs, free_bytes=int(min_free * GIBIBYTE),
        ),
    )  # fmt: skip
    listening = open_socket(host, port)

    def say() -> None:
        # Behind # it goes to no server's log, and the page can read it.
        out.print(address(listening) + (f"#token={token}" if token else ""), markup=False)
        err.print(
            f"jobs are kept in {data_dir}; Ctrl-C stops, and the next start continues them", markup=False
        )
        if (notice := speeds_notice()) is not None:
            print_notices([notice])

    run_server(settings, listening, say)


def _named_files(pairs: list[str]) -> dict[str, Path]:
    named = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not name.isprintable() or not name or not path:
            raise UsageError(f"--model {pair!r}: write NAME=FILE.safetensors")
        named[name] = Path(path)
    return named
