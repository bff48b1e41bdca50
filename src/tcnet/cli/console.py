"""What all commands share on the terminal: results go to stdout, everything else to stderr."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(text: str) -> None:
    err.print(f"error: {one_line(text)}", style="red", markup=False)


def print_notices(notices: Sequence[str]) -> None:
    for notice in notices:
        err.print(f"note: {one_line(notice)}", style="yellow", markup=False)


def one_line(text: str) -> str:
    """Without what moves a terminal's cursor or colours it: texts quote names that others have chosen."""
    return "".join(sign if sign.isprintable() else "�" for sign in " ".join(text.split()))


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    *,
    fold: bool = False,
    console: Console = out,
) -> None:
    """The first column is text, the others are figures, aligned right. fold: text that is too long is broken
    into lines, rather than the figures."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for index, name in enumerate(header):
        table.add_column(
            name, justify="right" if index else "left", no_wrap=(index == 0) != fold, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(one_line(value)) for value in row))
    console.print(table)


def print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*row)
    out.print(grid)


def format_bytes(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def format_seconds(seconds: float) -> str:
    """A duration for people: 8.3 s, 12:05 (min), 3:04:10 (h)."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
