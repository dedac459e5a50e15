"""AstraTrade's own helpers for saying events, over `publish`.

    make     create_xp_gained_event and the like: an event, to be given to `publish`
    convert  DomainEvent, event_from, publish_domain_event: the events of the first schema
    publish  EventPublishingMixin for a service, TradingEventPublisher for trading

What makes an event returns it unpublished; what publishes returns the event it published. Every
function takes what `Given` lists: ``correlation_id`` and ``causation_id``, or ``caused_by`` in
place of both; ``entity_id``, ``producer``, ``event_id``, ``occurred_at``, ``metadata``.
All raise UnknownType or InvalidEvent, with every field that is wrong, and publish nothing then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Unpack
from uuid import UUID

from events.adapters.base import ENVELOPE, object_of, refused
from events.bus import publish
from events.envelope import Event, new_event_id, now
from events.legacy.envelope import Given, full_name, made, with_field
from events.quoting import quoted

Amount = Decimal | str | int
"""Money: a float has lost its cents before it arrives, and is refused."""


def create_xp_gained_event(
    user_id: int, xp: int, source: str, reason: str, **given: Unpack[Given]
) -> Event:
    """A user gained `xp` points by an activity of kind `source` (``trade``, ``social``,
    ``challenge``, ``other``), told in words by `reason`."""
    data = {"user_id": user_id, "xp": xp, "source": source, "reason": reason}
    return made("Gamification.XPGained", data, **given)


def create_level_up_event(
    user_id: int, from_level: int, to_level: int, title: str, total_xp: int, **given: Unpack[Given]
) -> Event:
    """A user passed from one level to a higher one, whose `title` is shown; `total_xp` is all they
    have now."""
    data = {
        "user_id": user_id,
        "from_level": from_level,
        "to_level": to_level,
        "title": title,
        "total_xp": total_xp,
    }
    return made("Gamification.LevelUp", data, **given)


def create_achievement_unlocked_event(
    user_id: int, achievement: str, title: str, **given: Unpack[Given]
) -> Event:
    """A user unlocked an achievement: its name in snake case, and what people read."""
    data = {"user_id": user_id, "achievement": achievement, "title": title}
    return made("Gamification.AchievementUnlocked", data, **given)


def create_streak_updated_event(
    user_id: int, days: int, day: date | str, **given: Unpack[Given]
) -> Event:
    """A user was active `days` days in a row, the UTC day `day` the last of them."""
    data = {"user_id": user_id, "days": days, "day": day}
    return made("Gamification.StreakUpdated", data, **given)


def create_leaderboard_updated_event(
    board: str,
    user_id: int,
    rank: int,
    score: int,
    previous_rank: int | None = None,
    **given: Unpack[Given],
) -> Event:
    """A user's rank on a leaderboard (``daily``, ``weekly``, ``all_time``) changed; without
    `previous_rank` they were not among the first hundred before."""
    data = {
        "board": board,
        "user_id": user_id,
        "rank": rank,
        "previous_rank": previous_rank,
        "score": score,
    }
    return made("Gamification.LeaderboardUpdated", data, **given)


@dataclass(kw_only=True)
class DomainEvent:
    """Base of the events of the first schema: a subclass is a dataclass whose name is the type's
    with ``Event`` behind it (``XPGainedEvent``) and whose fields are the payload's.

    One that was written with a base of its own needs no change: `event_from` takes it as well.
    """

    domain: ClassVar[str] = "Gamification"
    """Domain of the type; a subclass of another domain names its own."""

    event_id: UUID = field(default_factory=new_event_id)
    occurred_at: datetime = field(default_factory=now)
    event_version: int | None = None
    """The newest that the payload validates against, unless it is given."""
    correlation_id: UUID | str | None = None
    causation_id: UUID | str | None = None
    producer: str | None = None
    entity_id: str | None = None

    def to_event(self) -> Event:
        """The event to publish; the same one each time."""
        return event_from(self)


def event_from(old: Any) -> Event:
    """The event that an object of the first schema means, not yet published.

    `old` is a dataclass, or has a ``to_dict()``, or attributes of its own. Fields of the envelope
    among them are taken as such (``event_id``, ``occurred_at``, ``correlation_id``, ...), all
    others are the payload. The type is its ``event_type``, else the name of its class; the domain
    is its ``domain``, else Gamification.
    """
    told = _told(old)
    name = str(told.pop("event_type", None) or type(old).__name__)
    domain = str(told.pop("domain", None) or getattr(old, "domain", "") or DomainEvent.domain)
    data = told.pop("data", None) or {}
    if not isinstance(data, Mapping):
        raise refused("data", f"is a {type(data).__name__}; give a mapping of payload fields")
    envelope: Given = {name: told[name] for name in told if name in ENVELOPE}  # type: ignore[assignment]
    payload = {name: value for name, value in told.items() if name not in ENVELOPE}
    return made(full_name(name.removesuffix("Event"), domain), {**payload, **data}, **envelope)


def publish_domain_event(old: Any) -> Event:
    """Publish what `event_from` makes of an object of the first schema, and return it. One with an
    ``event_id`` of its own is accepted once, however often it is given."""
    event = event_from(old)
    publish(event)
    return event


def _told(old: Any) -> dict[str, Any]:
    if is_dataclass(old) and not isinstance(old, type):
        return asdict(old)
    if callable(getattr(old, "to_dict", None)) and not isinstance(old, type):
        return dict(old.to_dict())
    if isinstance(old, Mapping | type) or not hasattr(old, "__dict__"):
        raise refused(
            "event",
            f"is {quoted(old)}; give an object of a class such as XPGainedEvent, or `adapt` it",
        )
    return {name: value for name, value in vars(old).items() if not name.startswith("_")}


class EventPublishingMixin:
    """Mixed into a service that says events by ``self._emit_event(type, data)``: each becomes a
    `publish`, in the transaction of its caller. Holds no state and needs no ``__init__``.

    A type is named as the service's own domain names it (``PaymentCompleted``,
    ``payment_completed``), by any spelling the registry knows, or with a version behind it.
    """

    event_domain: str = ""
    """Domain of a type named without one, such as ``Financial``."""

    event_producer: str | None = None
    """``name@version`` of the service; without it that of the type's domain."""

    def publish_event(
        self,
        event_type: str,
        data: Mapping[str, Any] | str,
        *,
        user_id: int | None = None,
        **given: Unpack[Given],
    ) -> Event:
        """Publish an event and return it.

        The data may be JSON text. `user_id` is put into them, where it may stand already; what else
        may be given is in `Given`. Two queries and one append call, as `publish`; the same
        `event_id` a second time changes nothing.
        """
        if given.get("producer") is None:
            given["producer"] = self.event_producer
        name = full_name(event_type, self.event_domain)
        payload = with_field(object_of(data, "data"), "user_id", user_id)
        event = made(name, payload, **given)
        publish(event)
        return event

    def _emit_event(
        self,
        event_type: str,
        data: Mapping[str, Any] | str,
        *,
        user_id: int | None = None,
        **given: Unpack[Given],
    ) -> Event:
        """`publish_event` by the name that old services call."""
        return self.publish_event(event_type, data, user_id=user_id, **given)


class TradingEventPublisher(EventPublishingMixin):
    """Says what happens in trading, and what follows from it elsewhere.

    The groups of the console say themselves what follows from a trade: rewards, scores, experience,
    revenue. A code base that publishes those as well counts them twice; it says the trade alone, or
    does not run the group that would say the rest.
    """

    event_domain = "Trading"

    def __init__(self, producer: str | None = None) -> None:
        """`producer` is ``name@version`` of the code base, without it that of the domain."""
        self.event_producer = producer

    def publish_trade_executed(
        self,
        user_id: int,
        symbol: str,
        value: Amount,
        *,
        trade_id: str | None = None,
        side: str = "buy",
        quantity: Amount | None = None,
        price: Amount | None = None,
        currency: str = "USD",
        **given: Unpack[Given],
    ) -> Event:
        """A trade of a user was executed; `value` is quantity times price, in `currency`."""
        data = {
            "user_id": user_id,
            "symbol": symbol,
            "value": value,
            "trade_id": trade_id,
            "side": side,
            "quantity": quantity,
            "price": price,
            "currency": currency,
        }
        return self.publish_event("TradeExecuted", data, **given)

    def publish_trading_rewards_calculated(
        self,
        user_id: int,
        reward: Amount,
        *,
        trade_id: str | None = None,
        currency: str = "USD",
        **given: Unpack[Given],
    ) -> Event:
        """A trade earned its trader a reward, in `currency`."""
        data = {"user_id": user_id, "reward": reward, "trade_id": trade_id, "currency": currency}
        return self.publish_event("TradingRewardsCalculated", data, **given)

    def publish_clan_battle_score_updated(
        self, battle_id: str, clan_id: str, user_id: int, points: int, **given: Unpack[Given]
    ) -> Event:
        """A trader scored `points` more for their clan in a battle."""
        data = {"battle_id": battle_id, "clan_id": clan_id, "user_id": user_id, "points": points}
        return self.publish_event("ClanBattleScoreUpdated", data, **given)

    def publish_consequence(
        self, cause: Event, event_type: str, data: Mapping[str, Any], *, user_id: int | None = None
    ) -> Event:
        """What follows from `cause` in another domain, by its full name: it is in the chain of
        `cause`, which is told as what caused it."""
        return self.publish_event(event_type, data, user_id=user_id, caused_by=cause)
