"""The groups as declared: the table of the design, and no way round in a circle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from events.groups import Group, Handler, Says, groups
from events.registry import registry

ORDERS = {"Trading.Order.Placed", "Trading.Order.Filled", "Trading.Order.Cancelled"}
POSITIONS = {"Trading.Position.Opened", "Trading.Position.Modified", "Trading.Position.Closed"}

TABLE: dict[str, tuple[str, set[str], set[str]]] = {
    "trading_internal": (
        "D",
        {"Trading.TradeExecuted"} | ORDERS | POSITIONS,
        {"Trading.TradingRewardsCalculated", "Trading.ClanBattleScoreUpdated"},
    ),
    "trading_risk_management": (
        "D",
        {"Trading.TradeExecuted"} | POSITIONS,
        {"Risk.Limit.Breached"},
    ),
    "gamification_xp_processors": (
        "X",
        {
            "Trading.TradeExecuted",
            "Social.SocialInteraction",
            "Challenge.Completed",
            "Gamification.XPGained",
        },
        {"Gamification.XPGained", "Gamification.LevelUp"},
    ),
    "leaderboard_updaters": (
        "D",
        {"Gamification.XPGained"},
        {"Gamification.LeaderboardUpdated"},
    ),
    "achievement_processors": (
        "X",
        {"Trading.TradeExecuted", "Gamification.LevelUp"},
        {"Gamification.AchievementUnlocked", "Gamification.StreakUpdated"},
    ),
    "social_feed_generators": (
        "X",
        {
            "Gamification.XPGained",
            "Gamification.LevelUp",
            "Gamification.AchievementUnlocked",
            "NFT.NFTMinted",
        },
        {"Social.SocialInteraction", "Social.FeedEntryCreated"},
    ),
    "clan_battle_processors": (
        "X",
        {"Trading.ClanBattleScoreUpdated"},
        {"Social.FeedEntryCreated"},
    ),
    "influence_calculators": (
        "D",
        {"Social.SocialInteraction", "Social.ViralContentShared", "Social.ConstellationCreated"},
        {"Social.InfluenceUpdated"},
    ),
    "revenue_trackers": (
        "X",
        {
            "Trading.TradeExecuted",
            "NFT.MarketplaceSale",
            "Financial.SubscriptionCreated",
            "Financial.SubscriptionRenewed",
        },
        {"Financial.RevenueRecorded"},
    ),
    "subscription_processors": (
        "D",
        {"Financial.PaymentCompleted", "Financial.PaymentRefunded"},
        {
            "Financial.SubscriptionCreated",
            "Financial.SubscriptionRenewed",
            "Financial.SubscriptionCancelled",
        },
    ),
    "financial_compliance": (
        "X",
        {"Financial.PaymentCompleted", "Financial.RevenueRecorded", "Risk.Limit.Breached"},
        {"Financial.ComplianceFindingRaised"},
    ),
    "nft_reward_distributors": (
        "X",
        {"Gamification.LevelUp", "Gamification.AchievementUnlocked", "NFT.RewardClaimed"},
        {"NFT.RewardDistributed", "NFT.NFTMinted"},
    ),
    "marketplace_processors": (
        "D",
        {"NFT.NFTMinted", "NFT.MarketplaceSale"},
        {"NFT.OwnershipTransferred"},
    ),
    "user_profile_updaters": (
        "X",
        {
            "User.UserRegistered",
            "Social.InfluenceUpdated",
            "Gamification.LevelUp",
            "NFT.RewardDistributed",
            "Financial.SubscriptionCreated",
        },
        {"User.ProfileUpdated"},
    ),
    "notification_senders": (
        "X",
        {
            "Gamification.LevelUp",
            "Gamification.AchievementUnlocked",
            "NFT.RewardDistributed",
            "Risk.Limit.Breached",
            "Financial.PaymentCompleted",
        },
        {"User.NotificationSent"},
    ),
    "metrics_collectors": ("A", {entry.name for entry in registry.all()}, set()),
    "audit_trail_recorders": ("A", {entry.name for entry in registry.all()}, set()),
}
"""Group: its kind, what it reads, what it says (design: the 17 groups)."""

FOLLOWS_ITSELF = {"gamification_xp_processors"}
"""The one group that reads what it says: XPGained, from which LevelUp follows."""


def test_the_groups_are_those_of_the_table() -> None:
    names = {group.name for group in groups()}

    assert names == set(TABLE)
    assert len(names) == 17


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_group_reads_and_says_what_the_table_says(name: str) -> None:
    kind, reads, says = TABLE[name]

    group = next(group for group in groups() if group.name == name)

    assert group.kind == kind
    assert set(group.reads) == reads
    assert set(group.says) == says


def test_six_groups_read_their_own_domain_nine_others_and_two_are_analytics() -> None:
    kinds = [group.kind for group in groups()]

    assert {kind: kinds.count(kind) for kind in kinds} == {"D": 6, "X": 9, "A": 2}


def test_no_group_reads_what_it_says_but_the_one_that_makes_levels_of_points() -> None:
    talking_to_itself = {
        group.name
        for group in groups()
        if any(follows(says, handler) for says in said(group) for handler in group.handlers)
    }

    assert talking_to_itself == FOLLOWS_ITSELF


def test_no_chain_of_groups_comes_back_to_where_it_began() -> None:
    reached = {group.name: successors(group) for group in groups()}
    for name in FOLLOWS_ITSELF:
        reached[name].discard(name)

    assert circle(reached) == []


def test_no_chain_of_handlers_comes_back_to_where_it_began() -> None:
    handlers = [handler for group in groups() for handler in group.handlers]
    reached = {
        handler.name: {
            other.name for other in handlers if any(follows(says, other) for says in handler.says)
        }
        for handler in handlers
    }

    assert circle(reached) == []


def test_a_circle_is_found_where_there_is_one() -> None:
    declared = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}

    assert circle(declared) == ["a", "b", "c", "a"]


def test_a_share_of_a_trade_earns_no_points() -> None:
    sharing = Says("Social.SocialInteraction", kind="trade_share")
    earning = next(group for group in groups() if group.name == "gamification_xp_processors")

    assert not any(follows(sharing, handler) for handler in earning.handlers)


def said(group: Group) -> Iterator[Says]:
    """Everything the handlers of a group may say."""
    for handler in group.handlers:
        yield from handler.says


def follows(says: Says, handler: Handler) -> bool:
    """Whether this handler may be reached by what is said; unnamed fields may have any value."""
    if handler.domain == "analytics" or says.event_type not in handler.reads:
        return False
    known = says.fields
    admitted = all(known[key] in values for key, values in handler.only.items() if key in known)
    refused = any(known[key] in values for key, values in handler.unless.items() if key in known)
    return admitted and not refused


def successors(group: Group) -> set[str]:
    """Names of the groups that hear what this one says."""
    return {
        other.name
        for other in groups()
        if any(follows(says, handler) for says in said(group) for handler in other.handlers)
    }


def circle(reached: dict[str, set[str]]) -> list[str]:
    """Some path that ends where it began, or nothing."""
    finished: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in finished:
            return []
        for successor in sorted(reached[name]):
            if found := walk(successor, [*path, name]):
                return found
        finished.add(name)
        return []

    for name in sorted(reached):
        if found := walk(name, []):
            return found
    return []
