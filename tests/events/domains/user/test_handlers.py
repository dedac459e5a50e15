"""What user makes of registrations, influence, levels, rewards, plans, breaches and payments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events import Event
from events.domains.user.handlers import KEEP_NOTIFICATIONS, forget_old_notifications
from events.domains.user.models import Notification, Profile
from events.envelope import now
from tests.bus_fixture import Bus
from tests.events.domains.hearing import hear, hear_again, kept

PROFILES = "user_profile_updaters"
NOTICES = "notification_senders"

MORNING = datetime(2026, 1, 15, 9, tzinfo=UTC)


def level_up(to_level: int = 16, title: str = "Pioneer") -> Event:
    data = {
        "user_id": 7,
        "from_level": to_level - 1,
        "to_level": to_level,
        "title": title,
        "total_xp": 12_025,
    }
    return Event.new("Gamification.LevelUp", data)


def influence(total: int, *, minute: int = 0) -> Event:
    data = {"user_id": 7, "delta": 5, "influence": total, "reason": "trade_share"}
    at = MORNING + timedelta(minutes=minute)
    return Event.new("Social.InfluenceUpdated", data, occurred_at=at)


def reward(name: str = "Level 16 Pioneer") -> Event:
    data = {"reward_id": "r-1", "user_id": 7, "name": name, "kind": "level"}
    return Event.new("NFT.RewardDistributed", data)


def registered(**more: Any) -> Event:
    data = {"user_id": 7, "username": "mira", "email": "mira@example.com", **more}
    return Event.new("User.UserRegistered", data)


def subscribed() -> Event:
    data = {
        "subscription_id": "subscription-7-pro",
        "user_id": 7,
        "plan": "pro",
        "amount": "29.00",
        "period_end": "2026-02-14",
    }
    return Event.new("Financial.SubscriptionCreated", data)


def payment(**more: str) -> Event:
    data = {"payment_id": "p-1", "user_id": 7, "amount": "29.00", "purpose": "purchase", **more}
    return Event.new(f"Financial.PaymentCompleted.v{2 if more else 1}", data)


@pytest.mark.parametrize(
    ("event", "told", "kept_as"),
    [
        (registered(), {"changed": ["username"]}, {"username": "mira", "country": ""}),
        (
            registered(country="NG"),
            {"changed": ["username", "country"]},
            {"username": "mira", "country": "NG"},
        ),
        (influence(105), {"changed": ["influence"], "influence": 105}, {"influence": 105}),
        (
            level_up(),
            {"changed": ["level", "title"], "level": 16, "title": "Pioneer"},
            {"level": 16, "title": "Pioneer"},
        ),
        (
            reward(),
            {"changed": ["badges"], "badges": ["Level 16 Pioneer"]},
            {"badges": ["Level 16 Pioneer"]},
        ),
        (subscribed(), {"changed": ["plan"]}, {"plan": "pro"}),
    ],
)
def test_the_profile_of_a_user_nobody_knew_is_brought_up_to_date(
    bus: Bus, event: Event, told: dict[str, Any], kept_as: dict[str, Any]
) -> None:
    said = hear(bus, PROFILES, event)

    assert said == [("User.ProfileUpdated", {"user_id": 7, **told})]
    profile = Profile.objects.get(pk=7)
    assert {name: getattr(profile, name) for name in kept_as} == kept_as


def test_an_older_influence_heard_later_changes_nothing_and_the_newer_is_told(bus: Bus) -> None:
    said = hear(bus, PROFILES, influence(10, minute=2), influence(5, minute=1))

    assert [data["influence"] for _, data in said] == [10, 10]
    assert Profile.objects.get().influence == 10


def test_influence_may_go_down(bus: Bus) -> None:
    hear(bus, PROFILES, influence(10, minute=1), influence(4, minute=2))

    assert Profile.objects.get().influence == 4


def test_a_level_heard_of_late_takes_none_away(bus: Bus) -> None:
    said = hear(bus, PROFILES, level_up(16, "Pioneer"), level_up(15, "Navigator"))

    assert [(data["level"], data["title"]) for _, data in said] == [(16, "Pioneer")] * 2
    assert Profile.objects.get().level == 16


def test_a_badge_is_worn_once(bus: Bus) -> None:
    rewards = (reward("First trade"), reward("Level 2 Newcomer"), reward("First trade"))

    hear(bus, PROFILES, *rewards)

    assert Profile.objects.get().badges == ["First trade", "Level 2 Newcomer"]


def test_mail_addresses_are_kept_in_the_event_alone(bus: Bus) -> None:
    hear(bus, PROFILES, registered())

    assert "mira@example.com" not in str(kept("user"))


@pytest.mark.parametrize(
    ("event", "kind", "title"),
    [
        (level_up(), "level_up", "You reached level 16: Pioneer"),
        (
            Event.new(
                "Gamification.AchievementUnlocked",
                {"user_id": 7, "achievement": "volume_10k", "title": "Ten thousand traded"},
            ),
            "achievement",
            "You unlocked “Ten thousand traded”",
        ),
        (reward(), "reward", "A reward waits for you: Level 16 Pioneer"),
        (
            Event.new(
                "Risk.Limit.Breached",
                {"user_id": 7, "limit": "single_trade", "value": "140", "maximum": "100"},
            ),
            "limit_breach",
            "You went beyond your single trade limit",
        ),
        (payment(), "payment", "We received 29.00 USD"),
        (payment(method="bank_transfer"), "payment", "We received 29.00 USD by bank transfer"),
        (payment(method="unknown"), "payment", "We received 29.00 USD"),
    ],
)
def test_a_user_is_told_within_the_product(bus: Bus, event: Event, kind: str, title: str) -> None:
    said = hear(bus, NOTICES, event)

    told = {
        "notification_id": f"notification-{event.event_id}",
        "user_id": 7,
        "kind": kind,
        "title": title,
    }
    assert said == [("User.NotificationSent", {**told, "channel": "in_app"})]
    assert Notification.objects.filter(**told, read_at=None).exists()


@pytest.mark.parametrize(
    ("group", "event"),
    [(PROFILES, level_up()), (PROFILES, reward()), (NOTICES, level_up()), (NOTICES, payment())],
)
def test_delivered_twice_changes_nothing(bus: Bus, group: str, event: Event) -> None:
    assert hear(bus, group, event)
    rows, stored = kept("user"), bus.events()

    assert hear_again(bus, group, event) == 1
    assert kept("user") == rows
    assert bus.events() == stored


def test_an_old_notification_is_forgotten(bus: Bus) -> None:
    hear(bus, NOTICES, level_up(), payment())
    long_ago = now() - KEEP_NOTIFICATIONS - timedelta(minutes=1)
    Notification.objects.filter(kind="payment").update(sent_at=long_ago)

    forget_old_notifications()

    assert [row.kind for row in Notification.objects.all()] == ["level_up"]
