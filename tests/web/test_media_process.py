"""What happens to the process that opens files does not happen to the server."""

import os
import threading
import time
from pathlib import Path

import pytest

from tcnet.errors import MediaError
from tcnet.video import read_image
from tcnet.web.jobs.frames import frame_png
from tcnet.web.jobs.job import Trim
from tcnet.web.jobs.media_process import MediaProcess
from tcnet.web.planning import JobRequest, plan_upload, survey_upload
from tcnet.web.settings import Limits


@pytest.fixture(scope="module")
def reader():
    process = MediaProcess()
    yield process
    process.close()


def test_it_works_elsewhere(reader):
    assert reader.call(os.getpid, seconds=30) == reader.call(os.getpid, seconds=30) != os.getpid()


def test_a_plan(reader, clip, tiny, tmp_path):
    source = reader.call(survey_upload, clip, Limits(), seconds=60)
    assert (source.width, source.frames, source.codec) == (32, 7, "h264")
    request = JobRequest(str(tiny), detail=None, denoise=None, scale=3, height=None, crf=None, trim=Trim())
    plan = reader.call(plan_upload, clip, tmp_path / "result.mp4", source, request, seconds=60)
    assert (plan.width, plan.height, plan.frames) == (96, 72, 7)
    assert plan.seconds > 0
    assert 0 < plan.output_bytes_estimate < 10_000
    assert not (tmp_path / "result.mp4").exists()


def test_a_frame(reader, clip, tmp_path):
    (tmp_path / "a.png").write_bytes(reader.call(frame_png, clip, clip, 3, (96, 128), seconds=60))
    assert read_image(tmp_path / "a.png").shape == (96, 128, 3)
    with pytest.raises(MediaError, match="it has no frame 7"):
        reader.call(frame_png, clip, clip, 7, (96, 128), seconds=60)


def test_errors_for_people_come_through(reader):
    with pytest.raises(MediaError, match="gone: no such file"):
        reader.call(survey_upload, Path("gone"), Limits(), seconds=60)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        reader.call(divmod, 1, 0, seconds=60)


def test_it_dies_and_comes_again(reader):
    before = reader.call(os.getpid, seconds=60)
    with pytest.raises(MediaError, match="the decoder failed on it"):
        reader.call(os.abort, seconds=60)
    with pytest.raises(MediaError, match="given up after 0 s"):
        reader.call(time.sleep, 60, seconds=0.1)
    assert reader.call(os.getpid, seconds=60) != before


def test_closing_ends_a_call(reader):
    """That it ends with a server that is killed is for test_serve.py."""
    reader.call(os.getpid, seconds=60)
    failed = []

    def call():
        with pytest.raises(MediaError, match="the server stops") as caught:
            reader.call(time.sleep, 60, seconds=60)
        failed.append(caught.value)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.2)
    reader.close()
    thread.join(10)
    assert len(failed) == 1
    with pytest.raises(MediaError, match="the server stops"):
        reader.call(os.getpid, seconds=60)
