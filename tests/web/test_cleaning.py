"""What is old goes; what belongs to nothing goes; what is in use stays."""

import os
import sqlite3
import time

import pytest

from tcnet.errors import MediaError
from tcnet.web.jobs.database import Database
from tcnet.web.service import Service
from tcnet.web.settings import Settings

DAY = 24 * 3600


def aged(running, job_id, days, field="finished"):
    """As if that long ago."""
    running.service.jobs.change(job_id, lambda job: job.model_copy(update={field: time.time() - days * DAY}))


def test_old_jobs(server, web, clip):
    running = server(keep_days=3, command=web.fake(frames=60, seconds=0.05))
    old, young, planned, runs = (running.create(clip)["id"] for _ in range(4))
    for job_id in (old, young):
        running.post(job_id, "start")
        running.post(job_id, "cancel")
    aged(running, old, 3.1)
    aged(running, young, 2.9)
    aged(running, planned, 3.1, "created")
    running.post(runs, "start")
    aged(running, runs, 9, "created")
    running.service.clean()
    assert {job["id"] for job in running.client.get("/api/jobs").json()["jobs"]} == {young, runs}
    assert {path.name for path in (running.service.settings.data_dir / "jobs").iterdir()} == {young, runs}
    running.stop()
    running = server(keep_days=0)
    running.until(runs, "done")
    aged(running, runs, 999)
    running.service.clean()
    assert running.job(runs)["state"] == "done"


def test_old_uploads(server, web, clip):
    running = server(keep_days=3)
    old, young = running.begin_upload(10), running.begin_upload(10)
    path = running.service.settings.data_dir / "jobs.sqlite"
    running.stop()
    with sqlite3.connect(path) as connection:
        moment = (time.time() - 4 * DAY, old.rpartition("/")[2])
        connection.execute("UPDATE uploads SET touched = ? WHERE id = ?", moment)
    connection.close()
    running = server(keep_days=3)  # cleans as it starts
    codes = [running.client.head(location, headers=web.tus).status_code for location in (old, young)]
    assert codes == [404, 200]
    assert [file.name for file in path.with_name("uploads").iterdir()] == [young.rpartition("/")[2]]


def test_strays(server, clip):
    running = server()
    kept = running.create(clip)["id"]
    data = running.service.settings.data_dir
    (data / "jobs" / "stray").mkdir()
    (data / "uploads" / "stray").write_bytes(b"x")
    (data / "uploads" / "new").write_bytes(b"x")
    for path in (data / "jobs" / "stray", data / "uploads" / "stray", data / "jobs" / kept):
        os.utime(path, (0, 0))
    running.service.clean()
    assert [path.name for path in (data / "jobs").iterdir()] == [kept]
    assert [path.name for path in (data / "uploads").iterdir()] == ["new"]


def test_one_server_for_a_folder(server, tmp_path):
    running = server()
    with pytest.raises(MediaError, match="another server uses it; choose another --data-dir"):
        Service(running.service.settings)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"no database at all" * 99, "is not a database of tcnet"), (None, "is of another version of tcnet")],
)
def test_a_file_that_is_none_of_ours(tmp_path, content, words):
    path = tmp_path / "jobs.sqlite"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=words):
        Service(Settings(data_dir=tmp_path))


def test_a_transaction_that_fails_leaves_none_behind(tmp_path):
    """Whether a statement failed or the end of all of them: the next ones are a transaction of their own."""
    path = tmp_path / "jobs.sqlite"
    database = Database(path)
    with database.use() as connection:
        connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED, data BLOB)"
        )
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")  # as if the disk were full
    with pytest.raises(sqlite3.OperationalError, match="full"), database.use():
        connection.execute("INSERT INTO children VALUES (NULL, zeroblob(100000))")
    connection.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError), database.use():
        connection.execute("INSERT INTO children VALUES (7, NULL)")
    with database.use():
        connection.execute("INSERT INTO parents VALUES (1)")
    database.close()
    with sqlite3.connect(path) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {table}") for table in ("parents", "children")]
        assert [count.fetchone() for count in counts] == [(1,), (0,)]
    connection.close()


def test_records_that_cannot_be_read(server, clip):
    """As a version of tcnet to come may have written them."""
    running = server()
    job_id = running.create(clip)["id"]
    path = running.service.settings.data_dir / "jobs.sqlite"
    running.stop()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE jobs SET record = '{}' WHERE id = ?", (job_id,))
    connection.close()
    with pytest.raises(MediaError, match="has jobs of another version of tcnet; choose another --data-dir"):
        Service(Settings(data_dir=path.parent))


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MediaError, match="cannot be used"):
        Service(Settings(data_dir=tmp_path / "file" / "data"))
