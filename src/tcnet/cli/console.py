"""What all commands share on the terminal: results go to stdout, everything else to stderr."""

from collections.abc import Sequence
from textwrap import fill

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(text: str) -> None:
    say(f"error: {text}", style="red", console=err)


def print_notices(notices: Sequence[str]) -> None:
    for notice in notices:
        say(f"note: {notice}", style="yellow", console=err)


def say(text: str, *, style: str | None = None, indent: int = 0, console: Console = out) -> None:
    """A line for the user: on a terminal broken between words, further lines indented; else as it is."""
    text = " " * indent + one_line(text)
    if console.is_terminal:
        text = fill(
            text, console.width, subsequent_indent=" " * (indent + 2), break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    console.print(text, style=style, markup=False)


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
