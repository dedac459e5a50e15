"""What must be true of the ledgers when everything is through: nothing lost, nothing doubled."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from tests.integration.deployment import Deployment


def lost_marks(deployment: Deployment) -> list[tuple[object, ...]]:
    """Events a reading group has neither handled nor set aside. Only groups that read everything
    are asked here; each other group's effects are compared by the ledgers below."""
    return deployment.rows(
        """
        SELECT e.event_type, e.event_id, g.name FROM events_storedevent e
        JOIN events_consumergroup g ON g.name IN ('metrics_collectors', 'audit_trail_recorders')
        LEFT JOIN events_handledevent h ON h.event_id = e.event_id AND h.group_id = g.id
        LEFT JOIN events_deadletter d ON d.event_id = e.event_id AND d.group_name = g.name
        WHERE h.id IS NULL AND d.id IS NULL
        """
    )


def said_by_trades(deployment: Deployment, event_type: str, group: str) -> dict[str, int]:
    """For every trade: how many events of a type one group said because of it."""
    rows = deployment.rows(
        """
        SELECT t.event_id, count(c.event_id) FROM events_storedevent t
        LEFT JOIN events_storedevent c ON c.causation_id = t.event_id
          AND c.event_type = ? AND c.producer LIKE ? || '@%'
        WHERE t.event_type = 'Trading.TradeExecuted' GROUP BY t.event_id
        """,
        event_type,
        group,
    )
    return {str(event_id): int(number) for event_id, number in rows}


def trade_values(deployment: Deployment) -> dict[str, Decimal]:
    """Value of every stored trade, by event id."""
    rows = deployment.rows(
        "SELECT event_id, json_extract(body, '$.data.value') FROM events_storedevent "
        "WHERE event_type = 'Trading.TradeExecuted'"
    )
    return {str(event_id): Decimal(value) for event_id, value in rows}


def doubled_children(deployment: Deployment) -> list[tuple[object, ...]]:
    """Events that one group said twice about the same subject because of the same parent."""
    return deployment.rows(
        """
        SELECT causation_id, producer, event_type, entity_id,
               json_extract(body, '$.data.kind'), count(*)
        FROM events_storedevent WHERE causation_id IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1
        """
    )


def volumes_told(deployment: Deployment) -> dict[tuple[int, str], tuple[int, Decimal]]:
    """What the stored trades add up to: (user, symbol) -> number and sum."""
    sums: dict[tuple[int, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for user_id, symbol, value in deployment.rows(
        "SELECT json_extract(body, '$.data.user_id'), json_extract(body, '$.data.symbol'), "
        "json_extract(body, '$.data.value') FROM events_storedevent "
        "WHERE event_type = 'Trading.TradeExecuted'"
    ):
        number, total = sums[user_id, symbol]
        sums[user_id, symbol] = (number + 1, total + Decimal(value))
    return dict(sums)


def volumes_kept(deployment: Deployment) -> dict[tuple[int, str], tuple[int, Decimal]]:
    """What trading_internal has counted."""
    rows = deployment.rows("SELECT user_id, symbol, trades, volume FROM trading_symbolvolume")
    return {(user, symbol): (trades, Decimal(volume)) for user, symbol, trades, volume in rows}


def revenue_told(deployment: Deployment) -> dict[str, Decimal]:
    """What every trade must have earned the house: a thousandth of its value, in cents."""
    cent = Decimal("0.01")
    values = trade_values(deployment).items()
    return {event_id: (value / 1_000).quantize(cent) for event_id, value in values}


def revenue_kept(deployment: Deployment) -> dict[str, Decimal]:
    """What revenue_trackers has written down for trades."""
    rows = deployment.rows(
        "SELECT event_id, amount FROM financial_revenueentry WHERE source = 'trading_fee'"
    )
    return {str(event_id): Decimal(amount) for event_id, amount in rows}


def experience_told(deployment: Deployment) -> dict[int, int]:
    """What the XPGained events add up to, by user."""
    rows = deployment.rows(
        "SELECT json_extract(body, '$.data.user_id'), sum(json_extract(body, '$.data.xp')) "
        "FROM events_storedevent WHERE event_type = 'Gamification.XPGained' GROUP BY 1"
    )
    return {int(user_id): int(xp) for user_id, xp in rows}


def experience_kept(deployment: Deployment) -> dict[int, int]:
    """What gamification_xp_processors has counted; who never gained any is left out."""
    rows = deployment.rows(
        "SELECT user_id, total_xp FROM gamification_xpprofile WHERE total_xp > 0"
    )
    return {int(user_id): int(xp) for user_id, xp in rows}
