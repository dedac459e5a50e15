"""What an act is worth in influence: pure."""

from __future__ import annotations

from typing import Any

INTERACTIONS = {"trade_share": 5, "share": 3, "comment": 2, "follow": 2, "like": 1}
"""Influence gained by an interaction, by its kind; showing one's trades is worth the most."""

CONSTELLATION = 20
"""Influence gained by founding a constellation."""

SHARES_PER_POINT = 100
"""Shares of viral content that make a point of influence."""

VIRAL_MOST = 50
"""Most influence gained by one report of viral content, however often it was shared."""


def gain(event_type: str, payload: Any) -> tuple[int, str]:
    """Influence that the user of this event gains, at least 1, and the reason in one word."""
    if event_type == "Social.ConstellationCreated":
        return CONSTELLATION, "constellation"
    if event_type == "Social.ViralContentShared":
        return min(max(payload.shares // SHARES_PER_POINT, 1), VIRAL_MOST), "viral_content"
    return INTERACTIONS[payload.kind], payload.kind
