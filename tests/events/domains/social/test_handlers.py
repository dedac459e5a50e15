"""What social makes of experience, levels, tokens, interactions and battles."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from events import Event
from events.domains.social.handlers import KEEP_FEED, forget_old_entries
from events.domains.social.models import ClanScore, FeedEntry, Scoreboard, SocialProfile
from events.envelope import now
from tests.bus_fixture import Bus
from tests.events.domains.hearing import hear, hear_again, kept

FEED = "social_feed_generators"
BATTLES = "clan_battle_processors"
INFLUENCE = "influence_calculators"


def xp(source: str, points: int = 15, reason: str = "Traded STRK for 1500.00 USD") -> Event:
    data = {"user_id": 7, "xp": points, "source": source, "reason": reason}
    return Event.new("Gamification.XPGained", data)


def level_up(**envelope: Any) -> Event:
    data = {"user_id": 7, "from_level": 15, "to_level": 16, "title": "Pioneer", "total_xp": 12025}
    return Event.new("Gamification.LevelUp", data, **envelope)


def interaction(kind: str, user_id: int = 7) -> Event:
    return Event.new("Social.SocialInteraction", {"user_id": user_id, "kind": kind})


def viral(shares: int) -> Event:
    data = {"content_id": "content-1", "user_id": 7, "shares": shares, "platform": "x"}
    return Event.new("Social.ViralContentShared", data)


def constellation() -> Event:
    data = {"constellation_id": "constellation-1", "user_id": 7, "name": "Orion"}
    return Event.new("Social.ConstellationCreated", data)


def score(clan_id: str, points: int, user_id: int = 7, battle_id: str = "battle-1") -> Event:
    data = {"battle_id": battle_id, "clan_id": clan_id, "user_id": user_id, "points": points}
    return Event.new("Trading.ClanBattleScoreUpdated", data)


def test_experience_from_a_trade_is_shared_and_shows_in_the_feed(bus: Bus) -> None:
    said = hear(bus, FEED, xp("trade"))

    assert said == [("Social.SocialInteraction", {"user_id": 7, "kind": "trade_share"})]
    entry = FeedEntry.objects.get()
    assert (entry.user_id, entry.kind, entry.text) == (
        7,
        "trade_share",
        "Traded STRK for 1500.00 USD",
    )


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (
            xp("social", 2, "Took part with a comment"),
            "xp",
            "Gained 2 XP: Took part with a comment",
        ),
        (level_up(), "celebration", "Reached level 16 and carries the title Pioneer"),
        (
            Event.new(
                "Gamification.AchievementUnlocked",
                {"user_id": 7, "achievement": "volume_10k", "title": "Ten thousand traded"},
            ),
            "achievement",
            "Unlocked “Ten thousand traded”",
        ),
        (
            Event.new(
                "NFT.NFTMinted",
                {"user_id": 7, "token_id": "t-1", "collection": "Rewards", "name": "Level 16"},
            ),
            "nft",
            "Received “Level 16” of Rewards",
        ),
    ],
    ids=lambda value: value.event_type if isinstance(value, Event) else "",
)
def test_what_a_user_achieved_becomes_an_entry_of_the_feed(
    bus: Bus, event: Event, kind: str, text: str
) -> None:
    said = hear(bus, FEED, event)

    entry_id = f"feed-{event.event_id}"
    told = {"entry_id": entry_id, "user_id": 7, "kind": kind, "text": text}
    assert said == [("Social.FeedEntryCreated", told)]
    entry = FeedEntry.objects.get(pk=entry_id)
    assert (entry.user_id, entry.kind, entry.text) == (7, kind, text)


@pytest.mark.parametrize(
    ("event", "delta", "reason"),
    [
        (interaction("trade_share"), 5, "trade_share"),
        (interaction("share"), 3, "share"),
        (interaction("comment"), 2, "comment"),
        (interaction("follow"), 2, "follow"),
        (interaction("like"), 1, "like"),
        (constellation(), 20, "constellation"),
        (viral(1), 1, "viral_content"),
        (viral(1_250), 12, "viral_content"),
        (viral(10**9), 50, "viral_content"),
    ],
)
def test_an_act_adds_to_the_influence_of_a_user_nobody_knew(
    bus: Bus, event: Event, delta: int, reason: str
) -> None:
    said = hear(bus, INFLUENCE, event)

    told = {"user_id": 7, "delta": delta, "influence": delta, "reason": reason}
    assert said == [("Social.InfluenceUpdated", told)]
    assert SocialProfile.objects.get(pk=7).influence == delta


def test_influence_adds_up_per_user(bus: Bus) -> None:
    events = (interaction("like"), interaction("trade_share"), interaction("share", user_id=8))

    said = hear(bus, INFLUENCE, *events)

    # The order between streams is open, that within a stream is not: these share one.
    assert [(data["user_id"], data["influence"]) for _, data in said] == [(7, 1), (7, 6), (8, 3)]
    assert dict(SocialProfile.objects.values_list("pk", "influence")) == {7: 6, 8: 3}


def test_the_first_clan_to_score_takes_the_lead(bus: Bus) -> None:
    event = score("orion", 15)

    said = hear(bus, BATTLES, event)

    told = {
        "entry_id": f"feed-{event.event_id}",
        "user_id": 7,
        "kind": "clan_lead",
        "text": "Put orion into the lead of battle-1 with 15 points",
    }
    assert said == [("Social.FeedEntryCreated", told)]
    assert FeedEntry.objects.get().text == told["text"]


def test_a_lead_is_told_when_it_changes_and_not_when_it_grows_or_is_shared(bus: Bus) -> None:
    scores = [score("orion", 10), score("lyra", 10), score("orion", 5), score("lyra", 6, user_id=8)]

    said = hear(bus, BATTLES, *scores)

    assert [(data["user_id"], data["text"]) for _, data in said] == [
        (7, "Put orion into the lead of battle-1 with 10 points"),
        (8, "Put lyra into the lead of battle-1 with 16 points"),
    ]
    board = Scoreboard.objects.get()
    assert (board.leader, board.leader_points) == ("lyra", 16)
    assert board.leads_since == scores[3].occurred_at
    assert dict(ClanScore.objects.values_list("clan_id", "points")) == {"orion": 15, "lyra": 16}


def test_battles_are_scored_apart(bus: Bus) -> None:
    hear(bus, BATTLES, score("orion", 10), score("lyra", 1, battle_id="battle-2"))

    leaders = dict(Scoreboard.objects.values_list("battle_id", "leader"))
    assert leaders == {"battle-1": "orion", "battle-2": "lyra"}


@pytest.mark.parametrize(
    ("group", "event"),
    [
        (FEED, xp("trade")),
        (FEED, level_up()),
        (INFLUENCE, interaction("trade_share")),
        (BATTLES, score("orion", 15)),
    ],
)
def test_delivered_twice_changes_nothing(bus: Bus, group: str, event: Event) -> None:
    assert hear(bus, group, event)
    rows, stored = kept("social"), bus.events()

    assert hear_again(bus, group, event) == 1
    assert kept("social") == rows
    assert bus.events() == stored


def test_an_entry_leaves_the_feed_when_it_is_old(bus: Bus) -> None:
    old = level_up(occurred_at=now() - KEEP_FEED - timedelta(minutes=1))
    new = level_up()
    hear(bus, FEED, old, new)

    forget_old_entries()

    assert [entry.pk for entry in FeedEntry.objects.all()] == [f"feed-{new.event_id}"]
