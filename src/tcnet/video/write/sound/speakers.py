"""Which speaker each channel of a sound track is for, and where that is in another layout."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from av.audio.layout import AudioLayout

# FFmpeg's order of channels, in which each of its named layouts lists them.
_ORDER = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC", "TFR"),
    *("TBL", "TBC", "TBR", "DL", "DR", "WL", "WR", "SDL", "SDR", "LFE2", "TSL", "TSR", "BFC", "BFL", "BFR"),
)
# By number of channels, those of Vorbis and Opus (RFC 7845, section 5.1.1.2), and of FLAC but for the name of
# the surround speakers of 5.0 and 5.1.
COMMON_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
# A single pair of surround speakers stands between side and back, whatever its name; DL and DR are stereo.
_OTHER_NAMES = (
    ("side", "back", {"SL": "BL", "SR": "BR"}),
    ("back", "side", {"BL": "SL", "BR": "SR"}),
    ("downmix", "front", {"DL": "FL", "DR": "FR"}),
)


Sample = TypeVar("Sample", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Placement:
    """layout: FFmpeg's name of the output's. channels: for each of it the number of the source's, in
    FFmpeg's order, None for silence. note: what people should know of it, empty where nothing changes."""

    layout: str
    channels: tuple[int | None, ...]
    note: str = ""

    def place(self, samples: npt.NDArray[Sample]) -> npt.NDArray[Sample]:
        """(n, channels of the source) to (n, channels of the output)."""
        placed = np.zeros((samples.shape[0], len(self.channels)), samples.dtype)
        for index, channel in enumerate(self.channels):
            if channel is not None:
                placed[:, index] = samples[:, channel]
        return placed


def speaker_names(layout: AudioLayout) -> tuple[str, ...]:
    """FFmpeg's abbreviation for each channel; none where more than two channels name no speakers."""
    names = tuple(channel.name for channel in layout.channels)
    if "NONE" not in names:
        return names
    return {1: ("FC",), 2: ("FL", "FR")}.get(len(names), ())


def exact_placement(layout: AudioLayout) -> Placement | None:
    """The same speakers in FFmpeg's order; None for what has no such order (Ambisonics).

    Channels without names are taken for those of `COMMON_LAYOUTS`, as FLAC, Vorbis and WAV do.
    """
    names = speaker_names(layout)
    count = layout.nb_channels
    if not names:
        if not 0 < count <= len(COMMON_LAYOUTS):
            return None
        assumed = COMMON_LAYOUTS[count - 1]
        note = f"its {count} channels name no speakers and are taken for {assumed}"
        return Placement(assumed, tuple(range(count)), note)
    if not set(names) <= set(_ORDER):
        return None
    return Placement(AudioLayout("+".join(_in_order(names))).name, tuple(range(count)))


def near_placements(layout: AudioLayout) -> Iterator[Placement]:
    """Common layouts with all the speakers: some under another name, or with further ones that are silent."""
    names = speaker_names(layout)
    if not names or not set(names) <= set(_ORDER):
        return
    names = _in_order(names)
    renamed = [(names, "")]
    for old, new, other in _OTHER_NAMES:
        if set(other) <= set(names) and not set(other.values()) & set(names):
            note = f"its {old} speakers are written as {new} speakers"
            renamed.append((tuple(other.get(name, name) for name in names), note))
    for common in COMMON_LAYOUTS[len(names) - 1 :]:
        wanted = speaker_names(AudioLayout(common))
        for found, note in renamed:
            if set(found) <= set(wanted):
                silent = [name for name in wanted if name not in found]
                notes = [note] if note else []
                notes += (
                    [f"{', '.join(silent)} {'are' if len(silent) > 1 else 'is'} silent"] if silent else []
                )
                places = tuple(found.index(name) if name in found else None for name in wanted)
                yield Placement(common, places, "; ".join(notes))


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names, key=_ORDER.index))
