"""Options that change frames give on a cluster what they give on one machine, also to a run that was cut off."""

import time
from dataclasses import replace

import pytest
from cluster_fakes import SETTINGS, OneWorker, assert_same, write_source

from blown_up import HELD, write_blown_up
from detail_models import write_denoise_models, write_detail_models
from fake_networks import TemporalBox
from tcnet.errors import UsageError
from tcnet.upscale import upscale_video
from tcnet.upscale.output.run_output import frames_kept

OPTIONS = SETTINGS["options"]


@pytest.fixture(scope="module")
def blown_up(tmp_path_factory):
    return write_blown_up(tmp_path_factory.mktemp("blown") / "in.mkv")


def stop_in_the_middle(output):
    """For `progress`: when two of three segments are computed, and the first is written."""

    def stop(now):
        if now.frames_done == 6:
            while not frames_kept(output):
                time.sleep(0.01)
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("asked", [120, "auto"])
def test_frames_are_shrunk_as_on_one_machine(blown_up, tmp_path, asked):
    options = replace(OPTIONS, height=360, shrink_first=asked)
    given = SETTINGS | {"model": TemporalBox(4), "options": options, "segment_frames": 3}
    upscale_video(blown_up, tmp_path / "single.mkv", **given)
    out, cluster = tmp_path / "out.mkv", OneWorker()
    with pytest.raises(KeyboardInterrupt):
        upscale_video(blown_up, out, cluster=cluster, progress=stop_in_the_middle(out), **given)
    with pytest.raises(UsageError, match=r"shrink first \(then \d+, now 200\)"):
        upscale_video(
            blown_up, out, cluster=cluster, **given | {"options": replace(options, shrink_first=200)}
        )
    lines = HELD if asked == "auto" else asked
    another = OneWorker()
    result = upscale_video(
        blown_up, out, cluster=another, **given | {"options": replace(options, shrink_first=lines)}
    )
    assert result.plan.options.shrink_first == lines
    assert another.sizes in ([3, 3], [3])  # as many as had not been written
    assert_same(out, tmp_path / "single.mkv")


def test_the_detail_is_that_of_one_machine(tmp_path):
    source = write_source(tmp_path / "in.mkv", frames=12)
    given = SETTINGS | {"model": str(write_detail_models(tmp_path)), "options": replace(OPTIONS, detail=0.25)}
    upscale_video(source, tmp_path / "single.mkv", **given)
    upscale_video(source, tmp_path / "out.mkv", cluster=OneWorker(), **given)
    assert_same(tmp_path / "out.mkv", tmp_path / "single.mkv")


def test_the_denoise_is_that_of_one_machine_also_after_a_cut(tmp_path):
    source, out = write_source(tmp_path / "in.mkv", frames=12), tmp_path / "out.mkv"
    given = SETTINGS | {
        "model": str(write_denoise_models(tmp_path)),
        "options": replace(OPTIONS, denoise=0.25),
        "segment_frames": 3,
    }
    upscale_video(source, tmp_path / "single.mkv", **given)
    with pytest.raises(KeyboardInterrupt):
        upscale_video(source, out, cluster=OneWorker(), progress=stop_in_the_middle(out), **given)
    another = given | {"options": replace(OPTIONS, denoise=0.5)}
    with pytest.raises(UsageError, match=r"denoise \(then 0\.25, now 0\.5\)"):
        upscale_video(source, out, cluster=OneWorker(), **another)
    upscale_video(source, out, cluster=OneWorker(), **given)
    assert_same(out, tmp_path / "single.mkv")
