"""What an edit list leaves out is not copied; what the decoder needs for the rest is."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video import open_source

RATE, TICKS = 48000, 12800  # of sound and picture, in MP4's clocks
PRIMING, REORDERING = 1024, 1024  # samples and ticks that FFmpeg's encoders put first
# Parts that are shown: (seconds, second of the recording they begin at; None: nothing is shown).
EDITS = {
    "all": [(2, 0)],
    "end cut": [(1, 0)],
    "start cut": [(1, Fraction(4, 5))],
    "late": [(Fraction(1, 2), None), (1, 0)],
    "late and start cut": [(Fraction(1, 2), None), (1, Fraction(4, 5))],
    "two parts": [(Fraction(2, 5), Fraction(2, 5)), (Fraction(2, 5), Fraction(6, 5))],
    "one part twice": [(Fraction(2, 5), 0), (Fraction(2, 5), 0)],
}


def with_edits(path, edits):
    """Rewrites the edit lists of both tracks (ISO 14496-12, 8.6.6); the index is at the end of the file."""
    data = path.read_bytes()
    tracks = iter(((TICKS, REORDERING), (RATE, PRIMING)))
    path.write_bytes(rewritten(data, 0, len(data), tracks, edits))


def rewritten(data, start, end, tracks, edits):
    out = b""
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        content = data[start + 8 : start + size]
        if kind in (b"moov", b"trak", b"edts"):
            content = rewritten(data, start + 8, start + size, tracks, edits)
        elif kind == b"elst":
            ticks, delay = next(tracks)
            content = struct.pack(">II", 0, len(edits))
            for length, first in edits:
                time = -1 if first is None else int(first * ticks) + delay
                content += struct.pack(">Iihh", int(length * TICKS), time, 1, 0)
        out += struct.pack(">I4s", len(content) + 8, kind) + content
        start += size
    return out


def sound(path):
    """(start in seconds, bytes, whether it is outside of the edit list) of all packets."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [(p.pts * p.time_base, bytes(p), p.is_discard) for p in container.demux(stream) if p.size]


def heard(path, first):
    """Samples of the first channel from the time `first` on."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    begin = round((frames[0].pts * frames[0].time_base - first) * RATE)
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return samples[-begin:] if begin < 0 else samples


@pytest.fixture
def edited(clips, tmp_path):
    def make(kind, options=(("bf", "2"), ("g", "5"))):
        clip = clips.clip(
            times=tuple(range(0, 50 * 512, 512)),
            last=512,
            time_base=Fraction(1, TICKS),
            audio=("aac",),
            options=options,
        )
        path = clips.write(tmp_path / "a.mp4", clip)
        with_edits(path, EDITS[kind])
        return path

    return make


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("kind", EDITS)
def test_only_what_is_heard_is_copied(clips, edited, tmp_path, kind, suffix):
    source = edited(kind)
    clips.convert(source, tmp_path / f"b{suffix}")
    before = [(time, data) for time, data, outside in sound(source) if not outside]
    after = sound(tmp_path / f"b{suffix}")
    lead = len(after) - len(before)
    cut = EDITS[kind][-1 if EDITS[kind][0][1] is None else 0][1] > 0
    # The encoder's priming, or the packet before the cut where MP4 hides it.
    assert lead == (suffix == ".mp4" if cut else 1)
    assert [data for _, data, _ in after[lead:]] == [data for _, data in before]
    for (old, _), (new, _, _) in zip(before, after[lead:], strict=True):
        assert abs(old - new) <= Fraction(1, 1000)


@pytest.mark.parametrize("kind", EDITS)
def test_the_sound_begins_as_it_did(clips, edited, tmp_path, kind):
    source = edited(kind)
    clips.convert(source, tmp_path / "b.mp4")
    first = EDITS[kind][0][0] if EDITS[kind][0][1] is None else 0
    old, new = heard(source, first), heard(tmp_path / "b.mp4", first)
    assert abs(old[:1000]).max() > 0.05
    np.testing.assert_allclose(new[:15000], old[:15000], atol=1e-4)


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("options", [(("bf", "2"), ("g", "5")), (("bf", "0"), ("g", "1"))])
def test_nothing_seems_to_be_missing(edited, kind, options):
    """Of key pictures alone none has to be decoded for others, and the demuxer discards none."""
    with open_source(edited(kind, options)) as reader:
        frames = list(reader)
        assert not [line for line in reader.notices if "could not be read" in line]
        assert reader.info.frame_count == len(frames)
