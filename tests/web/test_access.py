"""Who may ask, from which page, under which name, and how much."""

import httpx
import pytest

from tcnet.errors import UsageError
from tcnet.web.guard import is_loopback
from tcnet.web.settings import Limits, Settings

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def guarded(start_server, tmp_path_factory):
    running = start_server(tmp_path_factory.mktemp("guarded") / "data", token=TOKEN)
    yield running
    running.stop()


PATHS = ["/api/server", "/api/jobs", "/api/jobs/x", "/api/events", "/api/jobs/x/result", "/api/openapi.json"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Authorization": b"Bearer \xff\xfe"},
        {"Cookie": "tcnet_token=wrong"},
        {"Cookie": 'tcnet_token="; a=b'},
        {"Cookie": f"other={TOKEN}"},
    ],
)
def test_without_the_token(guarded, path, headers):
    answer = guarded.client.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": "give the server's token"}
    assert answer.headers["www-authenticate"] == "Bearer"


def test_other_methods_need_it_too(guarded, web):
    for method, path in [("POST", "/api/uploads"), ("PATCH", "/api/uploads/x"), ("DELETE", "/api/jobs/x")]:
        assert guarded.client.request(method, path, headers=web.tus).status_code == 401


def test_with_the_token(guarded):
    answer = guarded.client.get("/api/server", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json()["token_required"] is True
    assert guarded.client.get("/api/jobs", headers={"Cookie": f"a=b; tcnet_token={TOKEN}"}).status_code == 200


def test_the_cookie(guarded):
    with httpx.Client(base_url=guarded.url) as client:
        assert client.post("/api/session", json={"token": "wrong"}).status_code == 401
        answer = client.post("/api/session", json={"token": TOKEN})
        assert answer.status_code == 204
        parts = answer.headers["set-cookie"].split("; ")
        assert parts[0] == f"tcnet_token={TOKEN}"
        assert {part.lower() for part in parts[1:]} == {"httponly", "samesite=strict", "path=/"}
        assert client.get("/api/jobs").status_code == 200
        client.delete("/api/session")
        assert client.get("/api/jobs").status_code == 401


def test_the_page_itself_is_open(guarded):
    assert guarded.client.get("/").status_code in (200, 404)
    assert guarded.client.get("/static/no-such-file.js").status_code == 404
    assert guarded.client.get("/static/../../settings.py").status_code in (401, 404)
    assert guarded.client.get("/static/%2e%2e/settings.py").status_code == 404


def test_a_server_without_token(shared):
    assert shared.client.get("/api/server").json()["token_required"] is False
    assert shared.client.post("/api/session", json={"token": "x"}).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost@evil"]
)
def test_other_names_of_the_server(shared, host):
    answer = shared.client.get("/api/jobs", headers={"Host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8000", "localhost."])
def test_own_names(shared, host):
    assert shared.client.get("/api/jobs", headers={"Host": host}).status_code == 200


def test_names_that_are_allowed(server):
    running = server(hosts=frozenset(["video.example"]))
    codes = [
        running.client.get("/api/jobs", headers={"Host": h}).status_code
        for h in ("Video.example", "x.example")
    ]
    assert codes == [200, 421]
    running.stop()
    running = server(hosts=None)
    assert running.client.get("/api/jobs", headers={"Host": "x.example"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites(shared, web, headers):
    headers = {**web.tus, "Upload-Length": "5", **headers}
    for method, path in [("POST", "/api/uploads"), ("DELETE", "/api/jobs/x"), ("POST", "/api/jobs/x/start")]:
        answer = shared.client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (
            403,
            "the request comes from a page of another site",
        )
    assert shared.client.get("/api/server", headers=headers).status_code == 200  # cannot be read there


def test_our_own_page(shared, web):
    headers = {**web.tus, "Upload-Length": "5", "Origin": shared.url, "Sec-Fetch-Site": "same-origin"}
    assert shared.client.post("/api/uploads", headers=headers).status_code == 201


@pytest.mark.parametrize("path", ["/", "/api/server", "/api/jobs/x", "/nothing", "/static/x"])
def test_headers_of_every_answer(shared, path):
    headers = shared.client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith(
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self';"
    )
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize("chunked", [False, True])
def test_requests_of_any_length(shared, chunked):
    body = b'{"upload": "' + b"x" * 200_000 + b'"}'
    content = iter([body[:50_000], body[50_000:]]) if chunked else body
    answer = shared.client.post("/api/jobs", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (413, "the request is too large")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"upload": 5}', b"{}", b"null"])
def test_bodies_that_are_no_json(shared, body):
    answer = shared.client.post("/api/jobs", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert list(answer.json()) == ["error"]


def test_other_methods(shared):
    answer = shared.client.put("/api/jobs/x")
    assert (answer.status_code, answer.json()) == (405, {"error": "Method Not Allowed"})
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"token": "short"}, "at least 12"),
        ({"token": "with blanks and ;"}, "letters, digits"),
        ({"token": "ümläut-ümläut"}, "ASCII"),
        ({"keep_days": -1}, "--keep-days is -1"),
    ],
)
def test_settings_that_cannot_be(tmp_path, settings, words):
    with pytest.raises(UsageError, match=words):
        Settings(data_dir=tmp_path, **settings)


def test_limits_that_cannot_be():
    with pytest.raises(UsageError, match="the limit queue is 0, it must be more than 0"):
        Limits(queue=0)


def test_which_addresses_only_this_machine_reaches():
    assert [is_loopback(h) for h in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [
        is_loopback(h) for h in ("0.0.0.0", "192.168.1.2", "::", "example.org", "127.0.0.1.example.org")
    ] == [False] * 5
