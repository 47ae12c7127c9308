"""Who may talk to the server: the one who started it, from a page that the server itself served.

Binding to loopback is no boundary: every page in the user's browser can reach it. A foreign name that resolves here
(DNS rebinding) is betrayed only by Host; a foreign page by Origin and Fetch Metadata; a form by its content type.
The launch link carries a token that is good once; the cookie that it is exchanged for holds neither it nor the key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OURS = re.compile(r"(localhost\.?|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?")
SAFE = {"GET", "HEAD"}
UNSAFE = {"POST", "PUT", "DELETE"}
BODIES = {"application/json", "application/octet-stream"}
LARGEST_JSON = 4 << 20
HEADERS = [
    (b"content-security-policy",
     b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
     b"object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]  # fmt: skip
DOOR = (
    '<!doctype html><html><head><meta charset="utf-8"><title>Krolik</title></head><body>'
    "<h1>Krolik</h1><p>Open the address that <code>krolik ui</code> printed in the terminal.</p>"
    "<p>Откройте адрес, который <code>krolik ui</code> напечатал в терминале.</p></body></html>"
)


class Guard:
    """An ASGI application in front of another one. `port` names the cookie: cookies are shared across ports."""

    def __init__(self, app: ASGIApp, port: int, key: str | None = None):
        self.app = app
        self._key = (key or secrets.token_urlsafe(32)).encode()
        self._once: set[bytes] = set()
        self.cookie = f"krolik_{port}"
        self._session = hmac.new(self._key, b"session", hashlib.sha256).hexdigest().encode()

    def launch_token(self, once: bool) -> str:
        """What the launch link carries: good once, or (printed in the terminal) as long as the server runs."""
        if not once:
            return self._key.decode()
        token = secrets.token_urlsafe(32)
        self._once.add(token.encode())
        return token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # there are no WebSockets here
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(k.lower(), v) for k, v in scope["headers"]]
        values = dict(headers)
        refused = self._refuse(scope, headers, values)
        if refused:
            await _answer(send, *refused)
            return
        if scope["method"] in SAFE and b"token=" in scope["query_string"]:
            await self._exchange(scope, send)
            return
        if not self._known(values):
            page = DOOR if scope["path"] == "/" else None
            await _answer(send, 401, "no-session", page)
            return
        limit = None if values.get(b"content-type") == b"application/octet-stream" else LARGEST_JSON
        if limit and int(values.get(b"content-length", b"0")) > limit:
            await _answer(send, 413, "too-large")
            return
        await self.app(scope, _limited(receive, limit), _with_headers(send))

    def _refuse(self, scope: Scope, headers: list, values: dict) -> tuple[int, str] | None:
        """The status and reason when a request did not come from our own page."""
        hosts = [v.decode("latin-1") for k, v in headers if k == b"host"]
        if len(hosts) != 1 or not OURS.fullmatch(hosts[0].lower()):
            return 421, "foreign-host"
        for once in (b"origin", b"content-type", b"content-length", b"sec-fetch-site"):
            if sum(k == once for k, _ in headers) > 1:
                return 400, "bad-request"
        method = scope["method"]
        if method not in SAFE | UNSAFE:
            return 405, "bad-method"
        origin = values.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower() != f"http://{hosts[0].lower()}":
            return 403, "foreign-origin"
        site, mode = values.get(b"sec-fetch-site", b"none"), values.get(b"sec-fetch-mode")
        visit = method in SAFE and mode == b"navigate" and values.get(b"sec-fetch-dest") == b"document"
        if site not in (b"same-origin", b"none") and not visit:
            return 403, "foreign-page"
        length = values.get(b"content-length", b"0")
        if not re.fullmatch(rb"\d{1,15}", length):
            return 400, "bad-request"
        body = values.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
        if method in UNSAFE and body not in BODIES:
            return 415, "bad-content-type"
        return None

    def _known(self, values: dict) -> bool:
        bearer = values.get(b"authorization", b"")
        if bearer.startswith(b"Bearer ") and hmac.compare_digest(bearer[7:], self._key):
            return True
        pairs = (part.strip().partition(b"=") for part in values.get(b"cookie", b"").split(b";"))
        return any(k == self.cookie.encode() and hmac.compare_digest(v, self._session) for k, _, v in pairs)

    async def _exchange(self, scope: Scope, send: Send) -> None:
        """The launch link: its token becomes a cookie, and the address is cleaned of it."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        token = query.get("token", "").encode("latin-1", "replace")
        good = hmac.compare_digest(token, self._key) or token in self._once
        self._once.discard(token)
        if not good:
            await _answer(send, 401, "no-session", DOOR)
            return
        cookie = f"{self.cookie}={self._session.decode()}; HttpOnly; SameSite=Strict; Path=/"
        extra = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": HEADERS + extra})
        await send({"type": "http.response.body"})


async def _answer(send: Send, status: int, code: str, page: str | None = None) -> None:
    body = (page or json.dumps({"code": code, "message": code, "values": {}})).encode()
    kind = b"text/html; charset=utf-8" if page else b"application/json"
    extra = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": HEADERS + extra})
    await send({"type": "http.response.body", "body": body})


def _limited(receive: Receive, limit: int | None) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if limit is not None and received > limit:
            raise HTTPException(413, "the message is too large")
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {k.lower() for k, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(h for h in HEADERS if h[0] not in there)]
            if b"cache-control" not in there:
                message["headers"].append((b"cache-control", b"no-store"))
        await send(message)

    return dressed
