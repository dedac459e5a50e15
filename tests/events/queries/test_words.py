"""Events and chains in a few words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from events import Event
from events.privacy import MASK
from events.queries import words
from events.registry import registry

SAYINGS: list[tuple[str, dict[str, Any], str]] = [
    (
        "Trading.TradeExecuted",
        {"user_id": 1, "symbol": "STRK", "value": "5000.00"},
        "value 5000.00",
    ),
    (
        "Gamification.XPGained",
        {"user_id": 1, "xp": 50, "source": "trade", "reason": "a trade"},
        "+50 XP",
    ),
    (
        "Gamification.LevelUp",
        {"user_id": 1, "from_level": 15, "to_level": 16, "title": "Pioneer", "total_xp": 12025},
        "15 → 16",
    ),
    ("Social.SocialInteraction", {"user_id": 1, "kind": "trade_share"}, "trade share"),
    (
        "Social.InfluenceUpdated",
        {"user_id": 1, "delta": -5, "influence": 100, "reason": "unfollow"},
        "-5",
    ),
    (
        "User.ProfileUpdated",
        {"user_id": 1, "changed": ["influence"], "influence": 105},
        "influence 105",
    ),
    (
        "Financial.RevenueRecorded",
        {"user_id": 1, "amount": "1.50", "source": "trading_fee", "reference": "t"},
        "1.50 USD",
    ),
]


@pytest.mark.parametrize(("event_type", "data", "expected"), SAYINGS)
def test_an_event_says_what_matters(event_type: str, data: dict[str, Any], expected: str) -> None:
    assert words.summary(Event.new(event_type, data)) == expected


@pytest.mark.parametrize("entry", registry.all(), ids=lambda entry: str(entry.name))
def test_every_registered_example_can_be_said_in_one_line(entry: Any) -> None:
    said = words.summary(Event.new(entry.label, entry.example))

    assert len(said) <= words.LONGEST
    assert "\n" not in said


def test_a_summary_never_shows_a_personal_field() -> None:
    event = Event.new("Social.SocialProfileCreated", {"user_id": 1, "display_name": "Ada Lovelace"})

    assert "Ada" not in words.summary(event)


def test_a_summary_is_not_made_of_what_is_masked() -> None:
    """Words that want a number would fail over it."""
    event = Event.new("Social.SocialInteraction", {"user_id": 1, "kind": "like"})
    unknown = replace(event, event_type="Other.Thing", data={"days": 4111, "points": 1})

    assert words.summary(unknown) == f"days {MASK}"
    assert words.summary(replace(event, data={**event.data, "days": 4111})) == "like"


def test_a_long_summary_is_cut_and_says_so() -> None:
    event = Event.new(
        "NFT.NFTMinted", {"token_id": "t", "user_id": 1, "collection": "c", "name": "x" * 90}
    )

    assert words.summary(event) == "x" * (words.LONGEST - 1) + "…"


@pytest.mark.parametrize(
    ("event_type", "data", "title"),
    [
        (
            "Trading.TradeExecuted",
            {"user_id": 123, "symbol": "S", "value": "1"},
            "Trade by user 123",
        ),
        (
            "Trading.Order.Cancelled",
            {"order_id": "o-5", "user_id": 1, "symbol": "S", "side": "buy", "quantity": "1"},
            "Order o-5 cancelled",
        ),
        ("Social.SocialInteraction", {"user_id": 7, "kind": "like"}, "Social interaction, user 7"),
    ],
)
def test_a_chain_is_called_after_its_root(
    event_type: str, data: dict[str, Any], title: str
) -> None:
    assert words.chain_title(Event.new(event_type, data)) == title


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0034, "3.4 ms"),
        (0.038, "38 ms"),
        (0.4, "0.4 s"),
        (12.2, "12 s"),
        (252, "4 min 12 s"),
        (120, "2 min"),
        (7_500, "2 h 5 min"),
        (280_000, "3 d 5 h"),
    ],
)
def test_a_duration_is_told_in_its_largest_units(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text
