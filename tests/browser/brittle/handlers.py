"""One handler whose cause of failure can be taken away while everything runs."""

from __future__ import annotations

import os
from pathlib import Path

from events import Context, Event, Reject, handles
from tests.browser.brittle import GROUP


@handles("Trading.TradeExecuted", group=GROUP)
def deliver(event: Event, context: Context) -> None:
    """Deliver the trade, unless the road is closed."""
    if Path(os.environ["BRITTLE_WHILE"]).exists():
        raise Reject("the road is closed")
