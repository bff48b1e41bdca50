"""The `tcnet` command: parse, call one function, map errors to exit codes."""

import sys
import traceback

import typer

from tcnet.cli.console import print_error
from tcnet.cli.degrade import degrade
from tcnet.cli.evaluate import evaluate
from tcnet.cli.machine import bench, doctor
from tcnet.cli.models import models
from tcnet.cli.upscale import upscale
from tcnet.errors import TcnetError
from tcnet.version import __version__

INTERRUPTED = 130

app = typer.Typer(
    help="Video super-resolution x4 that does not flicker.",
    add_completion=False,
    rich_markup_mode="rich",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (upscale, evaluate, degrade, models, bench, doctor):
    app.command()(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"tcnet {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Version."),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback with an error."),
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code. Errors are one line unless --debug is given."""
    try:
        return app(arguments, prog_name="tcnet", standalone_mode=False) or 0
    except (TcnetError, typer.TyperException) as error:
        _trace(arguments)
        text = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if text:
            print_error(text)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print_error("interrupted; nothing was left behind")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: an error of ours, said in one line
        _trace(arguments)
        print_error(
            f"{type(error).__name__}: {error} (a defect of tcnet; --debug before the command shows where)"
        )
        return 1


def _trace(arguments: list[str]) -> None:
    if "--debug" in arguments:
        traceback.print_exc()
