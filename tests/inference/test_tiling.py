import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_networks import Nearest
from tcnet.errors import MediaError, UsageError
from tcnet.inference import UpscaleOptions
from tcnet.inference.tiling import choose_layout, make_layout, smaller_layout, smallest_tile

NETWORK = Nearest(spatial_multiple=32)


def chosen(fits, height=720, width=1280, network=NETWORK, **options):
    return choose_layout(network, UpscaleOptions(**options), height, width, fits)


def test_with_memory_to_spare_windows_are_long_and_frames_whole():
    layout = chosen(lambda layout: True)
    assert (layout.window, layout.overlap, layout.tiled) == (56, 4, False)
    assert (layout.out_height, layout.out_width) == (2880, 5120)
    assert layout.computed_area == layout.tile_area == 720 * 1280


def fitting(frames, height=540, width=960):
    """The layout for memory that holds so many whole frames of a window."""
    return chosen(lambda layout: layout.window * layout.tile_area <= frames * height * width, height, width)


def test_whole_frames_in_shorter_windows_as_long_as_tiles_save_little():
    assert [(layout.window, layout.tiled) for layout in map(fitting, (56, 55, 32))] == [
        (56, False), (32, False), (32, False)
    ]  # fmt: skip


def test_short_of_memory_tiles_and_windows_are_those_with_the_least_work():
    # Windows of 20 whole frames cost 1.37 times what they keep, windows of 56 in two tiles 1.09 * 1.07.
    layout = fitting(31)
    assert (layout.window, layout.tile, len(layout.tiles)) == (56, 768, 2)
    # Windows of 20 in fifteen tiles: 1.37 * 1.57; of 56 in 28: 1.09 * 1.90.
    layout = fitting(3)
    assert (layout.window, layout.tile, len(layout.tiles)) == (20, 256, 15)


def test_the_smallest_where_none_fits():
    seen = []
    last = chosen(lambda layout: seen.append((layout.window, layout.tile)))
    assert len(seen) == 5 * 9
    assert {window for window, _ in seen} == {56, 32, 20, 16, 12}
    assert (last.window, last.tile) == (12, 96)


def test_what_is_given_is_not_changed():
    layout = chosen(lambda layout: False, window=24, tile=200)
    assert (layout.window, layout.tile) == (24, 200)
    assert chosen(lambda layout: False, overlap=20).window == 44


@given(st.integers(16, 400), st.integers(16, 400), st.integers(64, 300), st.sampled_from([0, 3, 16]))
def test_tiles_suit_the_network_and_cover_the_frame_once(height, width, tile, overlap):
    options = UpscaleOptions(tile=tile, tile_overlap=overlap)
    layout = make_layout(NETWORK, options, height, width, None, tile)
    kept = 0
    for rows, columns in layout.tiles:
        assert 16 <= rows.stop - rows.start <= tile
        assert 16 <= columns.stop - columns.start <= tile
        assert rows.start % 32 == columns.start % 32 == 0
        assert rows.stop % 32 == 0 or rows.stop == height
        assert columns.stop % 32 == 0 or columns.stop == width
        kept += (rows.keep_stop - rows.keep_start) * (columns.keep_stop - columns.keep_start)
    assert kept == height * width
    assert layout.tile_area <= tile * tile


def test_a_stream_has_no_window():
    layout = chosen(lambda layout: True, network=Nearest("forward"), window=32)
    assert (layout.window, layout.overlap) == (0, 0)


def test_a_short_window_takes_what_context_it_can():
    for window, overlap in ((4, 0), (8, 2), (11, 3), (12, 4), (64, 4)):
        assert make_layout(NETWORK, UpscaleOptions(window=window), 64, 64, window, None).overlap == overlap


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 3}, "a window of 3 frames is too short: .* at least 4"),
        ({"window": 12, "overlap": 5}, "a window of 12 frames is too short: .* at least 14"),
        (
            {"tile": 95},
            "tiles of 95 pixels are too small: with an overlap of 32 this model needs at least 96",
        ),
        ({"tile": 31, "tile_overlap": 0}, "tiles of 31 .* at least 32"),
    ],
)
def test_windows_and_tiles_that_cannot_advance_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        chosen(lambda layout: True, **options)


def test_a_tile_larger_than_the_frame_is_no_tile():
    assert not chosen(lambda layout: True, height=20, width=30, tile=40).tiled


def test_frames_below_the_minimum_are_refused():
    with pytest.raises(MediaError, match="frames are 100x15, the model needs at least 16x16"):
        chosen(lambda layout: True, height=15, width=100)


def shrunk(network, options, height, width):
    layout = make_layout(network, options, height, width, None, None)
    while layout is not None:
        yield layout.tile, layout.window
        layout = smaller_layout(network, options, layout)


def test_tiles_shrink_then_windows_then_tiles_again():
    assert list(shrunk(NETWORK, UpscaleOptions(), 300, 500)) == [
        *((500, 56), (250, 56), (128, 56)),
        *((128, 32), (128, 20), (128, 16), (128, 12)),
        (96, 12),
    ]
    assert smallest_tile(NETWORK, UpscaleOptions()) == 96


def test_small_frames_have_shorter_windows_only():
    def windows(**options):
        return [window for _, window in shrunk(NETWORK, UpscaleOptions(**options), 24, 32)]

    assert windows() == [56, 32, 20, 16, 12]
    assert windows(overlap=6) == [60, 36, 24, 20, 16]


def test_a_stream_has_smaller_tiles_only():
    layouts = list(shrunk(Nearest("forward"), UpscaleOptions(tile_overlap=16), 300, 500))
    assert layouts == [(500, 0), (250, 0), (96, 0), (48, 0), (40, 0)]
