"""Notices to another system, against a real HTTP server on this machine."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from events import Context, Event, Reject, Retry
from events.domains.user import webhook
from events.domains.user.notices import WORDING
from events.envelope import now
from events.groups import Group, Handler, group, groups, set_up
from events.transport.base import Redelivery
from events.validation import payload_of
from tests.bus_fixture import Bus


@dataclass
class Receiver:
    """The other system: answers with `status`, and remembers what it was sent."""

    status: int = 204
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    silent: threading.Event | None = None
    """Until it is set, nothing is answered."""
    address: str = ""


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A running receiver, named by the settings."""
    receiver = Receiver()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            receiver.paths.append(self.path)
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            receiver.bodies.append(json.loads(self.rfile.read(length)))
            if receiver.silent is not None:
                receiver.silent.wait(10)
                return
            self.send_response(receiver.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    receiver.address = f"http://127.0.0.1:{server.server_port}/notices"
    settings.ASTRA = {**settings.ASTRA, "webhook_url": receiver.address}
    yield receiver
    if receiver.silent is not None:
        receiver.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


def level_up() -> Event:
    data = {"user_id": 7, "from_level": 15, "to_level": 16, "title": "Pioneer", "total_xp": 12025}
    return Event.new("Gamification.LevelUp", data)


def deliver(event: Event) -> None:
    context = Context(
        event=event,
        payload=payload_of(event),
        attempt=1,
        ends_at=now().timestamp(),
        logger=logging.getLogger("tests"),
        producer="notification_senders@test",
        max_depth=32,
    )
    webhook.deliver(event, context)


def test_a_notice_is_posted_with_the_event_id_as_its_key(receiver: Receiver) -> None:
    event = level_up()

    deliver(event)

    assert receiver.headers[0]["idempotency-key"] == str(event.event_id)
    assert receiver.bodies == [
        {
            "event_id": str(event.event_id),
            "event_type": "Gamification.LevelUp",
            "occurred_at": event.occurred_at.isoformat(),
            "notification_id": f"notification-{event.event_id}",
            "user_id": 7,
            "kind": "level_up",
            "title": "You reached level 16: Pioneer",
        }
    ]


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_trouble_at_the_other_side_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.status = status

    with pytest.raises(Retry, match=str(status)):
        deliver(level_up())


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_a_refusal_is_final(receiver: Receiver, status: int) -> None:
    receiver.status = status

    with pytest.raises(Reject, match=str(status)):
        deliver(level_up())


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status = 307

    with pytest.raises(Reject, match="307"):
        deliver(level_up())
    assert receiver.paths == ["/notices"]


def test_silence_is_tried_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.silent = threading.Event()
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.1)

    with pytest.raises(Retry, match="ReadTimeout"):
        deliver(level_up())


def test_nobody_listening_is_tried_again(settings: Any) -> None:
    settings.ASTRA = {**settings.ASTRA, "webhook_url": "http://127.0.0.1:1/"}

    with pytest.raises(Retry, match="ConnectError"):
        deliver(level_up())


def test_the_group_sends_a_notice_once_and_says_what_it_says_without(
    bus: Bus, receiver: Receiver
) -> None:
    plain = group("notification_senders")
    outside = Handler(webhook.deliver, plain.name, plain.domain, tuple(WORDING), external=True)
    both = Group(plain.name, plain.domain, (*plain.handlers, outside))
    set_up(bus.transport.streams, [both])
    event = level_up()
    bus.publish(event)

    bus.drain([both])
    again = Redelivery(event.get_stream_name(), str(event.event_id), event.to_json())
    bus.transport.streams.redeliver(both.name, [again])
    assert bus.drain([both]) == 1

    assert len(receiver.bodies) == 1
    assert [said.data["channel"] for said in bus.events("User.NotificationSent")] == ["in_app"]


def test_no_handler_calls_outside_unless_an_address_is_configured() -> None:
    handlers = [handler for group in groups() for handler in group.handlers]

    assert not any(handler.external for handler in handlers)


def test_a_configured_address_adds_the_handler_to_the_group() -> None:
    script = (
        "import os, tests.settings as s; s.ASTRA['webhook_url'] = 'http://127.0.0.1:1/';"
        "import django; django.setup();"
        "from events.groups import group;"
        "print([h.name for h in group('notification_senders').handlers if h.external])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.strip() == "['events.domains.user.webhook.deliver']"
