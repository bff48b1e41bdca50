import numpy as np
import pytest

from tcnet.data.clips import (
    Provenance,
    find_clips,
    find_photos,
    find_reds,
    find_vimeo90k,
    leave_out,
    read_provenance,
)
from tcnet.errors import MediaError
from tcnet.video import write_png


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.zeros((16, 16, 3), np.uint8))


def test_reds_as_published_without_reds4(tmp_path):
    for clip in ("000", "001", "011", "020", "100"):
        for frame in range(2):
            image(tmp_path / "train_sharp" / clip / f"{frame:08}.png")
    image(tmp_path / "val_sharp" / "000" / "00000000.png")
    clips = find_reds(tmp_path)
    assert [clip.name for clip in clips] == ["train_sharp/001", "train_sharp/100", "val_sharp/000"]
    assert [file.name for file in clips[0].files] == ["00000000.png", "00000001.png"]


def test_vimeo90k_as_published(tmp_path):
    (tmp_path / "sep_trainlist.txt").write_text("00001/0001\n00001/0003\n")
    clips = find_vimeo90k(tmp_path)
    assert [clip.name for clip in clips] == ["00001/0001", "00001/0003"]
    assert clips[1].files[6] == tmp_path / "sequences/00001/0003/im7.png"
    assert len(clips[1].files) == 7


def test_ones_own_folder(tmp_path):
    image(tmp_path / "walk" / "1.png")
    (tmp_path / "city.mkv").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.mkv").touch()
    clips = find_clips(tmp_path)
    assert [clip.name for clip in clips] == ["city.mkv", "walk"]
    assert [clip.name for clip in leave_out(clips, ["ci*"])] == ["walk"]
    assert [clip.name for clip in find_photos(tmp_path / "walk")] == ["1.png"]


@pytest.mark.parametrize("find", [find_clips, find_photos, find_reds, find_vimeo90k])
def test_missing_and_empty_folders_are_named(find, tmp_path):
    with pytest.raises(MediaError, match="absent"):
        find(tmp_path / "absent")
    (tmp_path / "train_sharp").mkdir()
    (tmp_path / "sep_trainlist.txt").touch()
    with pytest.raises(MediaError, match=str(tmp_path)):
        find(tmp_path)


def test_provenance(tmp_path):
    table = tmp_path / "PROVENANCE.tsv"
    table.write_text("file\tkind\tsharpness\ntrain/a.mkv\topen\t1.5\nphotos/b.jpg\tresearch\t\n")
    known = read_provenance(table)
    assert known == {"a.mkv": Provenance("open", 1.5), "b.jpg": Provenance("research", float("inf"))}
    table.write_text("file\tkind\na\topen\n")
    with pytest.raises(MediaError, match="sharpness"):
        read_provenance(table)
