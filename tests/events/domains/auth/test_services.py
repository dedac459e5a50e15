"""Who may sign in and what they may do, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events import Event, InvalidEvent
from events.domains.auth import services
from events.domains.auth.models import Account, Permission, SignIn
from events.domains.auth.services import AuthRefused
from events.privacy import MASK, masked
from tests.bus_fixture import Bus
from tests.events.domains.hearing import kept


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def registered() -> Event:
    return services.register_account(
        7, "mira", "passkey", ip="203.0.113.7", metadata={"synthetic": True}
    )


def session() -> str:
    """Id of a session of user 7, who has an account."""
    registered()
    return str(services.log_in(7, "web").data["session_id"])


def test_an_account_is_kept_and_said_together(bus: Bus) -> None:
    said = registered()

    assert bus.events() == [said]
    told = {"user_id": 7, "username": "mira", "method": "passkey", "ip": "203.0.113.7"}
    assert (said.data, said.synthetic) == (told, True)
    row = Account.objects.get(pk=7)
    assert (row.username, row.method, row.registered_at) == ("mira", "passkey", said.occurred_at)


def test_a_user_has_one_account(bus: Bus) -> None:
    registered()

    with pytest.raises(AuthRefused, match="user 7 has an account, mira"):
        services.register_account(7, "li")

    assert Account.objects.get().username == "mira"
    assert len(bus.events()) == 1


def test_who_signs_in_has_a_session_by_the_method_of_their_account(bus: Bus) -> None:
    registered()

    said = services.log_in(7, "ios", ip="203.0.113.7", metadata={"synthetic": True})

    assert (said.data["method"], said.data["ip"], said.synthetic) == (
        "passkey",
        "203.0.113.7",
        True,
    )
    row = SignIn.objects.get(pk=said.data["session_id"])
    assert (row.user_id, row.device, row.began_at) == (7, "ios", said.occurred_at)
    assert row.ended_at is None


def test_nobody_signs_in_without_an_account(bus: Bus) -> None:
    with pytest.raises(AuthRefused, match="user 7 has no account"):
        services.log_in(7, "web")

    assert not SignIn.objects.exists()
    assert bus.events() == []


def test_neither_session_nor_address_is_shown(bus: Bus) -> None:
    session_id = session()

    shown = [masked(event) for event in [*bus.events(), services.log_out(session_id)]]

    assert [told["session_id"] for told in shown if "session_id" in told] == [MASK, MASK]
    assert [told["ip"] for told in shown if "ip" in told] == [MASK]
    assert session_id not in {event.entity_id for event in bus.events()}


@pytest.mark.parametrize(
    ("end", "event_type"),
    [
        (services.log_out, "Auth.User.LoggedOut"),
        (lambda session_id: services.expire_session(session_id, 1800), "Auth.Session.Expired"),
    ],
)
def test_a_session_ends_once(bus: Bus, end: Callable[[str], Event], event_type: str) -> None:
    session_id = session()
    said = end(session_id)

    with pytest.raises(AuthRefused, match="of user 7 has ended"):
        services.log_out(session_id)
    with pytest.raises(AuthRefused, match="has ended"):
        services.expire_session(session_id, 1800)

    assert (said.event_type, said.data["user_id"]) == (event_type, 7)
    assert SignIn.objects.get().ended_at == said.occurred_at
    assert bus.events()[-1] == said


def test_a_session_nobody_knows_is_not_ended_and_not_told(bus: Bus) -> None:
    with pytest.raises(AuthRefused) as refused:
        services.log_out("session-x")

    assert "session-x" not in str(refused.value)
    assert bus.events() == []


def test_a_permission_is_had_until_it_is_taken(bus: Bus) -> None:
    granted = services.grant_permission(
        7, "trading.margin", by_user_id=1, metadata={"synthetic": True}
    )
    held = Permission.objects.get()

    revoked = services.revoke_permission(7, "trading.margin")

    told = {"user_id": 7, "permission": "trading.margin", "by_user_id": 1}
    assert (granted.data, granted.synthetic) == (told, True)
    assert (held.permission, held.granted_at) == ("trading.margin", granted.occurred_at)
    assert not Permission.objects.exists()
    assert bus.events() == [granted, revoked]


def test_a_permission_is_not_given_twice(bus: Bus) -> None:
    services.grant_permission(7, "trading.margin")

    with pytest.raises(AuthRefused, match=r"has the permission trading\.margin already"):
        services.grant_permission(7, "trading.margin")

    assert len(bus.events()) == 1


def test_a_permission_nobody_has_cannot_be_taken(bus: Bus) -> None:
    services.grant_permission(8, "trading.margin")

    with pytest.raises(AuthRefused, match="user 7 does not have"):
        services.revoke_permission(7, "trading.margin")

    assert Permission.objects.get().user_id == 8
    assert len(bus.events()) == 1


@pytest.mark.parametrize(
    "refused",
    [
        lambda: services.register_account(7, "mira okafor"),
        lambda: services.register_account(7, "mira", ip="somewhere"),
        lambda: services.register_account(7, "mira", "guess"),  # type: ignore[arg-type]
        lambda: services.grant_permission(7, "Everything!"),
        lambda: services.grant_permission(7, "trading.margin", by_user_id=0),
    ],
)
def test_what_cannot_be_said_is_not_done(bus: Bus, refused: Callable[[], Event]) -> None:
    with pytest.raises(InvalidEvent, match=r"data\."):
        refused()

    assert not any(kept("events_auth").values())
    assert bus.events() == []


@pytest.mark.parametrize(
    "service",
    [
        lambda _: services.register_account(8, "li"),
        lambda _: services.log_in(7, "web"),
        services.log_out,
        lambda session_id: services.expire_session(session_id, 60),
        lambda _: services.grant_permission(7, "trading.options"),
        lambda _: services.revoke_permission(7, "trading.margin"),
    ],
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, service: Callable[[str], Event]
) -> None:
    session_id = session()
    services.grant_permission(7, "trading.margin")
    before = kept("events_auth")
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        service(session_id)

    assert kept("events_auth") == before
