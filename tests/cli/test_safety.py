"""Files that want more than to be upscaled, through the whole command."""

import av
import pytest


@pytest.fixture
def other(media, tmp_path):
    """other/film.mkv, with sound."""
    (tmp_path / "other").mkdir()
    return media.clip(
        tmp_path / "other" / "film.mkv", frames=5, sound=True, codec="libx264", pixel_format="yuv420p"
    )


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_playlist_is_followed_only_where_that_is_allowed_and_then_with_its_sound(
    tcnet, media, other, tiny, tmp_path
):
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile 'other/film.mkv'\n")
    done = tcnet("upscale", "list.mp4", "--model", tiny)
    assert (done.code, done.out) == (1, [])
    assert done.err == [
        "error: list.mp4: is a playlist; what it names is not opened (--allow-network allows it)"
    ]
    assert files(tmp_path) == ["list.mp4", "other/film.mkv"]
    done = tcnet("upscale", "list.mp4", "-o", "out.mkv", "--allow-network", "--model", tiny)
    assert done.code == 0, done.err
    assert len(media.read(tmp_path / "out.mkv").times) == 5
    assert [data for _, data in media.sound(tmp_path / "out.mkv")] == [data for _, data in media.sound(other)]


def test_names_inside_a_file_make_no_paths(tcnet, media, tiny, tmp_path):
    plain = media.clip(tmp_path / "plain.mkv", frames=2)
    evil = "../../evil\x1b[31m.ttf"
    (tmp_path / "in").mkdir()
    with av.open(str(plain)) as given, av.open(str(tmp_path / "in" / "a.mkv"), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        made.metadata["title"] = "/etc/passwd"
        made.metadata["filename"] = "/tmp/evil"
        made.add_attachment(evil, "font/ttf", b"font" * 50)
        stream.metadata["title"] = "../evil.mkv"
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    plain.unlink()
    done = tcnet("upscale", "in/a.mkv", "--model", tiny)
    assert done.code == 0, done.err
    assert files(tmp_path) == ["in/a.mkv", "in/a.x4.mkv"]
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        assert not list(folder.glob("*evil*"))
    with av.open(str(tmp_path / "in" / "a.x4.mkv")) as container:
        assert container.metadata["title"] == "/etc/passwd"
        attached = [stream for stream in container.streams if stream.type == "attachment"]
        assert [stream.name for stream in attached] == [evil]


def test_no_control_codes_reach_the_terminal(tcnet, tmp_path):
    done = tcnet("upscale", "a\x1b[31m\nb.mkv")
    assert done.code == 1
    assert done.err == ["error: a�[31m b.mkv: no such file"]
