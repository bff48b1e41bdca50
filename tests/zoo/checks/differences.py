"""Input against output, property by property."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from zoo.checks.facts import Facts, Track
from zoo.files.pictures import GRID, MOTION
from zoo.files.specimen import Specimen

SCALE = 4
_RGB_CODES = 255
_COLOR_TOLERANCE = 2.0  # 8-bit codes, mean of a patch: H.264 at its default quality
_AV1_TOLERANCE = 3.0
_INTERLACED_TOLERANCE = 4.0
_NEUTRAL_TAGS = frozenset(("creation_time", "date", "alpha_mode", "variant_bitrate", "timecode"))
_TICKS = {".mkv": Fraction(1, 1000), ".webm": Fraction(1, 1000)}
_MOVING = MOTION[1] * GRID[0] + MOTION[0]


@dataclass(frozen=True)
class Case:
    specimen: Specimen
    source: Facts
    output: Facts
    suffix: str

    @property
    def tick(self) -> Fraction:
        """How far times may be off: half a tick of Matroska's clock for rounding, and that of its input."""
        return _TICKS.get(self.suffix, Fraction(0)) * Fraction(51, 100)


Check = Callable[[Case], Iterator[str]]


def differences(case: Case) -> dict[str, list[str]]:
    """For each property what differs, in words; an empty list where nothing does."""
    return {name: list(check(case)) for name, check in CHECKS.items()}


def _frames(case: Case) -> Iterator[str]:
    expected = len(case.specimen.starts) * case.specimen.repeat
    if len(case.source.times) != expected:
        yield f"the input has {len(case.source.times)} frames, made with {expected}"
    if len(case.output.times) != expected:
        yield f"{len(case.output.times)} frames instead of {expected}"


def _times(case: Case) -> Iterator[str]:
    if case.suffix == "/":
        return
    wanted = expected_times(case)
    got = case.output.times
    if len(wanted) != len(got):
        return  # said by `frames`
    for index, (before, after) in enumerate(zip(wanted, got, strict=True)):
        if after is None or abs(after - before) > case.tick:
            yield f"frame {index} at {_seconds(after)} instead of {_seconds(before)}"
            return


def expected_times(case: Case) -> list[Fraction]:
    """The input's; where it has none, or goes back, those of the specimen."""
    given, specimen = case.source.times, case.specimen
    made = [start * specimen.ticks for start in specimen.starts]
    if specimen.repeat > 1:
        length = made[-1] + specimen.last_ticks * specimen.ticks - made[0]
        origin = given[0] or Fraction(0)
        return [origin + time + length * turn for turn in range(specimen.repeat) for time in made]
    if any(time is None for time in given):
        return made
    return [time for time in given if time is not None]


def expected_starts(case: Case, given: list[Fraction]) -> list[Fraction]:
    """Of packets at the times `given`: in a file that repeats, those of one turn, again and again."""
    specimen = case.specimen
    if specimen.repeat == 1:
        return given
    each = len(given) // specimen.repeat
    length = (specimen.starts[-1] + specimen.last_ticks - specimen.starts[0]) * specimen.ticks
    return [time + length * turn for turn in range(specimen.repeat) for time in given[:each]]


def _spacing(case: Case) -> Iterator[str]:
    """The input itself is as it was made: else the comparison says nothing."""
    given = [time for time in case.source.times if time is not None]
    if case.specimen.repeat > 1 or len(given) != len(case.specimen.starts):
        return
    made = [start * case.specimen.ticks for start in case.specimen.starts]
    worst = max(abs((a - given[0]) - (b - made[0])) for a, b in zip(given, made, strict=True))
    if worst > Fraction(1, 1000):
        yield f"the input's times are {_seconds(worst)} off from what it was made with"


def _end(case: Case) -> Iterator[str]:
    if case.suffix == "/" or case.output.end is None:
        return
    specimen = case.specimen
    end = expected_times(case)[-1] + specimen.last_ticks * specimen.ticks
    # A millisecond for each container's clock: the duration is rounded apart from the time.
    if abs(case.output.end - end) > (Fraction(2, 1000) if case.suffix in _TICKS else Fraction(1, 1000)):
        yield f"ends at {_seconds(case.output.end)} instead of {_seconds(end)}"


def _rate(case: Case) -> Iterator[str]:
    if case.suffix == "/" or case.specimen.times is not None or case.specimen.repeat > 1:
        return
    got, wanted = case.output.rate, case.specimen.rate
    if len(case.output.times) > 1 and (got is None or abs(got / wanted - 1) > Fraction(1, 1000)):
        yield f"{got} frames a second instead of {wanted}"


def _size(case: Case) -> Iterator[str]:
    width, height = (side * SCALE for side in case.specimen.size)
    if case.output.size != (width, height):
        yield f"{case.output.size} instead of {(width, height)}"


def _colors(case: Case) -> Iterator[str]:
    if case.source.colors.shape != case.output.colors.shape:
        return  # said by `frames`
    off = np.abs(case.source.colors - case.output.colors) * _RGB_CODES
    tolerance = _AV1_TOLERANCE if case.output.codec == "av1" else _COLOR_TOLERANCE
    if case.specimen.interlaced:
        off = np.delete(off, _MOVING, 1)
        tolerance = _INTERLACED_TOLERANCE
    if off.max() > tolerance:
        frame, patch, _ = np.unravel_index(off.argmax(), off.shape)
        source, output = (np.round(facts.colors[frame, patch] * _RGB_CODES, 1) for facts in (case.source, case.output))  # fmt: skip
        yield f"patch {patch} of frame {frame} is {output.tolist()} instead of {source.tolist()}"


def _alpha(case: Case) -> Iterator[str]:
    source, output = case.source.alpha, case.output.alpha
    if source is None or (source > 0.999).all():
        return
    if output is None:
        yield "none"
    elif source.shape == output.shape and np.abs(source - output).max() * _RGB_CODES > _COLOR_TOLERANCE:
        yield f"off by {np.abs(source - output).max() * _RGB_CODES:.1f} codes"


def _combs(case: Case) -> Iterator[str]:
    if case.specimen.interlaced and case.output.combs > case.source.combs / 4:
        yield f"lines alternate by {case.output.combs:.0f} codes, in the input by {case.source.combs:.0f}"
    if case.output.interlaced:
        yield "marked as interlaced"


def _depth(case: Case) -> Iterator[str]:
    """More bits are no loss: ProRes 4444 is read with 12."""
    wanted = 8 if case.source.depth <= 8 else case.source.depth
    if case.specimen.codec.startswith("prores"):
        wanted = 10
    if case.output.depth < wanted:
        yield f"{case.output.depth} bits instead of {wanted}"


def _tags_of_color(case: Case) -> Iterator[str]:
    if case.suffix == "/":
        return
    names = ("matrix", "primaries", "transfer", "range")
    is_rgb = case.output.pixel_format.startswith(("gbr", "rgb", "bgr"))
    for name, made, got in zip(names, _color_made(case), case.output.color, strict=True):
        if made in (2, 0) and name != "range":
            continue  # not said: what the product assumes, it may say
        if name == "range" and made == 0:
            continue
        if is_rgb and name in ("matrix", "range"):
            continue
        if got != made:
            yield f"{name} {got} instead of {made}"


def _color_made(case: Case) -> tuple[int, int, int, int]:
    color = case.specimen.color
    return color.matrix, color.primaries, color.transfer, color.range


def _hdr(case: Case) -> Iterator[str]:
    before, after = case.source.mastering, case.output.mastering
    if before is not None and (after is None or not np.allclose(before, after, rtol=1e-3, atol=1e-4)):
        yield f"mastering display {after} instead of {before}"
    if case.source.light is not None and case.output.light != case.source.light:
        yield f"light level {case.output.light} instead of {case.source.light}"


def _ratio(case: Case) -> Iterator[str]:
    if case.source.ratio != case.specimen.ratio:
        yield f"the input says {case.source.ratio}, made with {case.specimen.ratio}"
    if case.suffix != "/" and case.output.ratio != case.source.ratio:
        yield f"{case.output.ratio} instead of {case.source.ratio}"


def _rotation(case: Case) -> Iterator[str]:
    before, after = case.source.display_matrix, case.output.display_matrix
    turned = case.specimen.rotation is not None or case.specimen.exif > 1
    if turned != (before is not None):
        yield f"the input's display matrix is {before}"
    if before is not None and (after is None or after[:6] != before[:6]):
        yield f"display matrix {after} instead of {before}"
    if before is None and after is not None:
        yield f"display matrix {after} out of nothing"


def _sound(case: Case) -> Iterator[str]:
    before, after = (_of_kind(facts, "audio") for facts in (case.source, case.output))
    if len(before) != len(after):
        yield f"{len(after)} tracks instead of {len(before)}"
        return
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if old.shape != new.shape:
            yield f"track {number} is {new.shape} instead of {old.shape}"
        if old.codec != new.codec:
            yield f"track {number} is {new.codec} instead of {old.codec}"
        yield from (f"track {number}: {text}" for text in _packets(case, old, new))


def _packets(case: Case, old: Track, new: Track) -> Iterator[str]:
    assert old.samples is not None
    assert new.samples is not None
    if old.codec != new.codec or old.codec.startswith("pcm"):
        # PCM is packed otherwise in each container, and what was converted has other packets.
        if old.samples.shape != new.samples.shape or np.abs(old.samples - new.samples).max(initial=0) > 1e-4:
            yield f"other samples ({new.samples.shape} instead of {old.samples.shape})"
        if abs(old.heard - new.heard) > Fraction(1, 1000):
            yield f"is heard from {_seconds(new.heard)} instead of {_seconds(old.heard)}"
        return
    payloads = [data for _, data in old.packets], [data for _, data in new.packets]
    if payloads[0] != payloads[1]:
        yield f"{len(payloads[1])} packets, {len(payloads[0])} in the input, or other bytes"
        return
    expected = expected_starts(case, [time for time, _ in old.packets])
    offs = [abs(a - b) for a, (b, _) in zip(expected, new.packets, strict=True)]
    # MP4 counts a track from its first packet on: all of it may lie half a tick of the movie aside.
    if offs and max(offs) > (case.tick or Fraction(1, 48000)) + Fraction(1, 2000):
        index = offs.index(max(offs))
        yield f"packet {index} at {_seconds(new.packets[index][0])} instead of {_seconds(expected[index])}"  # fmt: skip


def _subtitles(case: Case) -> Iterator[str]:
    before, after = (_of_kind(facts, "subtitle") for facts in (case.source, case.output))
    if len(before) != len(after):
        yield f"{len(after)} tracks instead of {len(before)}"
        return
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if old.texts:
            if [text for _, text in old.texts] != [text for _, text in new.texts]:
                yield f"track {number}: other texts ({new.texts} instead of {old.texts})"
            elif any(abs(a - b) > Fraction(1, 1000) for (a, _), (b, _) in zip(old.texts, new.texts, strict=True)):  # fmt: skip
                yield f"track {number}: other times ({new.texts} instead of {old.texts})"
        elif [data for _, data in old.packets] != [data for _, data in new.packets]:
            yield f"track {number}: other bytes"
        elif any(abs(a - b) > Fraction(1, 1000) for (a, _), (b, _) in zip(old.packets, new.packets, strict=True)):  # fmt: skip
            yield f"track {number}: other times"
        if abs(old.end - new.end) > Fraction(2, 1000):
            yield f"track {number} ends at {_seconds(new.end)} instead of {_seconds(old.end)}"


def _languages(case: Case) -> Iterator[str]:
    before, after = ([track.language for track in facts.tracks] for facts in (case.source, case.output))
    if before != after:
        yield f"{after} instead of {before}"


def _dispositions(case: Case) -> Iterator[str]:
    before = [case.source.video_disposition, *(track.disposition for track in case.source.tracks)]
    after = [case.output.video_disposition, *(track.disposition for track in case.output.tracks)]
    if before != after and case.suffix != "/":
        yield f"{after} instead of {before}"


def _titles(case: Case) -> Iterator[str]:
    before = [case.source.video_tags, *(track.tags for track in case.source.tracks)]
    after = [case.output.video_tags, *(track.tags for track in case.output.tracks)]
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        missing = {k: v for k, v in old.items() if k not in _NEUTRAL_TAGS and new.get(k) != v}
        if missing:
            yield f"stream {number} lacks {missing}"


def _metadata(case: Case) -> Iterator[str]:
    missing = {
        k: v for k, v in case.source.tags.items() if k not in _NEUTRAL_TAGS and case.output.tags.get(k) != v
    }
    if missing:
        yield f"lacks {missing}"


def _chapters(case: Case) -> Iterator[str]:
    before, after = case.source.chapters, case.output.chapters
    if len(before) != len(case.specimen.chapters):
        yield f"the input has {before}"
    same = len(before) == len(after) and all(
        old[2] == new[2] and max(abs(old[0] - new[0]), abs(old[1] - new[1])) <= Fraction(1, 1000)
        for old, new in zip(before, after, strict=True)
    )
    if not same:
        yield f"{after} instead of {before}"


def _attachments(case: Case) -> Iterator[str]:
    if case.output.attachments != case.source.attachments:
        yield f"{case.output.attachments} instead of {case.source.attachments}"


def _covers(case: Case) -> Iterator[str]:
    if case.output.covers != case.source.covers:
        yield f"{case.output.covers} instead of {case.source.covers}"


CHECKS: dict[str, Check] = {
    "frames": _frames,
    "times": _times,
    "spacing": _spacing,
    "end": _end,
    "rate": _rate,
    "size": _size,
    "colours": _colors,
    "alpha": _alpha,
    "combs": _combs,
    "depth": _depth,
    "colour tags": _tags_of_color,
    "HDR metadata": _hdr,
    "pixel aspect": _ratio,
    "rotation": _rotation,
    "sound": _sound,
    "subtitles": _subtitles,
    "languages": _languages,
    "dispositions": _dispositions,
    "titles": _titles,
    "metadata": _metadata,
    "chapters": _chapters,
    "attachments": _attachments,
    "covers": _covers,
}


def _of_kind(facts: Facts, kind: str) -> list[Track]:
    return [track for track in facts.tracks if track.kind == kind]


def _seconds(time: Fraction | None) -> str:
    return "nowhere" if time is None else f"{float(time):.6f} s"
