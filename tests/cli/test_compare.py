import pytest


@pytest.fixture(autouse=True)
def _clips(media, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=4)
    media.clip(tmp_path / "b.mkv", frames=4, size=(128, 96))
    media.clip(tmp_path / "short.mkv", frames=2)


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ([], "a.side.mkv"),
        (["-o", "x.mp4", "--view", "wipe", "--divider", "moving", "--crf", "20"], "x.mp4"),
        (
            ["-o", "x.png", "--crop", "0,0,20,10", "--crop", "9,9,20,10", "--zoom", "3", "--at", "0.05"],
            "x.png",
        ),
        (
            ["--view", "difference", "--amplify", "8", "--start", "0.04", "--end", "0:00:00.12"],
            "a.difference.mkv",
        ),
        (["--view", "profile", "--column", "30", "--label", "in", "--label", "out"], "a.profile.png"),
    ],
)
def test_views(tcnet, tmp_path, arguments, output):
    done = tcnet("compare", "a.mkv", "b.mkv", *arguments)
    assert (done.code, done.out, done.err) == (0, [output], [])
    assert (tmp_path / output).stat().st_size > 500


def test_what_does_not_match_is_said(tcnet):
    done = tcnet("compare", "a.mkv", "short.mkv", "-o", "x.mkv")
    assert done.code == 0
    assert done.err == ["note: short.mkv ends at 0.08 s, before a.mkv: no more is shown"]


BAD = {
    "a.mkv": (2, "two or more inputs, got 1"),
    "a.mkv gone.mkv": (1, "gone.mkv: no such file"),
    "a.mkv b.mkv --crop 1,2,3": (2, "--crop '1,2,3': write it as X,Y,WIDTH,HEIGHT"),
    "a.mkv b.mkv --crop 120,90,40,40": (2, "does not lie in the picture, which has 128x96 pixels"),
    "a.mkv b.mkv --view none": (2, "unknown view 'none'"),
    "a.mkv b.mkv --divider 0.5": (2, "--divider 0.5 is for --view wipe, not for --view side: add"),
    "a.mkv b.mkv --divider moving": (2, "--divider moving is for --view wipe"),
    "a.mkv b.mkv --view wipe --divider half": (2, "--divider 'half'"),
    "a.mkv b.mkv --at noon": (2, "--at 'noon': write seconds"),
    "a.mkv b.mkv -o x.avi": (2, "unknown output suffix '.avi'"),
    "a.mkv b.mkv -o b.mkv": (1, "output and input are the same file"),
    "a.mkv b.mkv -o short.mkv": (1, "short.mkv: exists already"),
    "a.mkv b.mkv -o x.mkv --crf 99": (2, "crf 99"),
}


@pytest.mark.parametrize("line", BAD)
def test_what_cannot_be(tcnet, tmp_path, line):
    code, words = BAD[line]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = tcnet("compare", *line.split())
    assert (done.code, done.out, len(done.err)) == (code, [], 1)
    assert words in done.err[0]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
