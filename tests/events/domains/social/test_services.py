"""What one can do in the social domain, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError

from events import Event, InvalidEvent
from events.domains.social import services
from events.domains.social.models import Constellation, Interaction, SocialProfile, ViralContent
from tests.bus_fixture import Bus
from tests.events.domains.hearing import kept

SERVICES: dict[str, Callable[..., Event]] = {
    "Social.SocialProfileCreated": lambda **more: services.create_profile(7, "Mira", **more),
    "Social.ConstellationCreated": lambda **more: services.create_constellation(7, "Orion", **more),
    "Social.ViralContentShared": lambda **more: services.share_viral(7, "content-1", 40, **more),
    "Social.SocialInteraction": lambda **more: services.interact(7, "like", **more),
}


@pytest.mark.parametrize("event_type", SERVICES)
def test_what_is_done_is_said_and_the_mark_of_its_maker_travels_along(
    bus: Bus, event_type: str
) -> None:
    said = SERVICES[event_type](metadata={"synthetic": True})

    (event,) = bus.events()
    assert event == said
    assert (event.event_type, event.data["user_id"], event.synthetic) == (event_type, 7, True)
    assert event.producer.startswith("social@")


@pytest.mark.parametrize(
    "refused",
    [
        lambda: services.create_profile(7, "two\nlines"),
        lambda: services.create_constellation(7, ""),
        lambda: services.share_viral(7, "content-1", 0),
        lambda: services.interact(0, "like"),
        lambda: services.interact(7, "applaud"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_said_is_not_done(bus: Bus, refused: Callable[[], Event]) -> None:
    with pytest.raises(InvalidEvent, match=r"data\."):
        refused()

    assert not any(kept("social").values())
    assert bus.events() == []


@pytest.mark.parametrize("event_type", SERVICES)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, event_type: str
) -> None:
    def fail(*events: Event) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        SERVICES[event_type]()
    assert not any(kept("social").values())


def test_a_constellation_whose_id_is_taken_is_neither_kept_nor_said(bus: Bus) -> None:
    services.create_constellation(7, "Orion", constellation_id="constellation-1")

    with pytest.raises(IntegrityError):
        services.create_constellation(8, "Lyra", constellation_id="constellation-1")

    assert [row.founder_id for row in Constellation.objects.all()] == [7]
    assert len(bus.events()) == 1


def test_opening_a_profile_keeps_the_influence_a_user_had(bus: Bus) -> None:
    SocialProfile.objects.create(user_id=7, influence=12)

    services.create_profile(7, "Mira")

    profile = SocialProfile.objects.get()
    assert (profile.display_name, profile.influence) == ("Mira", 12)
    assert profile.created_at is not None


def test_a_later_report_of_fewer_shares_takes_none_away(bus: Bus) -> None:
    services.share_viral(7, "content-1", 500)
    services.share_viral(7, "content-1", 40, platform="tiktok")

    content = ViralContent.objects.get()
    assert (content.user_id, content.shares, content.platform) == (7, 500, "tiktok")


def test_an_interaction_is_kept_with_what_it_was_about(bus: Bus) -> None:
    said = services.interact(7, "comment", target_user_id=8, content_id="content-1")

    row = Interaction.objects.get(pk=said.event_id)
    assert (row.user_id, row.kind, row.target_user_id, row.content_id) == (
        7,
        "comment",
        8,
        "content-1",
    )
    assert said.data["target_user_id"] == 8
