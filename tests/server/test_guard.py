"""Hostile requests are refused before anything sees them; our own page's are not."""

import asyncio
import socket

import pytest

from krolik.server.guard import LARGEST_JSON, Guard

KEY = "t" * 43
HOST = "127.0.0.1:8765"


class Inner:
    """An application that remembers whether it was reached."""

    def __init__(self):
        self.reached = 0

    async def __call__(self, scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        self.reached += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"secret"})


inner = Inner()
guard = Guard(inner, 8765, KEY)
SESSION = f"krolik_8765={guard._session.decode()}"
COOKIE = {"cookie": SESSION}
JSON = {"content-type": "application/json"}
OWN = {**COOKIE, **JSON, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}


def ask(method="GET", path="/api/start", headers=None, *, query=b"", kind="http", body=b"", app=guard, host=HOST):
    """(status, headers, body) of a request as it would reach the application; headers may be a list of pairs."""
    pairs = list((headers or {}).items()) if isinstance(headers, dict) or headers is None else list(headers)
    if host is not None:
        pairs.insert(0, ("host", host))
    scope = {"type": kind, "method": method, "path": path, "query_string": query,
             "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in pairs]}  # fmt: skip
    sent = []
    chunks = [body[i : i + 65536] for i in range(0, len(body), 65536)] or [b""]

    async def receive():
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    if kind == "websocket":
        return sent[0].get("code"), {}, b""
    found = dict(sent[0]["headers"])
    return sent[0]["status"], found, sent[-1].get("body", b"")


HOSTILE = {
    # nobody in particular
    "no session": ({}, 401),
    "empty cookie": ({"headers": {"cookie": ""}}, 401),
    "somebody's cookie": ({"headers": {"cookie": "krolik_8765=0000"}}, 401),
    "the cookie of another port": ({"headers": {"cookie": SESSION.replace("8765", "8766")}}, 401),
    "the key as the cookie": ({"headers": {"cookie": f"krolik_8765={KEY}"}}, 401),
    "a cookie that is not text": ({"headers": {"cookie": "krolik_8765=\xff\xfe"}}, 401),
    "a cookie that breaks parsers": ({"headers": {"cookie": 'a="\\";;;=;krolik_8765'}}, 401),
    "a wrong bearer": ({"headers": {"authorization": "Bearer wrong"}}, 401),
    "a bearer that is not text": ({"headers": {"authorization": "Bearer \xff\xfe"}}, 401),
    "basic authorization": ({"headers": {"authorization": "Basic " + KEY}}, 401),
    "a wrong launch link": ({"query": b"token=wrong"}, 401),
    "an empty launch link": ({"query": b"token="}, 401),
    "a launch link that is not text": ({"query": b"token=%ff%fe"}, 401),
    "a launch link by POST": ({"method": "POST", "query": b"token=" + KEY.encode(), "headers": JSON}, 401),
    # DNS rebinding: the browser sends the cookie of the attacker's name, or ours by a trick
    "rebinding": ({"host": "evil.example:8765", "headers": COOKIE}, 421),
    "rebinding without a port": ({"host": "evil.example", "headers": COOKIE}, 421),
    "a name that begins like ours": ({"host": "127.0.0.1.evil.example:8765", "headers": COOKIE}, 421),
    "a name that begins with localhost": ({"host": "localhost.evil.example", "headers": COOKIE}, 421),
    "user information": ({"host": "127.0.0.1@evil.example", "headers": COOKIE}, 421),
    "user information, reversed": ({"host": "evil.example@127.0.0.1:8765", "headers": COOKIE}, 421),
    "an IPv6 zone": ({"host": "[::1%evil.example]:8765", "headers": COOKIE}, 421),
    "another IPv6 address": ({"host": "[fe80::1]:8765", "headers": COOKIE}, 421),
    "an address that means everything": ({"host": "0.0.0.0:8765", "headers": COOKIE}, 421),
    "a decimal address": ({"host": "2130706433:8765", "headers": COOKIE}, 421),
    "an address in the local network": ({"host": "192.168.1.5:8765", "headers": COOKIE}, 421),
    "no host": ({"host": None, "headers": COOKIE}, 421),
    "an empty host": ({"host": "", "headers": COOKIE}, 421),
    "two hosts": ({"headers": [("host", "evil.example"), *COOKIE.items()]}, 421),
    "a host with a path": ({"host": "localhost/evil.example", "headers": COOKIE}, 421),
    "a host with a line break": ({"host": "localhost\r\nx: y", "headers": COOKIE}, 421),
    "rebinding the launch link": ({"host": "evil.example", "query": b"token=" + KEY.encode()}, 421),
    # other pages in the same browser
    "a foreign origin": ({"method": "POST", "headers": {**COOKIE, **JSON, "origin": "https://evil.example"}}, 403),
    "a foreign origin, reading": ({"headers": {**COOKIE, "origin": "https://evil.example"}}, 403),
    "the origin null": ({"method": "POST", "headers": {**COOKIE, **JSON, "origin": "null"}}, 403),
    "another local port": ({"method": "POST", "headers": {**OWN, "origin": "http://127.0.0.1:9999"}}, 403),
    "localhost for 127.0.0.1": ({"method": "POST", "headers": {**OWN, "origin": "http://localhost:8765"}}, 403),
    "https for http": ({"method": "POST", "headers": {**OWN, "origin": f"https://{HOST}"}}, 403),
    "an origin that begins like ours": ({"headers": {**OWN, "origin": f"http://{HOST}.evil.example"}}, 403),
    "two origins": ({"method": "POST", "headers": [*OWN.items(), ("origin", "http://evil.example")]}, 400),
    "a picture on a foreign page": (
        {"headers": {**COOKIE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}}, 403),
    "a page on another port": (
        {"headers": {**COOKIE, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}}, 403),
    "a frame in a foreign page": (
        {"path": "/", "headers": {**COOKIE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                                  "sec-fetch-dest": "iframe"}}, 403),
    "a form that navigates": (
        {"method": "POST", "headers": {**COOKIE, **JSON, "sec-fetch-site": "cross-site",
                                       "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}}, 403),
    "an unknown fetch site": ({"headers": {**COOKIE, "sec-fetch-site": "nonsense"}}, 403),
    # what a form can send without asking
    "a form": ({"method": "POST", "headers": {**COOKIE, "content-type": "application/x-www-form-urlencoded"}}, 415),
    "a form with files": ({"method": "POST", "headers": {**COOKIE, "content-type": "multipart/form-data"}}, 415),
    "plain text": ({"method": "POST", "headers": {**COOKIE, "content-type": "text/plain"}}, 415),
    "JSON in disguise": ({"method": "POST", "headers": {**COOKIE, "content-type": "text/plain;application/json"}}, 415),
    "no type": ({"method": "DELETE", "headers": COOKIE}, 415),
    "two types": ({"method": "POST", "headers": [*OWN.items(), ("content-type", "text/plain")]}, 400),
    # other methods, bodies, protocols
    "TRACE": ({"method": "TRACE", "headers": OWN}, 405),
    "OPTIONS, the question before CORS": ({"method": "OPTIONS", "headers": {"origin": "https://evil.example"}}, 405),
    "CONNECT": ({"method": "CONNECT", "headers": OWN}, 405),
    "a method of its own": ({"method": "HACK", "headers": OWN}, 405),
    "a huge body, announced": ({"method": "POST", "headers": {**OWN, "content-length": str(LARGEST_JSON + 1)}}, 413),
    "a negative length": ({"method": "POST", "headers": {**OWN, "content-length": "-1"}}, 400),
    "a length that is no number": ({"method": "POST", "headers": {**OWN, "content-length": "many"}}, 400),
    "a WebSocket": ({"kind": "websocket", "headers": {**COOKIE, "origin": f"http://{HOST}"}}, 1008),
    "a foreign WebSocket": ({"kind": "websocket", "headers": {**COOKIE, "origin": "http://evil.example"}}, 1008),
    "the event stream of a foreign page": (
        {"path": "/api/projects/x/events", "headers": {**COOKIE, "sec-fetch-site": "cross-site",
                                                       "sec-fetch-mode": "cors"}}, 403),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_are_refused(name):
    request, expected = HOSTILE[name]
    before = inner.reached
    status, headers, body = ask(**request)
    assert status == expected
    assert inner.reached == before
    assert b"set-cookie" not in headers and b"secret" not in body
    assert b"access-control-allow-origin" not in headers


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9000", "localhost", "localhost.:8765", "[::1]:8765"])
def test_our_own_page_is_served_also_through_a_tunnel(host):
    own = {**OWN, "origin": f"http://{host}"}
    assert ask("POST", headers=own, host=host)[0] == 200
    assert ask(headers={"authorization": f"Bearer {KEY}"}, host=host)[0] == 200


def test_a_visit_from_anywhere_sees_the_page():
    visit = {**COOKIE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ask(path="/", headers=visit)[0] == 200


def test_the_launch_link_becomes_a_cookie_and_is_good_once():
    app = Guard(inner, 1234, KEY)
    token = app.launch_token(once=True).encode()
    status, headers, _ = ask(path="/", query=b"token=" + token, app=app)
    assert (status, headers[b"location"]) == (303, b"/")
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and KEY not in cookie and token.decode() not in cookie
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert ask(headers={"cookie": cookie.split(";")[0]}, app=app)[0] == 200
    assert ask(path="/", query=b"token=" + token, app=app)[0] == 401


def test_the_printed_link_is_good_for_as_long_as_the_server_runs():
    assert [ask(path="/", query=b"token=" + KEY.encode())[0] for _ in range(2)] == [303, 303]


def test_a_body_that_grows_beyond_what_it_announced_is_stopped(live):
    with socket.create_connection(("127.0.0.1", live.port)) as wire:
        head = (f"POST /api/places/resolve HTTP/1.1\r\nHost: 127.0.0.1:{live.port}\r\nAuthorization: Bearer {'k' * 43}"
                "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")  # fmt: skip
        wire.sendall(head.encode())
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        answer = b""
        try:
            for _ in range(2 * LARGEST_JSON // 65536):
                wire.sendall(chunk)
        except ConnectionError:
            pass
        answer = wire.recv(4096)
    assert answer.splitlines()[0].split()[1] == b"413"


def test_answers_carry_the_protecting_headers(live):
    for path in ("/", "/api/start", "/api/nothing"):
        headers = live.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert live.client.get("/").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [
    "/../pyproject.toml", "/assets/../../app.py", "/assets/%2e%2e/%2e%2e/app.py", "/%2e%2e/guard.py", "/..%2fguard.py",
    "/assets/..%5c..%5capp.py", "//etc/passwd", "/assets//etc/passwd", "/assets/%00", "/index.html/../../guard.py",
    "/api/places/..%2f..", "/api/places/%2fetc", "/api/projects/..%2f..%2f/videos/x/frames/0", "/api/docs", "/docs",
    "/openapi.json",
])  # fmt: skip
def test_no_path_leads_out(live, path):
    with socket.create_connection(("127.0.0.1", live.port)) as wire:  # a client would tidy the path
        head = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {'k' * 43}\r\nConnection: close\r\n\r\n"
        )
        wire.sendall(head.encode())
        answer = b""
        while part := wire.recv(65536):
            answer += part
    assert int(answer.split()[1]) in (400, 404, 405)
    assert b"import" not in answer and b"root:" not in answer
