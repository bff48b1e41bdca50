import pytest

from tcnet.errors import MediaError
from tcnet.journal import Journal

LINES = [{"a": 1}, {"name": "Übergröße"}]


@pytest.fixture
def path(tmp_path):
    journal = Journal(tmp_path / "j")
    journal.start({"header": True})
    for line in LINES:
        journal.append(line)
    return tmp_path / "j"


def test_lines_come_back(path):
    assert Journal(path).read() == ({"header": True}, LINES)


def test_a_journal_that_is_not_there_is_empty(tmp_path):
    assert Journal(tmp_path / "j").read() == (None, [])


def test_every_cut_leaves_the_lines_before_it(path):
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        whole = data[:length].count(b"\n")
        header, lines = Journal(path).read()
        assert header == ({"header": True} if whole else None)
        assert lines == LINES[: max(0, whole - 1)]


def test_a_tail_of_zeros_is_a_cut(path):
    """What some file systems leave of a line after a power cut."""
    path.write_bytes(path.read_bytes() + bytes(40))
    assert Journal(path).read() == ({"header": True}, LINES)


@pytest.mark.parametrize("text", [b"garbage\n", b"1\n", b'{"a": 1}\nx\n{"b": 1}\n'])
def test_what_is_no_journal_is_an_error(tmp_path, text):
    (tmp_path / "j").write_bytes(text)
    with pytest.raises(MediaError, match=r"j: this journal is damaged$"):
        Journal(tmp_path / "j").read()


def test_starting_again_replaces_all(path):
    Journal(path).start({"new": 1}, [{"kept": 1}])
    assert Journal(path).read() == ({"new": 1}, [{"kept": 1}])
    assert [entry.name for entry in path.parent.iterdir()] == ["j"]
