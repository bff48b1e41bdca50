"""Tags and languages survive in MP4 and MOV, also those that FFmpeg's muxer has no place for."""

import av
import pytest

from tcnet.video.write.quicktime import complete_tags, language_code

PHONE = {
    "com.apple.quicktime.location.ISO6709": "+52.5200+013.4050+034.000/",
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15 Pro",
    "com.apple.quicktime.creationdate": "2024-06-01T10:11:12+0200",
    "com.android.version": "14",
}
USUAL = {
    "title": "Ein schöner Tag",
    "artist": "Someone",
    "comment": "C",
    "date": "2024-06-01",
    "genre": "home",
}


def tagged(clips, path, tags, *, language="deu", phone=False):
    def setup(container, video):
        container.metadata.update(tags)
        container.streams.audio[0].metadata.update(language=language, title="Ton")

    options = (("movflags", "use_metadata_tags"),) if phone else ()
    return clips.write(path, clips.clip(audio=("aac",), setup=setup, container_options=options))


def read_tags(path):
    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        return dict(container.metadata), dict(sound.metadata), len(list(container.demux(sound)))


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize("source_suffix", [".mov", ".mp4"])
@pytest.mark.parametrize("way", ["convert", "convert_in_segments"])
def test_tags_of_a_telephone(clips, tmp_path, source_suffix, suffix, way):
    source = tagged(clips, tmp_path / f"a{source_suffix}", PHONE, phone=True)
    assert PHONE.items() <= read_tags(source)[0].items()
    getattr(clips, way)(source, tmp_path / f"b{suffix}")
    found, _, packets = read_tags(tmp_path / f"b{suffix}")
    if suffix == ".mkv":  # which knows capitals only
        found = {key.lower(): text for key, text in found.items()}
        assert {key.lower(): text for key, text in PHONE.items()}.items() <= found.items()
        clips.convert(tmp_path / "b.mkv", tmp_path / "c.mov")
        found, _, packets = read_tags(tmp_path / "c.mov")
    assert {key: found.get(key) for key in PHONE if "apple" in key} == {
        key: text for key, text in PHONE.items() if "apple" in key
    }
    assert packets == read_tags(source)[2]


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_usual_tags_stay_where_players_look_for_them(clips, tmp_path, suffix):
    source = tagged(clips, tmp_path / "a.mkv", USUAL | {"director": "D", "imdb": "tt1"})
    clips.convert(source, tmp_path / f"b{suffix}")
    found, _, _ = read_tags(tmp_path / f"b{suffix}")
    found = {key.lower(): text for key, text in found.items()}
    assert (USUAL | {"director": "D", "imdb": "tt1"}).items() <= found.items()
    data = (tmp_path / f"b{suffix}").read_bytes()
    assert b"\xa9nam" in data
    assert data.count("Ein schöner Tag".encode()) == 1


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("language", "code"), [("deu", "deu"), ("ger", "ger"), ("de-AT", "deu"), ("en", "eng"), ("zxx", "zxx")]
)
def test_languages_and_titles_of_tracks(clips, tmp_path, language, code, suffix):
    source = tagged(clips, tmp_path / "a.mkv", {}, language=language)
    clips.convert(source, tmp_path / f"b{suffix}")
    _, sound, _ = read_tags(tmp_path / f"b{suffix}")
    assert sound["language"] == (language if suffix == ".mkv" else code)
    assert sound.get("title", sound.get("name")) == "Ton"
    if suffix == ".mp4":
        clips.convert(tmp_path / "b.mp4", tmp_path / "c.mkv")
        assert read_tags(tmp_path / "c.mkv")[1]["title"] == "Ton"


def test_language_codes():
    assert [language_code(tag) for tag in ("deu", "de", "de-DE", "sr-Latn", None, "", "x", "d1u")] == [
        *("deu", "deu", "deu", "srp"),
        *(None,) * 4,
    ]


def test_a_file_whose_movie_box_is_elsewhere_is_not_touched(clips, tmp_path):
    path = clips.write(tmp_path / "a.mp4", clips.clip(container_options=(("movflags", "faststart"),)))
    before = path.read_bytes()
    with pytest.raises(AssertionError, match="not at the end"):
        complete_tags(path, {"some": "tag"}, ["deu"])
    assert path.read_bytes() == before
