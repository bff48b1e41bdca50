"""Tags and languages in MP4 and MOV files that FFmpeg's muxer leaves out, added to the closed file.

It writes the tags that it has a standard place for, and either drops all others (where and with what a
telephone recorded) or, told `use_metadata_tags`, writes all of them in QuickTime's key-value list, where most
players look for none of the standard ones. Here both are there. Languages go into MOV by Macintosh's short
list only; both formats take any ISO 639-2 code.

The Movie box is at the end of what FFmpeg writes, so that it can grow.
"""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import av

Box = tuple[bytes, int, int]
"""(type, start of the content, end), in bytes of what it lies in."""

_APPLE = "com.apple.quicktime."
# ISO 639-1 to 639-2/T, for Matroska's newer tags ("de-AT"), of languages that films are often in.
_THREE_LETTERS = {
    "ar": "ara", "bg": "bul", "bn": "ben", "ca": "cat", "cs": "ces", "da": "dan", "de": "deu", "el": "ell",
    "en": "eng", "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin",
    "hr": "hrv", "hu": "hun", "id": "ind", "is": "isl", "it": "ita", "ja": "jpn", "ko": "kor", "lt": "lit",
    "lv": "lav", "ms": "msa", "nb": "nob", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sk": "slk", "sl": "slv", "sr": "srp", "sv": "swe", "ta": "tam", "te": "tel", "th": "tha",
    "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie", "zh": "zho",
}  # fmt: skip


def complete_tags(path: Path, tags: Mapping[str, str], languages: Sequence[str | None]) -> None:
    """Adds to a closed file the tags that cannot be read from it, and its tracks' languages, in order."""
    with av.open(str(path)) as container:
        found = {key.lower() for key in container.metadata}
        found |= {f"{key}-eng" for key in found}  # FFmpeg's reader gives what has a language twice
        is_mov = container.metadata.get("major_brand", "").startswith("qt")
    missing = {_spelled(key): text for key, text in tags.items() if key.lower() not in found}
    with path.open("r+b") as file:
        start = _movie_start(file)
        file.seek(start)
        movie = bytearray(file.read())
        _set_languages(movie, languages)
        if missing:
            movie += _key_values(missing, is_mov=is_mov)
            movie[:4] = struct.pack(">I", len(movie))
        file.seek(start)
        file.write(movie)


def language_code(tag: str | None) -> str | None:
    """The ISO 639-2 code of a language tag (deu, de, de-AT); None for one that has none here."""
    primary = (tag or "").split("-")[0].lower()
    code = _THREE_LETTERS.get(primary, primary)
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def _movie_start(file: BinaryIO) -> int:
    """Where the Movie box starts, which has to be the last one."""
    length = file.seek(0, os.SEEK_END)
    start = 0
    while start < length:
        file.seek(start)
        size, kind, large = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        end = start + (large if size == 1 else size)
        if kind == b"moov" and end == length:
            return start
        start = end
    raise AssertionError("the Movie box is not at the end, where FFmpeg writes it unless told otherwise")


def _set_languages(movie: bytearray, languages: Sequence[str | None]) -> None:
    tracks = [box for box in _boxes(movie, 8, len(movie)) if box[0] == b"trak"]
    for (_, start, end), tag in zip(tracks, languages, strict=False):  # a track of chapters may follow
        code = language_code(tag)
        if code is None:
            continue
        media = next(box for box in _boxes(movie, start, end) if box[0] == b"mdia")
        header = next(box for box in _boxes(movie, media[1], media[2]) if box[0] == b"mdhd")
        place = header[1] + (
            32 if movie[header[1]] == 1 else 20
        )  # behind version, two times, scale and duration
        packed = 0
        for letter in code:
            packed = packed << 5 | (ord(letter) - 0x60)
        movie[place : place + 2] = struct.pack(">H", packed)


def _key_values(tags: Mapping[str, str], *, is_mov: bool) -> bytes:
    """QuickTime's metadata box with keys of their own (QuickTime File Format, metadata atoms)."""
    keys, values = b"", b""
    for number, (key, text) in enumerate(tags.items(), 1):
        keys += _box(b"mdta", key.encode())
        values += _box(struct.pack(">I", number), _box(b"data", struct.pack(">II", 1, 0) + text.encode()))
    content = _box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    content += _box(b"keys", struct.pack(">II", 0, len(tags)) + keys) + _box(b"ilst", values)
    # ISO's box of this name has a version.
    return _box(b"meta", content if is_mov else bytes(4) + content)


def _spelled(key: str) -> str:
    """Matroska knows capitals only; Apple's programs look for their keys as they write them."""
    if key.lower().startswith(_APPLE):
        return key.lower().replace("iso6709", "ISO6709")
    return key


def _boxes(data: bytearray, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8:
            return
        yield kind, start + 8, start + size
        start += size


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content
