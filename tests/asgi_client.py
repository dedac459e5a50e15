"""Speak to the ASGI application without a server.

`channels.testing` would do, but importing it needs daphne, which the console does not use.
"""

from dataclasses import dataclass
from typing import Any

from asgiref.testing import ApplicationCommunicator

WITHIN_S = 5


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


async def get(application: Any, path: str, headers: dict[str, str] | None = None) -> Answer:
    """GET a path and read the whole answer."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": raw({"host": "localhost:8000", **(headers or {})}),
    }
    client = ApplicationCommunicator(application, scope)
    await client.send_input({"type": "http.request", "body": b""})
    start = await client.receive_output(WITHIN_S)
    body, more = b"", True
    while more:
        part = await client.receive_output(WITHIN_S)
        body += part.get("body", b"")
        more = part.get("more_body", False)
    await client.wait(WITHIN_S)
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, body)


def websocket(application: Any, path: str, headers: dict[str, str]) -> ApplicationCommunicator:
    """A websocket that has asked to be opened; the application's answer is the first output."""
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": raw({"host": "localhost:8000", **headers}),
        "subprotocols": [],
    }
    client = ApplicationCommunicator(application, scope)
    client.input_queue.put_nowait({"type": "websocket.connect"})
    return client


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
