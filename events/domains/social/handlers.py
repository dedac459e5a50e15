"""What social does when it hears of experience, levels, tokens, interactions and battles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from events import Context, Event, Says, every, handles
from events.domains.rows import add, forget, locked, save
from events.domains.social.influence import gain
from events.domains.social.models import ClanScore, FeedEntry, Scoreboard, SocialProfile

KEEP_FEED = timedelta(days=30)
"""How long an entry stays in the feed."""

XP = "Gamification.XPGained"
ENTRY = "Social.FeedEntryCreated"
INTERACTION = "Social.SocialInteraction"

ENTRIES = {
    XP: (FeedEntry.Kind.XP, "Gained {0.xp} XP: {0.reason}"),
    "Gamification.LevelUp": (
        FeedEntry.Kind.CELEBRATION,
        "Reached level {0.to_level} and carries the title {0.title}",
    ),
    "Gamification.AchievementUnlocked": (FeedEntry.Kind.ACHIEVEMENT, "Unlocked “{0.title}”"),
    "NFT.NFTMinted": (FeedEntry.Kind.NFT, "Received “{0.name}” of {0.collection}"),
}
"""Kind and wording of the entry that follows from an event; {0} is its payload."""


@handles(
    XP,
    group="social_feed_generators",
    only={"source": ("trade",)},
    batch=True,
    says=[Says(INTERACTION, kind="trade_share")],
)
def share_trades(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """A trade that earned experience is shared with those who follow the trader."""
    entries = []
    for event, context in zip(events, contexts, strict=True):
        told = context.payload
        kind = FeedEntry.Kind.TRADE_SHARE
        context.caused(INTERACTION, {"user_id": told.user_id, "kind": kind.value})
        entries.append(_entry(event, told.user_id, kind, told.reason))
    add(entries)


@handles(
    *ENTRIES,
    group="social_feed_generators",
    # Those are shared instead (`share_trades`); the other types have no such field.
    unless={"source": ("trade",)},
    batch=True,
    always_says=[ENTRY],
)
def write_feed(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Tell of experience, levels, achievements and tokens."""
    entries = []
    for event, context in zip(events, contexts, strict=True):
        kind, wording = ENTRIES[event.event_type]
        entry = _entry(event, context.payload.user_id, kind, wording.format(context.payload))
        _say(context, entry)
        entries.append(entry)
    add(entries)


@handles("Trading.ClanBattleScoreUpdated", group="clan_battle_processors", batch=True, says=[ENTRY])
def score_clans(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Add the points to the clan; tell when it takes the lead, which a tie does not."""
    boards = locked(Scoreboard, [context.payload.battle_id for context in contexts])
    scores = locked(ClanScore, [(c.payload.battle_id, c.payload.clan_id) for c in contexts])
    entries = []
    for event, context in zip(events, contexts, strict=True):
        told = context.payload
        board, score = boards[told.battle_id], scores[told.battle_id, told.clan_id]
        score.points += told.points
        if not _leads(board, score, event.occurred_at):
            continue
        text = f"Put {told.clan_id} into the lead of {told.battle_id} with {score.points} points"
        entry = _entry(event, told.user_id, FeedEntry.Kind.CLAN_LEAD, text)
        _say(context, entry)
        entries.append(entry)
    save(Scoreboard, boards.values())
    save(ClanScore, scores.values())
    add(entries)


def _leads(board: Scoreboard, score: ClanScore, at: datetime) -> bool:
    """Bring the board up to date with a score that has grown; whether the lead changed by it."""
    if score.points <= board.leader_points:
        return False
    changed = score.clan_id != board.leader
    board.leader, board.leader_points = score.clan_id, score.points
    board.leads_since = at if changed else board.leads_since
    return changed


@handles(
    INTERACTION,
    "Social.ViralContentShared",
    "Social.ConstellationCreated",
    group="influence_calculators",
    batch=True,
    always_says=["Social.InfluenceUpdated"],
)
def add_influence(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Add what the act is worth to the influence of the one who did it."""
    profiles = locked(SocialProfile, [context.payload.user_id for context in contexts])
    for event, context in zip(events, contexts, strict=True):
        profile = profiles[context.payload.user_id]
        delta, reason = gain(event.event_type, context.payload)
        profile.influence += delta
        said = {
            "user_id": profile.user_id,
            "delta": delta,
            "influence": profile.influence,
            "reason": reason,
        }
        context.caused("Social.InfluenceUpdated", said)
    save(SocialProfile, profiles.values())


@every(3600)
def forget_old_entries() -> None:
    """Drop what has left the feed."""
    forget(FeedEntry.objects.filter(created_at__lt=datetime.now(UTC) - KEEP_FEED))


def _entry(event: Event, user_id: int, kind: FeedEntry.Kind, text: str) -> FeedEntry:
    return FeedEntry(
        entry_id=f"feed-{event.event_id}",
        user_id=user_id,
        kind=kind,
        text=text,
        created_at=event.occurred_at,
    )


def _say(context: Context, entry: FeedEntry) -> None:
    said = {
        "entry_id": entry.entry_id,
        "user_id": entry.user_id,
        "kind": entry.kind,
        "text": entry.text,
    }
    context.caused(ENTRY, said)
