"""One clock for all streams of a file: what belongs together stays together, and time only goes on."""

import itertools
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcnet.video import ReadOptions, open_sink, open_source
from tcnet.video.find_clock import (
    BROADCAST_GAP_SECONDS,
    FILE_GAP_SECONDS,
    ClockFinder,
    TrackKind,
)
from tcnet.video.read.frame_times import frame_times
from tcnet.video.source_file import SourceFile

FRAME = Fraction(1, 25)
WRAP = Fraction(2**33, 90000)
VIDEO, SOUND, TEXT = 0, 1, 2
MILLISECOND = Fraction(1, 1000)
KINDS = {
    VIDEO: TrackKind("video", MILLISECOND, 0.04),
    SOUND: TrackKind("audio", MILLISECOND),
    TEXT: TrackKind("subtitle", MILLISECOND),
}


@dataclass(frozen=True)
class Recording:
    """start: of its count, in milliseconds; pictures and packets of sound last 40 and 20."""

    start: int
    pictures: int = 50
    sounds: int = 100
    sound_delay: int = 0
    texts: tuple[int, ...] = ()  # after its start

    def packets(self, muxed_early):
        """(stream, time, duration) in the order of the file. muxed_early: how much earlier sound comes."""
        pictures = [(VIDEO, self.start + 40 * n, 40) for n in range(self.pictures)]
        sounds = [(SOUND, self.start + self.sound_delay + 20 * n, 20) for n in range(self.sounds)]
        texts = [(TEXT, self.start + time, 100) for time in self.texts]
        early = {VIDEO: 0, SOUND: muxed_early, TEXT: 0}
        return sorted(pictures + sounds + texts, key=lambda packet: packet[1] - early[packet[0]])


def placed(recordings, *, muxed_early=0, **options):
    """For each recording its packets' times on the clock that is found, by stream."""
    finder = ClockFinder(KINDS, video=VIDEO, **options)
    order = [(n, *packet) for n, r in enumerate(recordings) for packet in r.packets(muxed_early)]
    for _, stream, time, duration in order:
        finder.add(stream, time, duration)
    clock = finder.find()
    counts = dict.fromkeys(KINDS, 0)
    times = [{stream: [] for stream in KINDS} for _ in recordings]
    for n, stream, time, _ in order:
        moves = clock.moves.get(stream, ())
        shift = next((move for first, move in reversed(moves) if counts[stream] >= first), 0)
        counts[stream] += 1
        times[n][stream].append(time + round(shift * 1000))
    return clock, times


RECORDINGS = st.builds(
    Recording,
    start=st.integers(0, 10**8),
    pictures=st.integers(10, 60),
    sounds=st.integers(10, 200),
    sound_delay=st.integers(-300, 300),
)


@given(st.lists(RECORDINGS, min_size=1, max_size=5), st.integers(-400, 400), st.booleans())
def test_each_recording_is_moved_as_a_whole_behind_the_one_before(recordings, muxed_early, discontinuous):
    steps = [b.start - a.start for a, b in itertools.pairwise(recordings)]
    gap = 1000 * (BROADCAST_GAP_SECONDS if discontinuous else FILE_GAP_SECONDS)
    # Clearly set anew, back or ahead; what is between is a gap, or one recording's end over another's start.
    if any(-5000 < step < gap + 10_000 for step in steps):
        recordings = [
            Recording(n % 2 * 10**7, r.pictures, r.sounds, r.sound_delay) for n, r in enumerate(recordings)
        ]
    clock, times = placed(recordings, muxed_early=muxed_early, discontinuous=discontinuous)
    assert clock.resets == len(recordings) - 1
    for recording, own in zip(recordings, times, strict=True):
        assert own[SOUND][0] - own[VIDEO][0] == recording.sound_delay
        assert [b - a for a, b in itertools.pairwise(own[VIDEO])] == [40] * (recording.pictures - 1)
        assert [b - a for a, b in itertools.pairwise(own[SOUND])] == [20] * (recording.sounds - 1)
    for before, after in itertools.pairwise(times):
        left = [after[VIDEO][0] - before[VIDEO][-1] - 40, after[SOUND][0] - before[SOUND][-1] - 20]
        assert min(left) == 0  # no overlap, no gap
    assert clock.length == Fraction(times[-1][VIDEO][-1] + 40 - times[0][VIDEO][0], 1000)
    assert clock.pictures == sum(recording.pictures for recording in recordings)


@pytest.mark.parametrize("muxed_early", [-400, 0, 400])
@pytest.mark.parametrize("ahead", [0, 3])
def test_a_clock_of_33_bits_goes_on_when_they_are_full(muxed_early, ahead):
    """To the tick: also where packets are missing around that place."""
    full = round(WRAP * 1000)
    recordings = [Recording(full - 2000), Recording(1000 * ahead)]
    clock, times = placed(recordings, muxed_early=muxed_early, discontinuous=True, wraps=True)
    assert clock.resets == 0
    assert [times[1][stream][0] for stream in (VIDEO, SOUND)] == [full + 1000 * ahead] * 2
    assert times[0][VIDEO][0] == full - 2000


def test_streams_that_begin_on_both_sides_of_full_bits():
    finder = ClockFinder(KINDS, video=VIDEO, discontinuous=True, wraps=True)
    for n in range(20):
        finder.add(SOUND, round(WRAP * 1000) - 100 + 20 * n if n < 5 else 20 * n - 100, 20)
        finder.add(VIDEO, 40 * n, 40)
    clock = finder.find()
    assert clock.moves == {VIDEO: ((0, WRAP),), SOUND: ((0, Fraction(0)), (5, WRAP))}


@pytest.mark.parametrize(("gap", "discontinuous", "kept"), [
    (9_000, True, True), (11_000, True, False), (3_500_000, False, True), (3_700_000, False, False),
])  # fmt: skip
def test_how_long_a_gap_may_be(gap, discontinuous, kept):
    clock, times = placed([Recording(0), Recording(2000 + gap)], discontinuous=discontinuous)
    assert clock.continuous == kept
    assert times[1][VIDEO][0] == (2000 + gap if kept else 2000)


@pytest.mark.parametrize("filling", [SOUND, TEXT])
def test_a_gap_that_another_stream_fills_is_one(filling):
    """A picture that stands for two hours, with sound or words over it."""
    finder = ClockFinder(KINDS, video=VIDEO)
    finder.add(VIDEO, 0, 40)
    for n in range(1440):
        finder.add(filling, 5000 * n, 20)
    finder.add(VIDEO, 7_200_000, 40)
    assert finder.find().continuous


def test_sound_alone_goes_back():
    finder = ClockFinder(KINDS, video=VIDEO)
    for n in range(200):
        finder.add(VIDEO, 40 * n + 100_000, 40)
        finder.add(SOUND, 40 * n + (100_000 if n < 100 else -4000), 40)
    clock = finder.find()
    assert clock.moves == {SOUND: ((0, Fraction(0)), (100, Fraction(104)))}
    assert clock.resets == 0


def test_sound_that_lasts_into_the_next_recording_is_no_reset():
    """The clock goes on; only the first recording's sound is too long. Both stay where they are."""
    finder = ClockFinder(KINDS, video=VIDEO, discontinuous=True)
    for packet in (*Recording(0, pictures=50, sounds=200).packets(0), *Recording(2500).packets(0)):
        finder.add(*packet)
    assert finder.find().continuous


def test_a_stray_time_moves_nothing_else():
    finder = ClockFinder(KINDS, video=VIDEO, discontinuous=True)
    for n in range(100):
        finder.add(VIDEO, 40 * n if n != 50 else 9_000_000, 40)
        finder.add(SOUND, 40 * n, 40)
    clock = finder.find()
    assert clock.moves == {VIDEO: ((0, Fraction(0)), (50, Fraction(-8998)), (51, Fraction(0)))}
    assert clock.end == 4


def test_subtitles_go_with_the_recording_they_lie_in():
    first = Recording(500_000, texts=(100, 100, 1900))
    second = Recording(0, texts=(0, 500, 500, 1500))
    third = Recording(0, texts=(300,))
    _, times = placed([first, second, third])
    for n, recording in enumerate((first, second, third)):
        assert [time - times[n][VIDEO][0] for time in times[n][TEXT]] == list(recording.texts)


def test_a_subtitle_that_comes_before_the_pictures_of_its_count():
    finder = ClockFinder(KINDS, video=VIDEO)
    for packet in Recording(0).packets(0):
        finder.add(*packet)
    finder.add(TEXT, 50_000_100, 100)
    for packet in Recording(50_000_000).packets(0):
        finder.add(*packet)
    assert finder.find().moves[TEXT] == ((0, Fraction(-49_998)),)


def test_the_clock_of_another_programme_is_brought_to_this_one():
    finder = ClockFinder(KINDS, video=VIDEO, discontinuous=True)
    for n in range(100):
        finder.add(VIDEO, 40 * n, 40)
        finder.add(SOUND, 40 * n + 50_000_000, 40)
    assert finder.find().moves == {SOUND: ((0, Fraction(-50_000)),)}


def test_pictures_out_of_order_are_none_of_a_new_count():
    """B-frames come long before the picture that is decoded first where one stands between them."""
    for step in (40, 1000, 300_000):
        finder = ClockFinder(KINDS, video=VIDEO)
        order = [0, *itertools.chain(*((n + 8, n + 4, n + 2, n + 1, n + 3, n + 6) for n in range(0, 80, 8)))]
        for n in order:
            finder.add(VIDEO, step * n, step, is_keyframe=n == 0)
        assert finder.find().continuous


@pytest.mark.parametrize(("stated", "discontinuous"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("behind", range(8, 13))
def test_a_jump_amid_pictures_that_refer_to_each_other(stated, discontinuous, behind):
    """One from behind the jump is decoded before some from before it; decoding times jump later still."""
    order = [0, *itertools.chain(*((n + 4, n + 2, n + 1, n + 3) for n in range(0, 20, 4)))]
    real = [40 * n + (0 if n < behind else 50_000_000) for n in range(21)]
    finder = ClockFinder(KINDS, video=VIDEO, discontinuous=discontinuous)
    for place, n in enumerate(order):
        decoded = real[place - 2] if place > 1 else 40 * place - 80
        finder.add(VIDEO, real[n], 40, decoded=decoded if stated else None, is_keyframe=n == 0)
    for n in range(0 if discontinuous else 20):
        finder.add(SOUND, 20 * n, 20)  # badly interleaved
    clock = finder.find()
    assert (clock.resets, clock.length) == (1, Fraction(21 * 40, 1000))
    moves = clock.moves[VIDEO]
    shifts = [next(s for first, s in reversed(moves) if first <= place) for place in range(21)]
    assert [real[n] + 1000 * shift for n, shift in zip(order, shifts, strict=True)] == [40 * n for n in order]
    assert SOUND not in clock.moves


# Files, from a few pictures with a tone to what is written in the end.

PICTURES = 50
CODECS = {".ts": ("libx264", "aac"), ".vob": ("mpeg2video", "ac3"), ".mp4": ("libx264", "ac3")}
STEPS = {  # seconds at which the first and the second recording begin
    "back": (400, 100),
    "back to the same": (100, 100),
    "back a little": (100, Fraction(1003, 10)),
    "ahead": (100, 8000),
    "full": (WRAP - Fraction(3, 2), Fraction(13, 25)),  # it goes on; muxers add 0.5 to 1.4 s
}
TOLERANCE = Fraction(3, 2000)  # of times in milliseconds
ENDS = {"together": PICTURES * FRAME, "short sound": PICTURES * FRAME / 2, "long sound": PICTURES * FRAME * 2}


def recorded(clips, path, start, sound, pictures=PICTURES):
    codec, audio = CODECS[path.suffix]
    first = floor(start / FRAME)
    clip = clips.clip(
        times=tuple(range(first, first + pictures)),
        codec=codec,
        audio=(audio,),
        sound=sound,
        size=(48, 32),
    )
    return clips.write(path, clip)


def joined(clips, folder, suffix, starts, sound):
    """Recordings one behind the other in one file; all but the last one have so many seconds of sound."""
    if suffix == ".mkv":
        return joined_matroska(clips, folder, starts, sound)
    path = folder / f"joined{suffix}"
    whole = PICTURES * FRAME
    sounds = [sound] * (len(starts) - 1) + [whole]
    parts = [
        recorded(clips, folder / f"{n}{suffix}", start, sounds[n]).read_bytes()
        for n, start in enumerate(starts)
    ]
    path.write_bytes(b"".join(parts))
    return path


def joined_matroska(clips, folder, starts, sound):
    """The muxer takes no time that goes back, so that of whole clusters is written over. They end where the next
    recording is too far for them, after 32 s."""
    path = folder / "joined.mkv"
    sounds = [sound] * (len(starts) - 1) + [PICTURES * FRAME]
    bases = [2000 + 40 * n for n in range(len(starts))]
    options = {"cluster_time_limit": "100000", "cluster_size_limit": "10000000"}
    with av.open(str(path), "w", container_options=options) as target:
        streams = None
        for n, base in enumerate(bases):
            part = recorded(clips, folder / f"{n}.mp4", base, sounds[n])
            with av.open(str(part)) as source:
                streams = streams or [target.add_stream_from_template(s) for s in source.streams]
                for packet in source.demux():
                    if packet.size:
                        packet.stream = streams[packet.stream_index]
                        target.mux(packet)
    data = bytearray(path.read_bytes())
    at, n = 0, -1
    while (at := data.find(bytes.fromhex("1F43B675"), at)) >= 0:  # Cluster, its size, its time
        time = data.index(b"\xe7\x83", at, at + 16) + 2
        old = int.from_bytes(data[time : time + 3], "big")
        base = max(b for b in bases if 1000 * b <= old + 100)
        data[time : time + 3] = round(old + 1000 * (starts[bases.index(base)] - base)).to_bytes(3, "big")
        at = time
    path.write_bytes(bytes(data))
    return path


def places(path):
    """Times of all pictures, and those of all packets of sound."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        pictures = [frame.pts * video.time_base for frame in container.decode(video)]
    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        packets = [p for p in container.demux(sound) if p.size]
        return pictures, [p.pts * p.time_base for p in packets]


def can_be(suffix, step, ends):
    """Matroska's clock has too many bits to be full; one that goes on leaves no room for longer sound."""
    return step != "full" or (suffix != ".mkv" and ends != "long sound")


@pytest.mark.parametrize(
    ("suffix", "step", "ends"),
    [each for each in itertools.product((".ts", ".vob", ".mkv"), STEPS, ENDS) if can_be(*each)],
)
def test_picture_and_sound_stay_together(clips, tmp_path, suffix, step, ends):
    source = joined(clips, tmp_path, suffix, STEPS[step], ENDS[ends])
    alone = [places(path) for path in sorted(tmp_path.glob("[01].*"))]
    # Where the clock goes on, a recording's last packet of sound may reach into the next one's first.
    tolerance = float(FRAME if step == "full" else TOLERANCE)
    longer = max(ENDS[ends] - PICTURES * FRAME, 0)
    for output in (tmp_path / "out.mkv", tmp_path / "out.mp4"):
        clips.convert(source, output)
        shown, heard = places(output)
        assert (len(shown), len(heard)) == (2 * PICTURES, len(alone[0][1]) + len(alone[1][1]))
        shown = shown[:PICTURES], shown[PICTURES:]
        heard = heard[: len(alone[0][1])], heard[len(alone[0][1]) :]
        for pictures, sounds, own in zip(shown, heard, alone, strict=True):
            assert of_one_clock(pictures, sounds) == pytest.approx(of_one_clock(*own), abs=tolerance)
        left = shown[1][0] - shown[0][-1] - FRAME
        assert longer - TOLERANCE <= left <= longer + (2 * FRAME if step == "full" else FRAME)


def of_one_clock(pictures, sounds):
    """Seconds from the first picture to the ends of the sound and to the other pictures."""
    return [float(place - pictures[0]) for place in (sounds[0], sounds[-1], *pictures[1:])]


def test_many_resets_in_one_file(clips, tmp_path):
    starts = (400, 100, 100, 8000, 0)
    source = joined(clips, tmp_path, ".ts", starts, PICTURES * FRAME / 2)
    frames = clips.convert(source, tmp_path / "out.mkv")
    shown, heard = places(tmp_path / "out.mkv")
    assert len(frames) == len(shown) == len(starts) * PICTURES
    alone = [places(path) for path in sorted(tmp_path.glob("[0-9].ts"))]
    begun = list(itertools.accumulate((len(sounds) for _, sounds in alone), initial=0))
    for n, (own_pictures, own_sounds) in enumerate(alone):
        pictures, sounds = shown[n * PICTURES : (n + 1) * PICTURES], heard[begun[n] : begun[n + 1]]
        assert sounds[0] - pictures[0] == pytest.approx(float(own_sounds[0] - own_pictures[0]), abs=0.0015)
    with open_source(source) as reader:
        assert reader.info.frame_count == len(frames)
        assert float(reader.info.duration) == pytest.approx(len(frames) / 25, abs=0.2)
        list(reader)
        assert reader.notices == ("the clock was reset 4 times; time goes on without a gap",)


@pytest.mark.parametrize("suffix", [".ts", ".vob", ".mkv"])
def test_a_part_across_a_reset(clips, tmp_path, suffix):
    """--start and --end are times of the picture as it is played."""
    source = joined(clips, tmp_path, suffix, STEPS["back"], PICTURES * FRAME / 2)
    everything = clips.read(source)
    whole = clips.convert(source, tmp_path / "whole.mkv") and places(tmp_path / "whole.mkv")
    trim = ReadOptions(start=Fraction(3, 2), end=Fraction(3))
    with open_source(source, trim) as reader:
        sink = open_sink(tmp_path / "part.mkv", info=reader.info, copy_from=source)
        frames = list(reader)
        for frame in frames:
            sink.write(frame)
        sink.finish()
    wanted = [f for f in everything if Fraction(3, 2) <= f.seconds - everything[0].seconds < 3]
    assert [bytes(f.pixels) for f in frames] == [bytes(f.pixels) for f in wanted]
    assert frames[0].seconds == everything[0].seconds
    shift = wanted[0].seconds - frames[0].seconds
    shown, heard = places(tmp_path / "part.mkv")
    assert len(shown) == len(wanted)
    moved = [time - shift for time in whole[1]]
    assert len(heard) > 20
    assert all(min(abs(time - other) for other in moved) <= TOLERANCE for time in heard)


def test_chapters_behind_a_gap(clips, tmp_path):
    def setup(container, video):
        names = zip(
            ("One", "Two", "Three"), ((0, 900), (900, 20_000_000), (20_000_000, 20_001_000)), strict=True
        )
        container.set_chapters(
            [
                {"id": n, "start": start, "end": end, "time_base": MILLISECOND, "metadata": {"title": name}}
                for n, (name, (start, end)) in enumerate(names, 1)
            ]
        )

    times = (*range(0, 1000, 40), *range(20_000_000, 20_001_000, 40))
    clip = clips.clip(times=times, last=40, time_base=MILLISECOND, setup=setup)
    clips.convert(clips.write(tmp_path / "a.mkv", clip), tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as container:
        found = [(c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in container.chapters()]
    assert found == [(0, Fraction(9, 10)), (Fraction(9, 10), 1), (1, 2)]


def test_frame_times_are_of_the_same_clock(clips, tmp_path):
    source = joined(clips, tmp_path, ".ts", STEPS["back"], PICTURES * FRAME)
    frames = clips.read(source)
    assert frame_times(source) == [frame.seconds - frames[0].seconds for frame in frames]


def test_the_last_picture_before_a_reset_whose_time_is_of_after_it():
    """B-frames of MPEG-2 in program streams: a picture's time is taken from the next one of its kind."""
    finder = ClockFinder(KINDS, video=VIDEO, discontinuous=True)
    for n in range(10):
        finder.add(VIDEO, 40 * n, 40)
    finder.add(
        VIDEO, 360, 40, is_keyframe=False, is_postponed=True
    )  # decoded there, shown after the next two
    for n in (10, 11):
        finder.add(VIDEO, 40 * n, 40, is_keyframe=False)
    finder.add(VIDEO, 20_000_000, 40)
    clock = finder.find()
    assert clock.postponed == {(VIDEO, 10): 480}
    assert clock.moves == {VIDEO: ((0, Fraction(0)), (13, Fraction(520 - 20_000_000, 1000)))}


def test_pictures_that_are_all_marked_as_key_frames(clips, tmp_path):
    """MP4 without a table of them (stss) says that."""
    clip = clips.clip(times=tuple(range(40)), options=(("bf", "8"), ("x264-params", "b-adapt=0")))
    path = clips.write(tmp_path / "a.mp4", clip)
    data = path.read_bytes()
    assert data.count(b"stss") == 1
    path.write_bytes(data.replace(b"stss", b"free"))
    frames = clips.read(path)
    assert [frame.seconds for frame in frames] == [Fraction(n, 25) for n in range(40)]
    assert SourceFile(path).clock.continuous
