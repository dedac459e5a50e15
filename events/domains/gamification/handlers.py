"""What gamification does when it hears of trades, interactions, challenges and levels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection

from events import Context, Event, Says, every, handles
from events.domains.gamification.achievements import (
    Award,
    add_trade,
    earned,
    extend_streak,
    newly_earned,
)
from events.domains.gamification.leaderboards import PLACES, Podium, periods
from events.domains.gamification.levels import level_at, title_of, xp_of
from events.domains.gamification.models import Achievement, Standing, TraderRecord, XPProfile
from events.domains.rows import add, forget, locked, save

SOCIAL_XP = {"like": 1, "comment": 2, "follow": 3, "share": 5}
"""Points for an interaction, by its kind: the more it takes to do, the more it is worth."""

KEEP_BOARDS = timedelta(days=35)
"""How long the standings of a day or week that is over are kept."""

XP = "Gamification.XPGained"


@handles(
    "Trading.TradeExecuted", group="gamification_xp_processors", says=[Says(XP, source="trade")]
)
def give_trade_xp(event: Event, context: Context) -> None:
    """One point for each full hundred of value; a smaller trade earns nothing and says nothing."""
    trade = context.payload
    reason = f"Traded {trade.symbol} for {trade.value:.2f} {trade.currency}"
    _give(context, xp_of(trade.value), "trade", reason)


@handles(
    "Social.SocialInteraction",
    group="gamification_xp_processors",
    # A trade share follows from XP for a trade; XP for the share would go on for ever.
    unless={"kind": ("trade_share",)},
    says=[Says(XP, source="social")],
)
def give_social_xp(event: Event, context: Context) -> None:
    """A few points for taking part."""
    kind = context.payload.kind
    _give(context, SOCIAL_XP.get(kind, 0), "social", f"Took part with a {kind}")


@handles(
    "Challenge.Completed", group="gamification_xp_processors", says=[Says(XP, source="challenge")]
)
def give_challenge_xp(event: Event, context: Context) -> None:
    """The points the challenge promised."""
    challenge = context.payload
    _give(context, challenge.reward_xp, "challenge", f"Completed “{challenge.name}”")


def _give(context: Context, xp: int, source: str, reason: str) -> None:
    if xp:
        said = {"user_id": context.payload.user_id, "xp": xp, "source": source, "reason": reason}
        context.caused(XP, said)


@handles(XP, group="gamification_xp_processors", batch=True, says=["Gamification.LevelUp"])
def gain_xp(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Add the points to the user's profile; one LevelUp however many levels they pass."""
    profiles = locked(XPProfile, [context.payload.user_id for context in contexts])
    for context in contexts:
        profile = profiles[context.payload.user_id]
        profile.total_xp += context.payload.xp
        before, profile.level = profile.level, level_at(profile.total_xp)
        if profile.level > before:
            said = {
                "user_id": profile.user_id,
                "from_level": before,
                "to_level": profile.level,
                "title": title_of(profile.level),
                "total_xp": profile.total_xp,
            }
            context.caused("Gamification.LevelUp", said)
    save(XPProfile, profiles.values())


@handles(XP, group="leaderboard_updaters", batch=True, says=["Gamification.LeaderboardUpdated"])
def rank(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Add the points to the boards of their day, their week and all time."""
    keys = [
        [(board, period, context.payload.user_id) for board, period in periods(at).items()]
        for context, at in zip(contexts, (event.occurred_at for event in events), strict=True)
    ]
    standings = locked(Standing, [key for of_event in keys for key in of_event])
    podiums = {(board, period): _podium(board, period) for board, period, _ in standings}
    for context, of_event in zip(contexts, keys, strict=True):
        for key in of_event:
            _advance(context, standings[key], podiums[key[:2]])
    save(Standing, standings.values())


BEST = (
    "SELECT score FROM gamification_standing WHERE board = %s AND period = %s AND score > 0 "
    "ORDER BY score DESC LIMIT %s"
)
"""Written out: three boards of every event ask for it, and the ORM builds it anew each time."""


def _podium(board: str, period: str) -> Podium:
    with connection.cursor() as cursor:
        cursor.execute(BEST, [board, period, PLACES + 1])
        return Podium([score for (score,) in cursor.fetchall()])


def _advance(context: Context, standing: Standing, podium: Podium) -> None:
    """Only the one who gained points is reported: those they passed show on the board."""
    before, standing.score = standing.score, standing.score + context.payload.xp
    previous_rank, new_rank = podium.advance(before, standing.score)
    if new_rank is None or new_rank == previous_rank:
        return
    said = {
        "board": standing.board,
        "user_id": standing.user_id,
        "rank": new_rank,
        "previous_rank": previous_rank,
        "score": standing.score,
    }
    context.caused("Gamification.LeaderboardUpdated", said)


@every(3600)
def forget_old_boards() -> None:
    """Drop the standings of days and weeks that are long over."""
    oldest = periods(datetime.now(UTC) - KEEP_BOARDS)
    for board in ("daily", "weekly"):
        forget(Standing.objects.filter(board=board, period__lt=oldest[board]))


@handles(
    "Trading.TradeExecuted",
    "Gamification.LevelUp",
    group="achievement_processors",
    batch=True,
    says=["Gamification.AchievementUnlocked", "Gamification.StreakUpdated"],
)
def keep_records(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Count each trade, carry on the daily streak, note the level; unlock what that earns.

    One handler for both, so that every record of a batch is locked at once, in one order.
    """
    records = locked(TraderRecord, [context.payload.user_id for context in contexts])
    unlocked: list[Achievement] = []
    for event, context in zip(events, contexts, strict=True):
        record = records[context.payload.user_id]
        before = earned(record)
        if event.event_type == "Gamification.LevelUp":
            record.level = max(record.level, context.payload.to_level)
        else:
            _traded(record, event, context)
        unlocked += _unlock(event, context, newly_earned(before, record))
    save(TraderRecord, records.values())
    # Where another worker handles the same event at this moment the inbox decides, not these rows.
    add(unlocked, unless_known=True)


def _traded(record: TraderRecord, event: Event, context: Context) -> None:
    add_trade(record, context.payload.value)
    if extend_streak(record, event.occurred_at.astimezone(UTC).date()):
        said = {"user_id": record.user_id, "days": record.streak_days, "day": record.streak_day}
        context.caused("Gamification.StreakUpdated", said)


def _unlock(event: Event, context: Context, awards: list[Award]) -> list[Achievement]:
    """The rows to keep. Says the greatest alone: what comes with it needs no feast of its own."""
    user_id = context.payload.user_id
    if awards:
        said = {"user_id": user_id, "achievement": awards[-1].name, "title": awards[-1].title}
        context.caused("Gamification.AchievementUnlocked", said)
    return [
        Achievement(
            user_id=user_id,
            name=award.name,
            unlocked_at=event.occurred_at,
            event_id=event.event_id,
        )
        for award in awards
    ]
