"""The websocket of a tab, spoken to as a browser does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from monitoring import consumers, live
from monitoring.routing import websocket_urlpatterns
from tests.asgi_client import websocket
from tests.bus_fixture import Bus
from tests.events.conftest import trade

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Tab:
    """An open socket."""

    socket: ApplicationCommunicator

    async def say(self, **message: Any) -> None:
        await self.socket.send_input({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self) -> dict[str, Any]:
        """The next message; the code when it is closed."""
        output = await self.socket.receive_output(5)
        if output["type"] == "websocket.close":
            return {"kind": "closed", "code": output["code"]}
        message: dict[str, Any] = json.loads(output["text"])
        return message

    async def hear_of(self, kind: str) -> dict[str, Any]:
        """The next message of a kind, whatever comes before it."""
        while (message := await self.hear())["kind"] != kind:
            assert message["kind"] != "closed", message
        return message

    async def leave(self) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.socket.wait(5)


Open = Callable[..., Any]


@pytest_asyncio.fixture
async def open_tab() -> AsyncIterator[Open]:
    """Open sockets; those still open at the end are left."""
    tabs: list[Tab] = []
    application = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))

    async def open_with(client: Client | None = None) -> Tab:
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value if client else ""
        headers = {"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"} if cookie else {}
        tab = Tab(websocket(application, "/ws/", headers))
        assert (await tab.socket.receive_output(5))["type"] == "websocket.accept"
        tabs.append(tab)
        return tab

    yield open_with
    for tab in tabs:
        if not tab.socket.future.done():
            await tab.leave()


def signed_in(role: str = "viewer") -> Client:
    user = User.objects.create_user("ada")
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user)
    return client


async def viewer() -> Client:
    return await sync_to_async(signed_in)()


async def test_somebody_who_is_not_signed_in_is_sent_away(open_tab: Open) -> None:
    tab = await open_tab()

    assert await tab.hear() == {"kind": "closed", "code": consumers.SIGNED_OUT}


async def test_somebody_without_a_role_is_sent_away(open_tab: Open) -> None:
    tab = await open_tab(await sync_to_async(signed_in)(""))

    assert await tab.hear() == {"kind": "closed", "code": consumers.SIGNED_OUT}


async def test_a_tab_gets_the_fragments_of_what_it_watches_and_no_others(open_tab: Open) -> None:
    tab = await open_tab(await viewer())
    await tab.say(kind="watch", views=["shell", "no-such-view"])
    assert await tab.hear() == {"kind": "watching", "views": ["shell"]}
    layer = get_channel_layer()
    assert layer

    for view in ("overview-1h", "shell"):
        message = {"type": "fragments", "view": view, "at": "now", "html": [f"<p>{view}</p>"]}
        await layer.group_send(live.group_of(view), message)

    assert await tab.hear() == {"kind": "fragments", "at": "now", "html": ["<p>shell</p>"]}


async def test_a_hidden_tab_watches_nothing(open_tab: Open) -> None:
    tab = await open_tab(await viewer())
    await tab.say(kind="watch", views=["shell"])
    await tab.hear()

    await tab.say(kind="watch", views=[])

    assert await tab.hear() == {"kind": "watching", "views": []}


async def test_signing_out_ends_the_socket(open_tab: Open) -> None:
    client = await viewer()
    tab = await open_tab(client)
    await tab.say(kind="watch", views=["shell"])
    await tab.hear()

    await sync_to_async(client.post)("/logout/")

    assert await tab.hear() == {"kind": "closed", "code": consumers.SIGNED_OUT}


async def test_a_disabled_user_is_noticed_by_the_look_once_in_a_while(
    open_tab: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    tab = await open_tab(await viewer())

    await User.objects.aupdate(is_active=False)

    assert await tab.hear() == {"kind": "closed", "code": consumers.SIGNED_OUT}


async def test_the_tail_shows_an_event_that_is_published(open_tab: Open, bus: Bus) -> None:
    tab = await open_tab(await viewer())
    await tab.say(kind="tail", domain=["trading"], after=1)
    assert (await tab.hear_of("rows"))["count"] == 0
    event = trade()

    await sync_to_async(bus.publish)(event)
    message = await tab.hear_of("rows")

    assert f'id="tail-{event.event_id}"' in message["html"]
    assert message["until"] > 0


async def test_what_came_between_the_page_and_its_socket_is_shown(open_tab: Open, bus: Bus) -> None:
    event = trade()
    await sync_to_async(bus.publish)(event)
    tab = await open_tab(await viewer())

    await tab.say(kind="tail", domain=["trading"], after=1)

    assert str(event.event_id) in (await tab.hear_of("rows"))["html"]


async def test_a_filter_that_makes_no_sense_is_refused(open_tab: Open, bus: Bus) -> None:
    tab = await open_tab(await viewer())

    await tab.say(kind="tail", q="colour:red")

    assert "colour" in (await tab.hear_of("refused"))["reason"]


async def test_what_came_during_a_pause_is_shown_on_resuming(open_tab: Open, bus: Bus) -> None:
    tab = await open_tab(await viewer())
    await tab.say(kind="tail", domain=["trading"], after=1)
    await tab.hear_of("rows")
    await tab.say(kind="pause")
    event = trade()

    await sync_to_async(bus.publish)(event)
    while (await tab.hear_of("counters"))["counters"]["held"] == 0:
        pass
    await tab.say(kind="resume")

    assert str(event.event_id) in (await tab.hear_of("rows"))["html"]


@pytest.mark.parametrize(
    "text", ["", "no json", '{"kind": "drop tables"}', '{"kind": "watch", "views": "all"}']
)
async def test_a_message_nobody_understands_is_refused(open_tab: Open, text: str) -> None:
    tab = await open_tab(await viewer())

    await tab.socket.send_input({"type": "websocket.receive", "text": text})

    assert (await tab.hear())["kind"] == "refused"


async def test_a_message_that_is_too_long_ends_the_socket(open_tab: Open) -> None:
    tab = await open_tab(await viewer())

    await tab.say(kind="tail", q="a" * consumers.LARGEST_BYTES)

    assert (await tab.hear())["code"] == consumers.TOO_LARGE


async def test_too_many_messages_end_the_socket(open_tab: Open) -> None:
    tab = await open_tab(await viewer())

    for _ in range(consumers.MOST_MESSAGES):
        await tab.say(kind="pause")

    assert (await tab.hear())["code"] == consumers.TOO_MUCH


class BrokenLayer:
    """A channel layer whose backend is away."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object) -> None:
            raise ConnectionError("refused")

        return fail


async def test_without_a_channel_layer_a_socket_closes_and_says_come_later(
    open_tab: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = await open_tab(await viewer())
    layer = get_channel_layer()
    monkeypatch.setattr(layer, "group_add", BrokenLayer().group_add)

    await tab.say(kind="watch", views=["shell"])

    assert await tab.hear() == {"kind": "closed", "code": consumers.LATER}
