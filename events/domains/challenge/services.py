"""How a challenge goes; each step writes its row and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.challenge.models import Challenge

Metadata = Mapping[str, Any] | None


class ChallengeRefused(AstraError):
    """The caller must act: the challenge does not stand so that this could be."""


@transaction.atomic
def start_challenge(
    user_id: int,
    name: str,
    profit_target: Decimal,
    loss_limit: Decimal,
    *,
    phases: int = 1,
    reward_xp: int = 0,
    metadata: Metadata = None,
) -> Event:
    """Let a user take on a challenge. Returns the published event.

    Each phase is passed by the profit target and lost by the loss limit; the reward is given when
    the last is passed. Raises InvalidEvent.
    """
    challenge = Challenge(
        challenge_id=f"challenge-{uuid4().hex[:12]}",
        user_id=user_id,
        name=name,
        phases=phases,
        profit_target=profit_target,
        loss_limit=loss_limit,
        reward_xp=reward_xp,
    )
    said = {
        "name": name,
        "phases": phases,
        "profit_target": profit_target,
        "loss_limit": loss_limit,
    }
    return _said(challenge, "Started", said, metadata)


@transaction.atomic
def record_result(challenge_id: str, profit: Decimal, *, metadata: Metadata = None) -> Event:
    """Add the profit or loss of a trade to a challenge. Returns the published event.

    It neither passes nor fails a phase by itself. Raises ChallengeRefused when it has ended.
    """
    challenge = _running(challenge_id)
    challenge.trades += 1
    challenge.profit += profit
    said = {
        "phase": challenge.phase,
        "trades": challenge.trades,
        "profit": challenge.profit,
    }
    return _said(challenge, "Metrics.Updated", said, metadata)


@transaction.atomic
def advance_phase(challenge_id: str, *, metadata: Metadata = None) -> Event:
    """Begin the next phase of a challenge whose target is reached. Returns the published event.

    Trades and profit are counted anew. Raises ChallengeRefused.
    """
    challenge = _passed(challenge_id)
    if challenge.phase == challenge.phases:
        raise ChallengeRefused(f"{challenge_id} is in its last phase: complete it")
    profit, challenge.profit = challenge.profit, Decimal(0)
    challenge.phase, challenge.trades = challenge.phase + 1, 0
    said = {"phase": challenge.phase, "phases": challenge.phases, "profit": profit}
    return _said(challenge, "Phase.Advanced", said, metadata)


@transaction.atomic
def complete_challenge(challenge_id: str, *, metadata: Metadata = None) -> Event:
    """End a challenge whose last phase is passed. Returns the published event.

    The reward follows from it elsewhere. Raises ChallengeRefused.
    """
    challenge = _passed(challenge_id)
    if challenge.phase < challenge.phases:
        raise ChallengeRefused(
            f"{challenge_id} is in phase {challenge.phase} of {challenge.phases}: advance it"
        )
    challenge.state = Challenge.State.COMPLETED
    said = {"name": challenge.name, "reward_xp": challenge.reward_xp}
    return _said(challenge, "Completed", said, metadata)


@transaction.atomic
def fail_challenge(challenge_id: str, reason: str, *, metadata: Metadata = None) -> Event:
    """End a running challenge without success. Returns the published event.

    Raises ChallengeRefused when it has ended, InvalidEvent.
    """
    challenge = _running(challenge_id)
    challenge.state = Challenge.State.FAILED
    said = {
        "name": challenge.name,
        "phase": challenge.phase,
        "profit": challenge.profit,
        "reason": reason,
    }
    return _said(challenge, "Failed", said, metadata)


def _running(challenge_id: str) -> Challenge:
    """The challenge, ours until the transaction ends."""
    challenge = Challenge.objects.select_for_update().filter(pk=challenge_id).first()
    if challenge is None or challenge.state != Challenge.State.RUNNING:
        state = challenge.state if challenge else "not known"
        raise ChallengeRefused(f"challenge {challenge_id} is {state}")
    return challenge


def _passed(challenge_id: str) -> Challenge:
    challenge = _running(challenge_id)
    if challenge.profit < challenge.profit_target:
        raise ChallengeRefused(
            f"{challenge_id} stands at {challenge.profit}, its target is {challenge.profit_target}"
        )
    return challenge


def _said(challenge: Challenge, action: str, said: Mapping[str, Any], metadata: Metadata) -> Event:
    of = {"challenge_id": challenge.challenge_id, "user_id": challenge.user_id}
    event = Event.new(f"Challenge.{action}", {**of, **said}, metadata=metadata)
    challenge.save()
    publish(event)
    return event
