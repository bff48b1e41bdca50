import json

import pytest
import torch

from tcnet.catalogue import NAMES, weights_hash
from tcnet.errors import MediaError
from tcnet.profiling import threads
from tcnet.profiling.threads import Tuning, keep, kept, machine, tuning_path, use_kept_threads
from tcnet.speeds import Speed, kept_speeds


@pytest.fixture(autouse=True)
def _own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_what_is_measured_is_kept_and_used(tcnet, monkeypatch):
    monkeypatch.setattr(threads, "CLIP", (1, 1, 3, 16, 16))

    def measure_models(cards, device, precision):
        count = torch.get_num_threads()
        return [Speed(card.name, weights_hash(card.name), device, precision, count, 1e-6) for card in cards]

    monkeypatch.setattr(threads, "measure_models", measure_models)
    before = torch.get_num_threads()
    done = tcnet("doctor", "--tune")
    assert done.code == 0
    assert torch.get_num_threads() == before
    found = kept()
    assert found is not None
    assert found.machine == machine()
    assert "1" in found.seconds
    assert found.seconds[str(found.threads)] == min(found.seconds.values())
    assert str(tuning_path()) in "".join(done.out)
    assert [speed.model for speed in kept_speeds()] == list(NAMES)
    assert {speed.threads for speed in kept_speeds()} == {found.threads}
    assert "about 10 min" in "".join(done.out)
    torch.set_num_threads(1)
    keep(Tuning(machine(), 3, {"3": 0.1}))
    use_kept_threads()
    assert torch.get_num_threads() == 3
    assert any("3 threads" in line for line in tcnet("doctor").out)


def test_counts_go_up_to_the_cores():
    assert [threads._counts(cores) for cores in (1, 2, 6, 8)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]


@pytest.mark.parametrize("case", ["none", "another machine", "said otherwise"])
def test_nothing_changes_where_it_does_not_hold(case, monkeypatch):
    if case != "none":
        keep(Tuning("another machine" if case == "another machine" else machine(), 3, {"3": 0.1}))
    if case == "said otherwise":
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(1)
    use_kept_threads()
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"machine": "x", "threads": "many", "seconds": {}})])
def test_a_damaged_file_is_named(tcnet, tmp_path, text):
    tuning_path().parent.mkdir(parents=True)
    tuning_path().write_text(text)
    done = tcnet("upscale", str(tmp_path / "none.mp4"))
    assert done.code == 1
    assert (
        f"{tuning_path()}: cannot be read or is damaged; delete it, or measure again: tcnet doctor --tune"
        in done.err[-1]
    )


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "tcnet").write_text("")
    with pytest.raises(MediaError, match=r"tuning\.json: cannot be written"):
        keep(Tuning(machine(), 1, {"1": 0.1}))
