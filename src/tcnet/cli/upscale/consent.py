"""Whether a long run is meant: asked once, where there is somebody to ask."""

import sys

import typer

from tcnet.cli.console import err, say
from tcnet.durations import describe_duration
from tcnet.inference import Plan
from tcnet.upscale.advice import ASK_SECONDS


class Consent:
    """One answer holds for all inputs of a command."""

    def __init__(self, *, given: bool, may_ask: bool) -> None:
        """given: nothing has to be asked (--yes). may_ask: whether answers can be expected on stdin."""
        self._given = given or not may_ask

    def ask(self, plan: Plan) -> None:
        """Raises typer.Exit where the answer to a run of more than ASK_SECONDS is not yes."""
        if self._given or plan.seconds is None or plan.seconds < ASK_SECONDS:
            return
        question = f"over {describe_duration(ASK_SECONDS)}: go on? [y/N] (--yes does not ask) "
        err.print(question, end="", markup=False)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            say("not begun: nothing was written", console=err)
            raise typer.Exit(1)
        self._given = True


def somebody_is_there() -> bool:
    """Whether questions are seen and answers can be typed."""
    return sys.stdin is not None and sys.stdin.isatty() and err.is_terminal
