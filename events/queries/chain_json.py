"""A chain as JSON-ready values: what the JSON tab, the download and `chain --json` show."""

from __future__ import annotations

from typing import Any

from events.queries.chain import Chain
from events.queries.chain_tree import Node
from events.queries.outcomes import Outcome
from events.queries.recorded import Recorded


def as_json(chain: Chain) -> dict[str, Any]:
    """Every event with its payload masked, what each group did with it, and what is missing.

    Times are ISO 8601 UTC, durations in the unit of their name.
    """
    return {
        "correlation_id": str(chain.correlation_id),
        "title": chain.title,
        "as_of": chain.at.isoformat(),
        "complete": chain.complete,
        "state": chain.status.words,
        "began_at": chain.began_at.isoformat(),
        "took_ms": _ms(chain.took_s),
        "settled_after_ms": _ms(chain.settled_s),
        "event_count": chain.count,
        "domains": list(chain.domains),
        "bus": chain.bus_reason or "answered",
        "events": [_event(record, chain) for record in chain.recorded],
        "absent": [_absent(node) for node in chain.absent],
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """One outcome; what does not apply to its state is left out."""
    fields = {
        "group": outcome.group,
        "state": outcome.state,
        "handled_at": outcome.handled_at.isoformat() if outcome.handled_at else None,
        "took_ms": None if outcome.took_s is None else _ms(outcome.took_s),
        "attempts": outcome.attempts or None,
        "retry_due_at": outcome.due_at.isoformat() if outcome.due_at else None,
        "error": outcome.error or None,
        "because": outcome.because or None,
        "dead_letter": outcome.failed.id if outcome.failed else None,
        "dead_letter_state": outcome.failed.state if outcome.failed else None,
        "edited": outcome.handled_edited or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _event(record: Recorded, chain: Chain) -> dict[str, Any]:
    return {
        **record.envelope(),
        "stored_at": record.stored_at.isoformat(),
        "relayed_at": record.relayed_at.isoformat() if record.relayed_at else None,
        "groups": [outcome_json(outcome) for outcome in chain.reads.get(record.id, ())],
    }


def _absent(node: Node) -> dict[str, Any]:
    """An event a group always says and did not say, or a group in trouble that says none always."""
    return {
        "event_type": node.event_type if node.kind == "expected" else None,
        "after": str(node.parent.id) if node.parent else None,
        **(outcome_json(node.made) if node.made else {}),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
