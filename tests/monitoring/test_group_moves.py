"""Moving a group from the console, undoing it, handling again and detaching."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from events.envelope import now
from events.groups import groups
from events.models import AuditEntry, Operation
from events.operations import Actor, pause_group
from events.queries import group_again
from monitoring.acting import STEPPED_UP_AT
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.test_worker import STREAM
from tests.monitoring.pages import read

GROUP = "revenue_trackers"
PAGE = f"/groups/{GROUP}/"
MOVE, AGAIN = f"{PAGE}move/", f"{PAGE}again/"
DETACH = "/groups/leavers/detach/"
OLGA = Actor("olga", "console", may_operate=True)


def step_up(client: Client) -> Client:
    """As if the password had just been given again."""
    session = client.session
    session[STEPPED_UP_AT] = time.time()
    session.save()
    return client


@pytest.fixture
def admin(bus: Bus) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def three(bus: Bus) -> None:
    """Three trades the group has handled, one that waits; it is paused."""
    bus.publish(*(trade() for _ in range(3)))
    bus.drain([one for one in groups() if one.name == GROUP])
    bus.publish(trade())
    pause_group(OLGA, GROUP, "to move it")


def hidden(page: str) -> dict[str, list[str]]:
    """What a page's form sends besides what is typed."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page):
        if name != "csrfmiddlewaretoken":
            found.setdefault(name, []).append(value)
    return found


def position(bus: Bus) -> str:
    return bus.transport.moving.standing(STREAM, GROUP, 10).position


def test_a_move_is_shown_then_done_then_undone(bus: Bus, operator: Client, three: None) -> None:
    before = position(bus)
    assert f'href="{MOVE}"' in operator.get(PAGE).content.decode()
    asked = f"{MOVE}?to=start&stream={STREAM}"
    shown = read(operator, asked)
    assert "3 delivered again" in shown
    assert "3 of these it has handled" in shown
    assert "your password is asked for again" in shown
    page = step_up(operator).get(asked).content.decode()
    assert position(bus) == before

    moved = operator.post(MOVE, {**hidden(page), "reason": "wrong since noon"})

    operation = Operation.objects.get(kind="move")
    address = f"/operations/{operation.pk}/"
    assert (moved.status_code, moved["Location"], position(bus)) == (302, address, "0-0")
    text = read(operator, address)
    assert "It stands where it was moved to." in text
    assert "1 position, 0 pending entries" in text
    assert f"move {GROUP} to start" in read(operator, "/operations/")
    assert operator.post(MOVE, {**hidden(page), "reason": "again"}).status_code == 409

    operator.post(f"{address}undo/", {"reason": "it was right"})
    assert position(bus) == before
    assert "Undone by olga" in re.sub(r"\s+", " ", read(operator, address))
    twice = operator.post(f"{address}undo/", {"reason": "again"}, follow=True)
    assert "was undone already, by olga" in twice.content.decode()
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert list(actions) == ["group.pause", "group.move", "group.undo-move"]


def test_without_the_password_again_or_a_reason_nothing_moves(
    bus: Bus, operator: Client, three: None
) -> None:
    before = position(bus)
    form = hidden(operator.get(f"{MOVE}?to=start").content.decode())

    refused = operator.post(MOVE, {**form, "reason": "wrong"})
    silent = step_up(operator).post(MOVE, form)

    assert (refused.status_code, silent.status_code) == (409, 422)
    assert "Give your password again to move" in refused.content.decode()
    assert "a move needs a reason" in silent.content.decode()
    assert (position(bus), Operation.objects.count()) == (before, 0)


def test_what_runs_and_what_is_no_place_is_told_before_it_is_asked(
    bus: Bus, operator: Client
) -> None:
    bus.publish(trade())

    page = operator.get(f"{MOVE}?to=end").content.decode()

    assert re.search(r'<button class="btn btn--main" disabled title="[^"]*is not paused', page)
    assert "is no place to move to" in read(operator, f"{MOVE}?to=yesterday", 422)
    assert "does not read the stream" in read(operator, f"{MOVE}?to=end&stream=x", 422)
    assert read(operator, "/groups/nobody/move/", 404)
    bus.memory.down = "test"
    away = read(operator, f"{MOVE}?to=end", 422)
    bus.memory.down = ""
    assert "the bus server does not answer" in away


@pytest.mark.parametrize(
    ("path", "role"),
    [(MOVE, "operator"), (AGAIN, "admin"), (DETACH, "admin"), ("/operations/1/undo/", "operator")],
)
def test_who_may_not_is_refused(path: str, role: str, viewer: Client, operator: Client) -> None:
    assert viewer.post(path, {"reason": "x"}).status_code == 403
    assert Client().post(path, {"reason": "x"})["Location"].startswith("/login/")
    if role == "admin":
        assert operator.post(path, {"reason": "x"}).status_code == 403
    if path.endswith("undo/"):
        assert operator.get(path).status_code == 405
    else:
        assert viewer.get(path).status_code == 403
    assert (
        'disabled title="The role operator is needed to move' in viewer.get(PAGE).content.decode()
    )


def test_an_admin_who_types_the_name_has_what_was_shown_handled_again(
    bus: Bus, admin: Client, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not declared repeatable" in read(admin, AGAIN)
    monkeypatch.setattr(group_again, "why_not", lambda group: "")
    monkeypatch.setattr("events.operations.again.why_not", lambda group: "")
    since = quote((now() - timedelta(minutes=5)).isoformat())
    page = step_up(admin).get(f"{AGAIN}?since={since}").content.decode()
    assert "Handle 3 again" in page
    form = {**hidden(page), "reason": "wrong fees"}

    wrong = admin.post(AGAIN, {**form, "typed": "revenue"})
    begun = admin.post(AGAIN, {**form, "typed": GROUP})

    assert (wrong.status_code, "Type the name of the group" in wrong.content.decode()) == (
        409,
        True,
    )
    operation = Operation.objects.get()
    assert begun["Location"] == f"/operations/{operation.pk}/"
    page = read(admin, begun["Location"]).replace("\xa0", " ")
    assert f"3 stored events to {GROUP} , and to no other group: handle again" in page
    assert admin.post(AGAIN, {**form, "typed": GROUP}).status_code == 409


def test_a_group_nobody_declares_is_detached_by_an_admin(
    bus: Bus, admin: Client, operator: Client
) -> None:
    bus.transport.streams.ensure_group(STREAM, "leavers")
    bus.publish(trade(), trade())
    assert "leavers" in read(operator, "/groups/")
    assert f'href="{DETACH}"' in admin.get("/groups/").content.decode()
    page = step_up(admin).get(DETACH).content.decode()
    assert hidden(page)["expected"] == ["2"]
    form = {"expected": 2, "reason": "the app is gone"}

    assert admin.post(DETACH, {**form, "typed": "x"}).status_code == 409
    answer = admin.post(DETACH, {**form, "typed": "leavers"}, follow=True)

    assert "leavers is detached." in answer.content.decode()
    assert "leavers" not in read(admin, "/groups/").replace("leavers is detached.", "")
    assert admin.get(DETACH).status_code == 404
    assert "declared by an installed app" in read(admin, f"{PAGE}detach/", 404)
