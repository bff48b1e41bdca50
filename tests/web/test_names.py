"""Names of files are text: whatever is in them, nothing else comes of it."""

import re
from pathlib import PurePosixPath
from urllib.parse import unquote

import pytest

from tcnet.web.jobs.job import display_name

NAMES = {
    "<script>alert(1)</script>.mp4": "script>.mp4",
    '"><img src=x onerror=alert(1)>.mp4': '"><img src=x onerror=alert(1)>.mp4',
    'a"; filename="evil.exe': 'a"; filename="evil.exe',
    "two\r\nSet-Cookie: a=b\r\n\r\nlines.mp4": "two Set-Cookie: a=b lines.mp4",
    "../../../etc/passwd": "passwd",
    "..\\..\\windows\\system.ini": "system.ini",
    "Zähne – 映像 🎬.mp4": "Zähne – 映像 🎬.mp4",
    "right\u202eleft\u2028line\x00zero\x1b[31mred.mp4": "right left line zero [31mred.mp4",
    "..": "video",
    "": "video",
    " . . ": "video",
    ".hidden.mp4": "hidden.mp4",
    "x" * 900 + ".mp4": "x" * 200,
    "%2e%2e%2fa%00b.mp4": "%2e%2e%2fa%00b.mp4",
    "{{7*7}} ${7*7} $(id) `id` ; rm -rf ~ #.mp4": "{{7*7}} ${7*7} $(id) `id` ; rm -rf ~ #.mp4",
    "-o --overwrite.mp4": "-o --overwrite.mp4",
}


@pytest.fixture(scope="module")
def done(shared, clip):
    return shared.done(clip)["id"]


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=[str(number) for number in range(len(NAMES))])
def test_names(shared, done, name, shown):
    assert display_name(name) == shown
    location = shared.begin_upload(5, name)
    upload = shared.service.uploads.find(location.rpartition("/")[2])
    assert upload.name == shown

    def renamed(job):
        job = job.model_copy(update={"name": upload.name})
        return job.model_copy(update={"result": job.result.model_copy(update={"name": job.result_name})})

    job = shared.service.jobs.change(done, renamed)
    stem, suffix = PurePosixPath(shown).stem, PurePosixPath(shown).suffix
    assert job.result.name == f"{stem}.x4{'.mp4' if suffix == '.mp4' else '.mkv'}"
    result = shared.service.jobs.folder(done).path / f"result{job.suffix}"
    result.write_bytes(b"0123456789")

    answer = shared.client.get(f"/api/jobs/{done}/result", headers={"Range": "bytes=0-4"})
    assert (answer.status_code, answer.content) == (206, b"01234")
    disposition = answer.headers["content-disposition"]
    plain = re.fullmatch(r'attachment; filename="([\w.-]+)"', disposition, re.ASCII)
    coded = re.fullmatch(r"attachment; filename\*=utf-8''([\w.%~-]+)", disposition, re.ASCII)
    assert plain or coded, disposition
    assert (plain[1] if plain else unquote(coded[1])) == job.result.name
    assert "set-cookie" not in answer.headers

    for path in ("/api/jobs", f"/api/jobs/{done}"):
        answer = shared.client.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert shown in [one["name"] for one in answer.json().get("jobs", [answer.json()])]


def test_files_have_names_of_ours(shared, clip):
    job = shared.done(clip, "../../evil name.mp4")
    assert job["name"] == "evil name.mp4"
    folder = shared.service.jobs.folder(job["id"])
    assert sorted(file.name for file in folder.path.iterdir()) == ["input", "result.mp4"]


def test_names_in_refusals(shared, tmp_path):
    (tmp_path / "x").write_bytes(b"no video at all" * 9)
    job = shared.create(tmp_path / "x", "<b>\n'evil'</i>.mp4")
    assert job["error"].startswith("i>.mp4: cannot be read as video")


def test_the_choice_of_the_container(shared, clip):
    assert shared.create(clip, "A.MOV")["name"] == "A.MOV"
    assert shared.done(clip, "A.MOV", scale=2)["result"]["name"] == "A.x2.mp4"
    assert shared.done(clip, "A.avi")["result"]["name"] == "A.x4.mkv"
