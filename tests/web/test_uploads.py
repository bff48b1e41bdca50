"""Uploads by the tus protocol, broken off and continued."""

import errno
import os
import shutil
import socket
import threading
import time

import pytest


@pytest.fixture
def data(clip):
    return clip.read_bytes()


def head(running, location, web):
    return running.client.head(location, headers=web.tus)


def test_what_the_server_can(shared, web):
    answer = shared.client.options("/api/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,termination,expiration"
    assert answer.headers["tus-max-size"] == str(8 * 2**30)


def test_in_pieces(shared, web, data):
    location = shared.begin_upload(len(data))
    assert location.startswith("/api/uploads/")
    for begin in range(0, len(data), 700):
        answer = head(shared, location, web)
        assert answer.headers["upload-offset"] == str(begin)
        assert answer.headers["upload-length"] == str(len(data))
        assert answer.headers["upload-metadata"] == web.metadata("clip.mp4")
        assert answer.headers["cache-control"] == "no-store"
        headers = {**web.bytes, "Upload-Offset": str(begin)}
        answer = shared.client.patch(location, headers=headers, content=data[begin : begin + 700])
        assert answer.status_code == 204
        assert answer.headers["upload-offset"] == str(min(begin + 700, len(data)))
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert "GMT" in answer.headers["upload-expires"]
    upload = location.rpartition("/")[2]
    shared.client.post("/api/jobs", json={"upload": upload, "model": "tiny"})
    assert shared.service.jobs.folder(upload).input.read_bytes() == data


def send_part(running, location, data, length):
    """A PATCH of `length` bytes of which only `data` come; returns the open connection."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(
        (
            f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n"
        ).encode()
        + data
    )
    return connection


def test_a_broken_connection(shared, web, data):
    location = shared.begin_upload(len(data))
    connection = send_part(shared, location, data[:1000], len(data))
    time.sleep(0.2)
    connection.close()
    time.sleep(0.2)
    assert head(shared, location, web).headers["upload-offset"] == "1000"  # what came is kept
    headers = {**web.bytes, "Upload-Offset": "1000"}
    assert shared.client.patch(location, headers=headers, content=data[1000:]).status_code == 204
    upload = location.rpartition("/")[2]
    shared.client.post("/api/jobs", json={"upload": upload, "model": "tiny"})
    assert shared.service.jobs.folder(upload).input.read_bytes() == data


def test_a_connection_that_hangs_does_not_stand_in_the_way(shared, web):
    data = bytes(range(256)) * 20_000  # more than is held back
    location = shared.begin_upload(len(data))
    hanging = send_part(shared, location, data[:3_000_000], len(data))
    time.sleep(0.5)
    offset = int(head(shared, location, web).headers["upload-offset"])
    assert 0 < offset <= 3_000_000
    headers = {**web.bytes, "Upload-Offset": str(offset)}
    assert shared.client.patch(location, headers=headers, content=data[offset:]).status_code == 204
    hanging.sendall(data[3_000_000:3_100_000])  # comes too late, and harms nothing
    hanging.close()
    upload = shared.service.uploads.find(location.rpartition("/")[2])
    assert shared.service.uploads.file(upload).read_bytes() == data
    assert shared.client.delete(location, headers=web.tus).status_code == 204


def test_a_server_that_starts_again(server, web, data):
    running = server()
    location = running.begin_upload(len(data))
    open_connection = send_part(running, location, data[:900], len(data))
    time.sleep(0.3)
    running.stop()  # in the middle of it
    open_connection.close()
    running = server()
    offset = int(head(running, location, web).headers["upload-offset"])
    assert 0 <= offset <= 900
    headers = {**web.bytes, "Upload-Offset": str(offset)}
    assert running.client.patch(location, headers=headers, content=data[offset:]).status_code == 204
    upload = location.rpartition("/")[2]
    running.client.post("/api/jobs", json={"upload": upload, "model": "tiny"})
    assert running.until(upload, "planned", "refused")["state"] == "planned"


def test_a_server_that_dies_while_an_upload_becomes_a_job(server, web, clip):
    running = server()
    upload = running.service.uploads.find(running.upload(clip))
    running.stop()
    input = running.service.jobs.folder(upload.id).input
    input.parent.mkdir()
    running.service.uploads.file(upload).rename(input)  # as far as it got
    running = server()
    running.client.post("/api/jobs", json={"upload": upload.id, "model": "tiny"})
    assert running.until(upload.id, "planned", "refused")["state"] == "planned"


def test_two_at_once(shared, web, data):
    """Both tell the same offset; one of them gets through, and the bytes are in order."""
    location = shared.begin_upload(len(data))
    codes = []

    def send():
        headers = {**web.bytes, "Upload-Offset": "0"}
        codes.append(shared.client.patch(location, headers=headers, content=data).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes.count(204) >= 1
    assert set(codes) <= {204, 409}
    upload = shared.service.uploads.find(location.rpartition("/")[2])
    assert shared.service.uploads.file(upload).read_bytes() == data


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Upload-Offset": "5"}, 409, "the upload is at byte 0, not 5"),
        ({"Upload-Offset": "-1"}, 422, "Upload-Offset"),
        ({"Upload-Offset": "x"}, 422, "Upload-Offset"),
        ({}, 422, "Upload-Offset"),
        ({"Upload-Offset": "0", "Content-Type": "text/plain"}, 415, "application/offset+octet-stream"),
        ({"Upload-Offset": "0", "Tus-Resumable": "0.2.2"}, 412, "Tus-Resumable must be 1.0.0"),
    ],
)
def test_pieces_that_are_refused(shared, web, data, headers, status, words):
    location = shared.begin_upload(len(data))
    answer = shared.client.patch(location, headers=web.bytes | headers, content=data)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert head(shared, location, web).headers["upload-offset"] == "0"


def test_a_client_that_can_only_post(shared, web, data):
    location = shared.begin_upload(len(data))
    headers = {**web.bytes, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert shared.client.post(location, headers=headers, content=data).status_code == 204
    assert head(shared, location, web).headers["upload-offset"] == str(len(data))
    assert (
        shared.client.get(location, headers={**web.tus, "X-HTTP-Method-Override": "DELETE"}).status_code
        == 405
    )
    headers = {**web.tus, "X-HTTP-Method-Override": "DELETE"}
    assert shared.client.post(location, headers=headers).status_code == 204
    assert head(shared, location, web).status_code == 404


def test_more_than_was_announced(shared, web, data):
    location = shared.begin_upload(1000)
    answer = shared.client.patch(location, headers={**web.bytes, "Upload-Offset": "0"}, content=data)
    assert answer.status_code == 413
    assert int(head(shared, location, web).headers["upload-offset"]) <= 1000


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Upload-Length": "0"}, 400, "the file is empty"),
        ({"Upload-Length": str(2**40)}, 413, "the file has 1024.0 GiB; this server takes up to 8.0 GiB"),
        ({"Upload-Length": "-5"}, 422, "Upload-Length"),
        ({"Upload-Length": "9" * 30}, 413, "this server takes up to"),
        ({}, 422, "Upload-Length"),
        ({"Upload-Length": "5", "Upload-Metadata": "filename ***"}, 400, "Base64"),
        ({"Upload-Length": "5", "Upload-Metadata": "a " + "b" * 9000}, 413, "Upload-Metadata"),
        ({"Upload-Length": "5", "Tus-Resumable": "2"}, 412, "Tus-Resumable"),
    ],
)
def test_uploads_that_are_refused(shared, web, headers, status, words):
    answer = shared.client.post("/api/uploads", headers=web.tus | headers)
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_an_unfinished_upload_is_no_job(shared, data):
    upload = shared.begin_upload(len(data)).rpartition("/")[2]
    answer = shared.client.post("/api/jobs", json={"upload": upload})
    assert answer.status_code == 409
    assert f"0 of {len(data)} bytes" in answer.json()["error"]


def test_given_up(shared, web, data):
    location = shared.begin_upload(len(data))
    upload = shared.service.uploads.find(location.rpartition("/")[2])
    assert shared.client.delete(location, headers=web.tus).status_code == 204
    assert not shared.service.uploads.file(upload).exists()
    for answer in (head(shared, location, web), shared.client.delete(location, headers=web.tus)):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "upload", ["..", "../jobs.sqlite", "%2e%2e%2fjobs.sqlite", "a" * 500, "x", "jobs.sqlite%00"]
)
def test_ids_are_no_paths(shared, web, upload):
    for answer in (
        shared.client.head(f"/api/uploads/{upload}", headers=web.tus),
        shared.client.delete(f"/api/uploads/{upload}", headers=web.tus),
        shared.client.post("/api/jobs", json={"upload": upload}),
        shared.client.get(f"/api/jobs/{upload}/result"),
        shared.client.delete(f"/api/jobs/{upload}"),
    ):
        assert answer.status_code in (404, 405, 422), answer.request.url
    assert shared.client.get("/api/jobs").status_code == 200


def test_a_disk_that_is_full_keeps_what_it_took(server, web, monkeypatch):
    running = server()
    data = bytes(range(256)) * 8192
    location = running.begin_upload(len(data))
    headers = {**web.bytes, "Upload-Offset": "0"}
    assert running.client.patch(location, headers=headers, content=data[:999]).status_code == 204
    full = shutil.disk_usage("/tmp")._replace(free=-1)
    with monkeypatch.context() as patched:
        patched.setattr("tcnet.web.uploads.shutil.disk_usage", lambda folder: full)
        headers = {**web.bytes, "Upload-Offset": "999"}
        answer = running.client.patch(location, headers=headers, content=data[999:])
        assert answer.status_code == 507
        answer = head(running, location, web)
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, "999")
    assert running.client.patch(location, headers=headers, content=data[999:]).status_code == 204


def test_a_folder_that_cannot_be_synced(server, web, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    running = server()
    location = running.begin_upload(3)
    monkeypatch.setattr(os, "fsync", refuse)
    headers = {**web.bytes, "Upload-Offset": "0"}
    assert running.client.patch(location, headers=headers, content=b"abc").status_code == 204


def test_room_on_the_disk(server):

    free = shutil.disk_usage("/tmp").free
    running = server(limits={"free_bytes": free * 4})
    answer = running.client.post("/api/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1000"})
    assert answer.status_code == 507
    assert answer.json()["error"] == "the file has 1000 bytes and the server's disk has room for 0 bytes"


def test_not_more_jobs_than_are_kept(server, clip):
    running = server(limits={"jobs": 2})
    running.create(clip)
    running.begin_upload(10)
    answer = running.client.post("/api/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "10"})
    assert (answer.status_code, answer.json()["error"]) == (
        429,
        "there are 2 jobs already; delete some first",
    )
