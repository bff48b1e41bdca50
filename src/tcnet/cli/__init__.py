"""The `tcnet` command: parse, call one function, map errors to exit codes."""

import signal
import sys
import traceback
from importlib import import_module
from types import FrameType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tcnet.cli.console import err, print_error, say
from tcnet.cli.stopped import Stopped
from tcnet.cli.streams import Streams
from tcnet.errors import TcnetError, describe_failure
from tcnet.version import __version__

_PRINTING = ("models", "bench", "doctor")  # commands whose result is what they print
_STOPPING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has all of them


COMMANDS = {
    "upscale": "Upscale videos by 4, with sound, times and colours kept.",
    "compare": "Show versions of a video together: side by side, wiped, their difference, or a line of "
    "pixels in time.",
    "evaluate": "Measure models on a benchmark by its published protocol; methods side by side on the same "
    "frames.",
    "degrade": "Make the low-resolution version (1/4) of a video, exactly as the benchmarks do.",
    "train": "Train a network. Ctrl-C saves and stops; --resume goes on exactly where it stopped.",
    "models": "List the models in the package: what each is for, how good, how fast here; or show the card "
    "of one.",
    "export": "Write a model as graphs that other programs run: ONNX, or OpenVINO's format.",
    "serve": "A page in the browser and an HTTP interface (docs/web.md) to upscale videos on this machine.",
    "bench": "Time models and their stages against BasicVSR, alternately, and against the machine's limits.",
    "doctor": "Show what is installed and what this machine offers: devices, precisions, codecs, speed.",
}
"""What the list of commands says of each: the beginning of its own help. Each is a function of its name in a
module of its name."""


class _Command(TyperCommand):
    """A command of the list. Its module is imported when it is called: torch alone takes over a second."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:  # noqa: ANN401 - typer's
        """That of the real command, which is called from there on."""
        assert self.name is not None
        one = typer.Typer(add_completion=False, rich_markup_mode="rich")
        one.command(self.name)(getattr(import_module(f"tcnet.cli.{self.name}"), self.name))
        return typer.main.get_command(one).make_context(info_name, args, *rest, **extra)


class _Commands(TyperGroup):
    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's
        super().__init__(**attributes)
        self.commands = {name: _Command(name, help=text) for name, text in COMMANDS.items()}


app = typer.Typer(
    cls=_Commands,
    help="Temporally consistent video super-resolution x4, for the files people have.\n\n"
    "Begin with: tcnet upscale VIDEO --dry-run",
    add_completion=False,
    rich_markup_mode="rich",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"tcnet {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback with an error."),
) -> None:
    context.obj = debug


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.

    What cannot be printed never ends the work; where printing is the work, it fails.
    """
    streams = Streams()
    for name in _STOPPING_SIGNALS:
        number = getattr(signal, name, None)
        # What is ignored stays ignored: that is how nohup works.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    arguments = sys.argv[1:] if arguments is None else arguments
    code = run(arguments)
    if (lost := streams.lost_output()) is not None:
        print_error(f"standard output could not be written ({lost.strerror}); what it says is lost")
        printed = next((each for each in arguments if not each.startswith("-")), None)
        code = code or int(printed is None or printed in _PRINTING)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code. Errors are one line unless --debug is given, anywhere."""
    debug = "--debug" in arguments
    # Whoever needs --debug adds it at the end, behind the command that failed.
    rest = [argument for argument in arguments if argument != "--debug"]
    try:
        code = app(["--debug"] * debug + rest, prog_name="tcnet", standalone_mode=False) or 0
    except (TcnetError, typer.TyperException) as error:
        if debug:
            traceback.print_exc()
        text = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if text:  # none where help was printed instead
            print_error(text)
        return error.exit_code
    except Stopped as stopped:
        say(str(stopped), console=err)
        return stopped.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence: an error of ours, said in one line
        if debug:
            traceback.print_exc()
        print_error(describe_failure(error))
        return 1
    return code


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)
