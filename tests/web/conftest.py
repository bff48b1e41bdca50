"""A real server in a thread, on a free port, with tiny videos and a stand-in for the long work."""

import base64
import contextlib
import json
import sys
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import httpx
import numpy as np
import pytest
import torch

from tcnet.inference.upscale_options import UpscaleOptions, output_size
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.web.jobs.job import JobPlan
from tcnet.web.planning import plan_upload
from tcnet.web.server import WebServer, open_socket
from tcnet.web.service import Service
from tcnet.web.settings import Limits, ServedModel, Settings

FAKE = Path(__file__).parent / "fake_upscale.py"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def picture(index: int, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    x = np.arange(width)[None, :, None] * 5 + np.arange(height)[:, None, None] * 3 + index * 9
    return ((x + np.array([0, 40, 80])) % 220 + 16).astype(np.uint8)


def write_clip(
    path: Path, *, frames=7, size=(32, 24), times=None, time_base=Fraction(1, 25), codec="libx264"
):
    """times: ticks of `time_base`; by default every one."""
    options = {"video_track_timescale": str(time_base.denominator)} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", container_options=options) as container:
        video = container.add_stream(codec, rate=25, options={"mbtree": "0"} if codec == "libx264" else {})
        video.width, video.height = size
        video.pix_fmt = "yuv420p" if codec == "libx264" else "bgr0"
        video.codec_context.time_base = time_base
        for index, ticks in enumerate(times or range(frames)):
            frame = av.VideoFrame.from_ndarray(picture(index, size), "rgb24")
            frame.pts, frame.time_base = ticks, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def metadata(name: str) -> str:
    return f"filename {base64.b64encode(name.encode()).decode()}".strip()  # no value: an empty name


def quick_plan(input, output, source, request):
    """Like `plan_upload`, without measuring a network."""
    options = UpscaleOptions(scale=request.scale, height=request.height)
    height, width = output_size(source.height, source.width, options)
    return JobPlan(
        width=width, height=height, seconds=1.5, frames=source.frames, notices=(f"a note on {input}",),
        output_bytes_estimate=1000,
    )  # fmt: skip


class InProcess:
    """Opens files in this process, which has all that it takes loaded already."""

    def call(self, function, *arguments, seconds):
        return quick_plan(*arguments) if function is plan_upload else function(*arguments)

    def close(self):
        pass


@dataclass
class Running:
    """A server that runs, and a client of it."""

    server: WebServer
    service: Service
    thread: threading.Thread
    client: httpx.Client
    url: str

    def stop(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()

    def begin_upload(self, length: int, name: str = "clip.mp4") -> str:
        """Its address."""
        headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(name)}
        answer = self.client.post("/api/uploads", headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def upload(self, path: Path, name: str | None = None) -> str:
        """The id."""
        data = path.read_bytes()
        location = self.begin_upload(len(data), path.name if name is None else name)
        answer = self.client.patch(location, headers={**BYTES, "Upload-Offset": "0"}, content=data)
        assert answer.status_code == 204, answer.text
        return location.rpartition("/")[2]

    def job(self, job_id: str) -> dict:
        answer = self.client.get(f"/api/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, job_id: str, *states: str, seconds: float = 90) -> dict:
        """The job, when it has one of the states."""
        end = time.monotonic() + seconds
        while (job := self.job(job_id))["state"] not in states:
            assert time.monotonic() < end, job
            time.sleep(0.02)
        return job

    def create(self, path: Path, name: str | None = None, **choice) -> dict:
        """A job that is planned or refused."""
        upload = self.upload(path, name)
        answer = self.client.post("/api/jobs", json={"upload": upload, "model": "tiny", **choice})
        assert answer.status_code == 201, answer.text
        assert answer.json()["state"] in ("planning", "planned", "refused")
        return self.until(upload, "planned", "refused")

    def post(self, job_id: str, action: str) -> dict:
        answer = self.client.post(f"/api/jobs/{job_id}/{action}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def done(self, path: Path, name: str | None = None, **choice) -> dict:
        job = self.create(path, name, **choice)
        assert job["state"] == "planned", job
        self.post(job["id"], "start")
        job = self.until(job["id"], "done", "failed")
        assert job["state"] == "done", job
        return job


def fake(frames=5, seconds=0.01, ending="done") -> tuple[str, ...]:
    return (sys.executable, "-S", str(FAKE), str(frames), str(seconds), ending)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    config = TCNetConfig(
        channels=8, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="small",
        reconstruction="direct",
    )  # fmt: skip
    save_model(TCNet(config), path)
    return path


@pytest.fixture(scope="session")
def start_server(tiny):
    """Starts a server; the caller stops it."""

    def start(data_dir: Path, *, command=None, limits=None, make_reader=InProcess, **settings) -> Running:
        models = (ServedModel("tiny", "tiny", str(tiny)), ServedModel("tcnet-bi", "real", "tcnet-bi"))
        limits = Limits(**{"free_bytes": 0, **(limits or {})})
        everything = Settings(data_dir=data_dir, limits=limits, **{"models": models, **settings})
        service = Service(everything, command=command or fake(), make_reader=make_reader)
        listening = open_socket("127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        ready = threading.Event()
        server = WebServer(service, ready.set)
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
        thread.start()
        assert ready.wait(20)
        return Running(server, service, thread, httpx.Client(base_url=url, timeout=20), url)

    return start


@pytest.fixture
def server(start_server, tmp_path):
    """Starts servers that are stopped at the end, by default all with one data folder."""
    with contextlib.ExitStack() as stack:

        def start(**settings) -> Running:
            running = start_server(settings.pop("data_dir", tmp_path / "data"), **settings)
            stack.callback(lambda: running.thread.is_alive() and running.stop())
            return running

        yield start


@pytest.fixture(scope="session")
def shared(start_server, tmp_path_factory):
    """One server for all tests that leave it as it is."""
    running = start_server(tmp_path_factory.mktemp("shared") / "data")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")


def read_events(answer: httpx.Response):
    """(event, data) of a stream, without pings."""
    kind = None
    for line in answer.iter_lines():
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            yield kind, json.loads(line[6:])


@pytest.fixture(scope="session")
def web() -> SimpleNamespace:
    """What the tests of this folder share: imports between test files are not possible here."""
    return SimpleNamespace(
        clip=write_clip,
        fake=fake,
        metadata=metadata,
        events=read_events,
        tus=TUS,
        bytes=BYTES,
        picture=picture,
    )
