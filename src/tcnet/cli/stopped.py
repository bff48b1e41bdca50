"""A command that was stopped by a signal, and its message."""

SIGNALLED = 128
"""And the signal's number: how shells report it."""


class Stopped(BaseException):
    """A signal that ends the program. No KeyboardInterrupt: typer would take that for a quiet exit.

    kept: what is kept of the work, for people; whoever knows it sets it while this passes by.
    """

    def __init__(self, number: int) -> None:
        super().__init__("interrupted")
        self.exit_code = SIGNALLED + number
        self.kept = "nothing half-done was left behind"

    def __str__(self) -> str:
        return f"interrupted; {self.kept}"
