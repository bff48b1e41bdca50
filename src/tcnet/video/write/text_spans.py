"""Subtitles that overlap, for containers that show one text at a time (MP4, MOV).

There a text lasts until the next one begins: of two that start together the first would not be shown, and of
two that overlap the first would end early. So time is cut at each start and end, and what is shown between
two cuts becomes one text of several lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_FIELDS_BEFORE_TEXT = 8  # ReadOrder, Layer, Style, Name, three margins, Effect
_STYLE = 2


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A text and when it is shown, in ticks. end: None where the text does not say. dialogue: an event of ASS
    as FFmpeg's decoders give it."""

    start: int
    end: int | None
    dialogue: bytes


class TextSpans:
    """Takes texts in the order in which they start, gives spans that follow each other."""

    def __init__(self) -> None:
        self._shown: list[TextSpan] = []
        self._from = 0  # what is shown was given up to here

    def add(self, text: TextSpan) -> Iterator[TextSpan]:
        """The spans that end before `text` begins, or with it."""
        yield from self._until(text.start)
        # One of unknown length makes room for the next.
        self._shown = [shown for shown in self._shown if shown.end is not None and shown.end > text.start]
        self._shown.append(text)
        self._from = text.start

    def finish(self) -> Iterator[TextSpan]:
        """The spans that are left."""
        yield from self._until(None)
        self._shown = []

    def _until(self, stop: int | None) -> Iterator[TextSpan]:
        begin = self._from
        while shown := [text for text in self._shown if text.end is None or text.end > begin]:
            if stop is not None and begin >= stop:
                return
            ends = [end for end in (stop, *(text.end for text in shown)) if end is not None]
            end = min(ends, default=None)
            yield TextSpan(begin, end, joined([text.dialogue for text in shown]))
            if end is None:
                return
            begin = end


def joined(dialogues: list[bytes]) -> bytes:
    """Events of ASS as one, a line for each, all but the first in the style that they name."""
    first, *others = dialogues
    for other in others:
        *fields, text = other.split(b",", _FIELDS_BEFORE_TEXT)
        first += b"\\N{\\r" + fields[_STYLE] + b"}" + text
    return first
