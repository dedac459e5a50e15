"""Notices to another system: one POST per event, where settings name an address."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

import httpx
from django.conf import settings

from events import Context, Event, Reject, Retry
from events.domains.user.notices import notice

TIMEOUT_S = 5.0
"""Longest wait for a connection and for the answer: far below the lease of the event."""

TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
"""The two refusals that mean later rather than never."""


def address() -> str:
    """Where notices go; empty when nothing is configured."""
    return str(settings.ASTRA.get("webhook_url", ""))


def deliver(event: Event, context: Context) -> None:
    """Send the notice of this event.

    At least once: the receiver tells a repetition by its ``Idempotency-Key``, the event id.
    Raises Retry when nobody answers or the other side has trouble (5xx, 408, 429), Reject when it
    refuses (other 4xx) or redirects, which is not followed. The answer's body is never read.
    """
    told = {
        "event_id": str(event.event_id),
        "event_type": event.event_type,
        "occurred_at": event.occurred_at.isoformat(),
        **asdict(notice(event, context.payload)),
    }
    headers = {"Idempotency-Key": str(event.event_id)}
    try:
        with httpx.stream(
            "POST",
            address(),
            json=told,
            headers=headers,
            timeout=TIMEOUT_S,
            follow_redirects=False,
        ) as answer:
            status = answer.status_code
    except httpx.TransportError as error:
        raise Retry(f"the webhook did not answer: {type(error).__name__}") from error
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TRANSIENT:
        raise Retry(f"the webhook answered {status}")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Reject(f"the webhook refused the notice with {status}")
