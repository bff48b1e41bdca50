"""Files that the server does not take: in one line, and nothing of the server is told."""

import base64

import pytest

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"


def check(job, words, kind="file"):
    assert (job["state"], job["refusal"]) == ("refused", kind)
    assert words in job["error"], job["error"]
    assert job["error"].startswith(job["name"])
    assert "\n" not in job["error"]
    assert "/jobs/" not in job["error"]  # where files lie is nobody's business


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("notes.txt", b"Dear diary, " * 50, "cannot be read as video"),
        ("zeros.mp4", bytes(5000), "cannot be read as video"),
        ("list.m3u8", PLAYLIST.format("file:///etc/passwd").encode(), "is a playlist"),
        ("list.mp4", PLAYLIST.format("http://localhost:1/x.ts").encode(), "is a playlist"),
        ("concat.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "is a playlist"),
        (
            "picture.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
            "video",
        ),
    ],
)
def test_no_video(shared, tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    job = shared.create(tmp_path / name)
    check(job, words)
    assert "passwd" not in job["error"]
    assert job["source"] is job["plan"] is None
    assert shared.client.post(f"/api/jobs/{job['id']}/start").status_code == 409


def test_cut_short(shared, clip, tmp_path):
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:600])
    check(shared.create(tmp_path / "cut.mp4"), "cannot be read as video")


def test_a_picture_is_no_video(shared, tmp_path):
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    (tmp_path / "dot.png").write_bytes(base64.b64decode(png))
    check(shared.create(tmp_path / "dot.png"), "is a picture")


def test_sound_alone(shared, tmp_path):
    import av
    import numpy as np

    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        tone = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(tone.encode(frame))
        container.mux(tone.encode(None))
    check(shared.create(tmp_path / "sound.mp4"), "holds no video stream")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"pixels": 32 * 24 - 1}, "its frames have 32x24 pixels; this server takes up to 767"),
        ({"duration_seconds": 0.2}, "it lasts 0.28 s; this server takes up to 0.2 s"),
        ({"frames": 6}, "it has 7 frames; this server takes up to 6"),
    ],
)
def test_over_a_limit(server, clip, limits, words):
    running = server(limits=limits)
    check(running.create(clip), words)
    listed = running.client.get("/api/server").json()["limits"]
    assert {key: listed[key] for key in limits} == limits


def test_at_the_limits(server, clip):
    limits = {"pixels": 768, "duration_seconds": 0.28, "frames": 7, "upload_bytes": clip.stat().st_size}
    running = server(limits=limits)
    assert running.create(clip)["state"] == "planned"
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(clip.stat().st_size + 1)}
    assert running.client.post("/api/uploads", headers=headers).status_code == 413


def test_a_result_too_large_for_the_disk(server, clip):
    running = server()
    job = running.create(clip)
    plan = running.service.jobs.get(job["id"]).plan.model_copy(update={"output_bytes_estimate": 2**60})
    running.service.jobs.change(job["id"], lambda job: job.model_copy(update={"plan": plan}))
    answer = running.client.post(f"/api/jobs/{job['id']}/start")
    assert answer.status_code == 507
    assert answer.json()["error"].startswith("the result may need 2147483648.0 GiB and the server's disk has")
    assert running.job(job["id"])["state"] == "planned"
