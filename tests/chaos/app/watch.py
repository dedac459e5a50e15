"""What no handler can see: that entries were taken over from a worker that is gone."""

from __future__ import annotations

import os
from pathlib import Path

from events.runner import GroupRunner

RECLAIMS = Path(os.environ["CHAOS_ATTEMPTS"]).with_name("reclaims")


def watch_reclaims() -> None:
    """Write down each sweep that has found something, and how much."""
    sweep = GroupRunner.sweep_if_due

    def watched(self: GroupRunner) -> int:
        count = sweep(self)
        if count:
            with RECLAIMS.open("a") as lines:
                lines.write(f"{self.group.name} {count}\n")
        return count

    GroupRunner.sweep_if_due = watched  # type: ignore[method-assign]
