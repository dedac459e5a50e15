"""What one can do in the user domain, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events import Event, InvalidEvent
from events.domains.user import services
from events.domains.user.models import Profile, Session
from events.domains.user.services import AlreadyRegistered
from tests.bus_fixture import Bus
from tests.events.domains.hearing import kept


def test_a_registration_is_kept_and_said_together(bus: Bus) -> None:
    said = services.register_user(
        "mira", "mira@example.com", country="NG", user_id=7, metadata={"synthetic": True}
    )

    assert bus.events() == [said]
    assert said.data == {
        "user_id": 7,
        "username": "mira",
        "email": "mira@example.com",
        "country": "NG",
    }
    assert said.synthetic
    profile = Profile.objects.get(pk=7)
    assert (profile.username, profile.country) == ("mira", "NG")
    assert profile.registered_at == said.occurred_at


def test_the_next_free_id_is_given_to_who_brings_none(bus: Bus) -> None:
    Profile.objects.create(user_id=41)

    ids = [services.register_user(name, f"{name}@example.com").entity_id for name in ("mira", "li")]

    assert ids == ["42", "43"]


def test_an_id_another_chose_meanwhile_is_passed_over(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.register_user("mira", "mira@example.com", user_id=1)
    unseen = Profile.objects.filter(pk__gt=1)
    monkeypatch.setattr(Profile.objects, "aggregate", unseen.aggregate)

    said = services.register_user("li", "li@example.com")

    assert said.data["user_id"] == 2


def test_an_id_that_was_given_is_not_given_again(bus: Bus) -> None:
    services.register_user("mira", "mira@example.com")
    Profile.objects.all().delete()

    assert services.register_user("li", "li@example.com").data["user_id"] == 2


def test_a_user_others_told_of_registers_and_keeps_what_is_known(bus: Bus) -> None:
    Profile.objects.create(user_id=7, influence=12, badges=["Level 2 Newcomer"])

    services.register_user("mira", "mira@example.com", user_id=7)

    profile = Profile.objects.get()
    assert (profile.username, profile.influence) == ("mira", 12)
    assert profile.badges == ["Level 2 Newcomer"]


def test_nobody_registers_twice(bus: Bus) -> None:
    services.register_user("mira", "mira@example.com", user_id=7)

    with pytest.raises(AlreadyRegistered, match="user 7"):
        services.register_user("li", "li@example.com", user_id=7)
    assert Profile.objects.get().username == "mira"
    assert len(bus.events()) == 1


def test_a_session_is_kept_and_said_together(bus: Bus) -> None:
    said = services.start_session(
        7, "web", ip="203.0.113.7", session_id="s-1", metadata={"synthetic": True}
    )

    assert bus.events() == [said]
    told = {"user_id": 7, "session_id": "s-1", "device": "web", "ip": "203.0.113.7"}
    assert (said.data, said.synthetic) == (told, True)
    row = Session.objects.get(pk="s-1")
    assert (row.user_id, row.device, row.started_at) == (7, "web", said.occurred_at)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: services.register_user("mira", "no address"),
        lambda: services.register_user("mira okafor", "mira@example.com"),
        lambda: services.register_user("mira", "mira@example.com", country="Nigeria"),
        lambda: services.start_session(7, "web", ip="somewhere"),
        lambda: services.start_session(7, ""),
    ],
)
def test_what_cannot_be_said_is_not_done(bus: Bus, refused: Callable[[], Event]) -> None:
    with pytest.raises(InvalidEvent, match=r"data\."):
        refused()

    assert not any(kept("user").values())
    assert bus.events() == []


@pytest.mark.parametrize(
    "service",
    [
        lambda: services.register_user("mira", "mira@example.com"),
        lambda: services.start_session(7, "web"),
    ],
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, service: Callable[[], Event]
) -> None:
    def fail(*events: Event) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        service()
    assert not any(kept("user").values())
