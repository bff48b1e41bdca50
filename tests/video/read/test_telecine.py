"""Film that was telecined comes back: each frame once, whole, at its own time."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from tcnet.errors import UsageError
from tcnet.video import ReadOptions, open_source

WIDTH, HEIGHT = 64, 48
FILM_FRAMES = 46  # until the box is back where it began
PICTURE, FILM = Fraction(1001, 30000), Fraction(1001, 24000)
CLASSIC = ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3))
ADVANCED = ((0, 0), (1, 1), (1, 2), (2, 2), (3, 3))


def film_frame(number):
    """A box that moves 5 pixels a frame over a textured ground."""
    x, y = np.arange(WIDTH)[None, :], np.arange(HEIGHT)[:, None]
    ground = 60 + (x * 3 + y * 2) % 17
    left = 2 + 5 * number % FILM_FRAMES
    return np.where((x >= left) & (x < left + 12) & (y >= 8) & (y < 40), 200, ground).astype(np.uint8)


def woven(first, second, top_first=True):
    top, bottom = (first, second) if top_first else (second, first)
    picture = top.copy()
    picture[1::2] = bottom[1::2]
    return picture


def telecined(numbers, cycle=CLASSIC, top_first=True):
    frames = [film_frame(number) for number in numbers]
    return [
        woven(frames[start + first], frames[start + second], top_first)
        for start in range(0, len(frames) - 3, 4)
        for first, second in cycle
    ]


def interlaced(count):
    """Pictures of two moments each."""
    return [woven(film_frame(2 * index), film_frame(2 * index + 1)) for index in range(count)]


def write(path, pictures, times=None, tick=Fraction(1001, 30000), codec="ffv1", pixel_format="yuv420p"):
    """times: in ticks; by default one after the other."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.time_base = tick
        stream.codec_context.color_range = 1
        for pts, picture in zip(times or range(len(pictures)), pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "gray").reformat(format=pixel_format)
            frame.pts, frame.time_base = pts, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path, **options):
    with open_source(path, ReadOptions(**options)) as source:
        frames = list(source)
    return source, frames


@pytest.fixture(scope="module")
def numbers_of(tmp_path_factory):
    """Which film frame each is, None for what is none."""
    plain = write(
        tmp_path_factory.mktemp("film") / "a.nut", [film_frame(number) for number in range(FILM_FRAMES)]
    )
    known = {frame.pixels.tobytes(): number for number, frame in enumerate(read(plain, deinterlace="off")[1])}
    return lambda frames: [known.get(frame.pixels.tobytes()) for frame in frames]


@pytest.mark.parametrize("cycle", [CLASSIC, ADVANCED], ids=["classic", "advanced"])
@pytest.mark.parametrize("top_first", [True, False], ids=["tff", "bff"])
@pytest.mark.parametrize("begin", range(5))
def test_each_film_frame_comes_back_once_at_its_time(tmp_path, numbers_of, cycle, top_first, begin):
    """begin: pictures of the first cycle that are missing."""
    path = write(tmp_path / "a.nut", telecined(range(36), cycle, top_first)[begin:])
    source, frames = read(path)
    assert source.info.scan == "telecined"
    assert source.info.frame_rate == 1 / FILM
    assert abs(source.info.frame_count - len(frames)) <= 1
    numbers = [number for number in numbers_of(frames) if number is not None]
    assert numbers == list(range(numbers[0], 36))
    assert len(frames) - len(numbers) <= 1  # a frame of which one field is there is interpolated
    for frame, number in list(zip(frames[::-1], numbers[::-1], strict=False))[:-1]:
        assert frame.seconds == number * FILM - begin * PICTURE
    assert sum(frame.duration for frame in frames) * frames[0].time_base == pytest.approx(
        float((45 - begin) * PICTURE), abs=0.02
    )
    assert "put together again" in source.notices[0]


def test_off_and_on_leave_film_where_it_is(tmp_path):
    path = write(tmp_path / "a.nut", telecined(range(32)))
    for wish in ("off", "on"):
        source, frames = read(path, deinterlace=wish)
        assert len(frames) == 40
        assert source.info.scan == "telecined"
        assert frames[3].seconds == 3 * PICTURE
    assert "stays so" in read(path, deinterlace="off")[0].notices[0]


def test_film_marked_to_be_shown_for_two_and_three_fields_gets_its_own_times(tmp_path, numbers_of):
    tick = PICTURE / 2
    times = [5 * (number // 2) + 2 * (number % 2) for number in range(40)]
    path = write(tmp_path / "a.nut", [film_frame(number) for number in range(40)], times, tick)
    source, frames = read(path)
    assert source.info.scan == "telecined"
    assert numbers_of(frames) == list(range(40))
    assert [frame.seconds for frame in frames[:-1]] == [number * FILM for number in range(39)]


def test_video_between_film_stays_video_at_its_times(tmp_path, numbers_of):
    pictures = telecined(range(44)) + interlaced(40) + telecined(range(44))[3:]
    source, frames = read(write(tmp_path / "a.nut", pictures))
    assert source.info.scan == "mixed"
    between = [frame for frame in frames if 57 * PICTURE <= frame.seconds < 93 * PICTURE]
    assert [frame.seconds / PICTURE for frame in between] == list(range(57, 93))
    for part in (frames[: frames.index(between[0])], frames[frames.index(between[-1]) + 1 :]):
        numbers = [number for number in numbers_of(part) if number is not None]
        assert len(numbers) >= 40
        assert numbers == sorted(set(numbers))
    assert all(before.pts < after.pts for before, after in pairwise(frames))
    assert any("were put together from film fields" in line for line in source.notices)


def test_an_edit_breaks_the_cycle_and_loses_no_frame(tmp_path, numbers_of):
    pictures = telecined(range(20))[:23] + telecined(range(20, 44))[1:]
    _, frames = read(write(tmp_path / "a.nut", pictures))
    # Of number 18 only one field is there: it is interpolated.
    assert numbers_of(frames) == [*range(18), None, *range(21, 44)]


def test_still_film_and_progressive_video_are_not_touched(tmp_path):
    for pictures in ([film_frame(0)] * 40, [film_frame(number) for number in range(40)]):
        path = write(tmp_path / "a.nut", pictures)
        source, frames = read(path)
        assert source.info.scan == "progressive"
        assert source.info.time_base == Fraction(1, 60000)  # as in the file
        assert len(frames) == 40


def test_interlaced_video_is_not_taken_for_film(tmp_path):
    source, frames = read(write(tmp_path / "a.nut", interlaced(40)))
    assert source.info.scan == "interlaced"
    assert [frame.seconds for frame in frames] == [number * PICTURE for number in range(40)]


def test_a_part_has_the_frames_and_times_of_the_whole(tmp_path):
    path = write(tmp_path / "a.mkv", telecined(range(160)), range(200), codec="libx264")
    whole = read(path)[1]
    for start, end in ((Fraction("1.3"), Fraction("2.9")), (Fraction("4.01"), None), (None, Fraction(2))):
        source, part = read(path, start=start, end=end)
        wanted = [f for f in whole if (start or 0) <= f.seconds and (end is None or f.seconds < end)]
        shift = source.info.trim.shift
        assert [f.seconds + shift for f in part] == [f.seconds for f in wanted]
        for ours, theirs in zip(part, wanted, strict=True):
            np.testing.assert_array_equal(ours.pixels, theirs.pixels)


@pytest.mark.parametrize("pixel_format", ["yuv422p10le", "yuva420p", "gray", "bgr0"])
def test_fields_are_put_together_in_any_pixel_format(tmp_path, pixel_format):
    path = write(tmp_path / "a.nut", telecined(range(32)), pixel_format=pixel_format)
    _, frames = read(path)
    combed, straight = (
        np.abs(np.diff(f.pixels[..., 1].astype(int), axis=0)).max() for f in (frames[6], frames[8])
    )
    assert len(frames) == 32
    assert combed == straight


def test_film_after_video_begins_with_its_first_frame(tmp_path, numbers_of):
    """At the first two pictures of a cycle nothing tells film from whole frames."""
    _, frames = read(write(tmp_path / "a.nut", interlaced(20) + telecined(range(36))))
    numbers = [number for number in numbers_of(frames) if number is not None]
    assert numbers[-36:] == list(range(36))


def test_motion_that_stops_and_goes_keeps_the_cycle(tmp_path, numbers_of):
    """Film whose frames stand twice (animation) moves one field of a picture more than the other."""
    numbers = [number // 2 for number in range(72)]
    source, frames = read(write(tmp_path / "a.nut", telecined(numbers)))
    assert source.info.scan == "telecined"
    assert numbers_of(frames) == numbers


def test_soft_film_is_whole_however_it_looks(tmp_path):
    """Frames that are marked to be shown for two and three fields are not deinterlaced for their detail."""
    tick = PICTURE / 2
    times = [5 * (number // 2) + 2 * (number % 2) for number in range(40)]
    pictures = [woven(film_frame(number), film_frame(number + 3)) for number in range(40)]
    _, frames = read(write(tmp_path / "a.nut", pictures, times, tick))
    assert [frame.seconds for frame in frames] == [number * FILM for number in range(40)]
    _, stored = read(tmp_path / "a.nut", deinterlace="off")
    for frame, plain in zip(frames, stored, strict=True):
        np.testing.assert_array_equal(frame.pixels, plain.pixels)


def test_video_far_from_the_places_looked_at_first_is_found(tmp_path):
    film = telecined(range(44))
    pictures = film[:50] + interlaced(30) + film * 4
    with open_source(write(tmp_path / "a.mkv", pictures)) as source:
        assert source.info.scan == "mixed"


def test_unknown_values_are_refused():
    with pytest.raises(UsageError, match="unknown deinterlace 'film'"):
        ReadOptions(deinterlace="film")
