"""Middleware that every request passes first and every response last."""

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tcnet.web.settings import Settings

COOKIE = "tcnet_token"
_OPEN = frozenset(
    ["/", "/favicon.ico", "/api/session"]
)  # and /static/: the page itself, which asks for the token
_READING = frozenset(["GET", "HEAD", "OPTIONS"])
_UPLOADS = "/api/uploads"
_BODY_BYTES = 1 << 16  # of anything but an upload
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware: who may send requests, from which page, to which host name, and how large."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.token
        self._hosts = settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                # Files of the page are revalidated each time: another version of tcnet has others.
                headers.setdefault("Cache-Control", "no-store" if _is_api(scope) else "no-cache")
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, guarded_send)
            return
        if not scope["path"].startswith(_UPLOADS):
            receive = _bounded(receive)
        elif scope["method"] == "POST":
            scope["method"] = _overriding(Headers(scope=scope)) or "POST"
        await self._app(scope, receive, guarded_send)

    def _refused(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        # A page of another site can have its own name lead here (DNS rebinding), but not change this header.
        if self._hosts is not None and _name(host) not in self._hosts:
            return _error(421, f"this server is not called {host[:100]!r}; --allow-host adds a name")
        if scope["method"] not in _READING and not _is_own(headers, host):
            return _error(403, "the request comes from a page of another site")
        path = scope["path"]
        if self._token is None or path in _OPEN or path.startswith("/static/"):
            return None
        if is_token(_given(headers), self._token):
            return None
        return _error(401, "give the server's token", {"WWW-Authenticate": "Bearer"})


def _is_api(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/api/")


def is_token(given: str | None, token: str) -> bool:
    """Whether they are equal, compared in constant time."""
    return given is not None and hmac.compare_digest(given.encode(), token.encode())


def _overriding(headers: Headers) -> str | None:
    """The method that an upload client restricted to POST means, by the tus protocol."""
    method = headers.get("x-http-method-override", "").upper()
    return method if method in ("PATCH", "DELETE") else None


def _given(headers: Headers) -> str | None:
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    cookie = SimpleCookie()
    try:
        cookie.load(headers.get("cookie", ""))
    except CookieError:
        return None
    return cookie[COOKIE].value if COOKIE in cookie else None


def _is_own(headers: Headers, host: str) -> bool:
    """Whether a browser sends this from our own page; other clients send no such headers."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host.lower()


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    name = host.lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    else:
        name = name.rpartition(":")[0] if ":" in name else name
    return name.rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > _BODY_BYTES:
            raise HTTPException(413, "the request is too large")
        return message

    return bounded


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": text}, status, headers)
