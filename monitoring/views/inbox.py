"""The failure inbox: dead letters searched, grouped, frozen for an operation, exported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from events.errors import Refused
from events.operations import DECISIONS, export_letters, propose_decision, propose_replay
from events.queries import dead_letters as query
from events.queries import failure_notes, groups, operations
from events.queries.letter_export import MOST_EXPORTED
from events.queries.letter_filter import LetterFilter
from events.queries.letter_groups import grouped, groups_of
from events.queries.letter_search import SearchError
from events.queries.letter_trend import trend
from monitoring import params
from monitoring.access import Role, may_not, requires
from monitoring.acting import actor_of, may_not_step_up, step_up_if_missing
from monitoring.inbox import GROUPINGS, Asked, Frozen, Wanted, command_of, line_of
from monitoring.readings import readings
from monitoring.silences import SILENCES

OPERATIONS_SHOWN = 3
"""Newest operations under the list."""

SEVERAL = "A replay goes to one group, and these are of several: search for one, or choose it."

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


@require_safe
def dead_letters(request: HttpRequest) -> HttpResponse:
    """What failed, alike failures together; or singly, when one failure or no grouping is asked
    for."""
    asked = params.read(Asked, request.GET)
    at = now()
    try:
        chosen = asked.filter(at)
    except SearchError as error:
        context = _around(request, asked, LetterFilter(), at) | {"refused": str(error)}
        return render(request, "dead_letters.html", context, status=400)
    context = _around(request, asked, chosen, at)
    by = asked.grouping(chosen)
    if by is None:
        return _singly(request, asked, chosen, context)
    found = grouped(chosen, asked.state, by, asked.skip)
    names = found.groups if by in ("failure", "group") else groups_of(chosen, asked.state)
    context |= {
        "grouped": found,
        "more": asked.link(skip=found.next) if found.next else "",
        "by": by,
        "lines": [line_of(alike, by, asked, chosen) for alike in found.rows],
        "may_not_replay": context["may_not"] or (SEVERAL if len(names) > 1 else ""),
    }
    return render(request, "dead_letters.html", context)


@require_POST
@requires(Role.OPERATOR, to="replay, discard or restore dead letters")
def propose(request: HttpRequest) -> HttpResponse:
    """Freeze everything that was shown as a draft, whose page states what it would do."""
    asked = params.read(Frozen, request.POST)
    actor = actor_of(request)
    try:
        chosen = asked.filter(asked.as_of)
        if decision := DECISIONS.get(asked.verb):
            operation = propose_decision(actor, decision, chosen, asked.as_of)
        else:
            operation = propose_replay(actor, chosen, asked.as_of)
    except (Refused, SearchError) as refused:
        messages.error(request, str(refused))
        return redirect("dead-letters")
    return redirect("operation", pk=operation.pk)


@require_POST
@requires(Role.OPERATOR, to="export dead letters")
def export(request: HttpRequest) -> HttpResponseBase:
    """What matches as a file, sent while it is read."""
    asked = params.read(Wanted, request.POST)
    try:
        chosen = asked.filter(now())
        lines = export_letters(actor_of(request), chosen, asked.state, asked.format)
    except (Refused, SearchError) as refused:
        messages.error(request, str(refused))
        return redirect("dead-letters")
    name = f"dead-letters-{now():%Y%m%dT%H%M%SZ}.{asked.format}"
    answer = StreamingHttpResponse(
        _one_by_one(lines) if isinstance(request, ASGIRequest) else lines,
        content_type=CONTENT_TYPES[asked.format],
    )
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _around(
    request: HttpRequest, asked: Asked, chosen: LetterFilter, at: datetime
) -> dict[str, Any]:
    """What every list of dead letters has around it."""
    snapshot = readings.current()
    may_not_export = may_not_step_up(request, Role.OPERATOR, "export")
    return {
        "asked": asked,
        "chosen": chosen,
        "command": command_of(asked, chosen),
        "as_of": at,
        "tabs": [(state, asked.link(state=state, failure="")) for state in query.STATES],
        "groupings": [
            (by, label, asked.link(by=None if by == "failure" else by, failure=""))
            for by, label in GROUPINGS
        ],
        "groups": groups.names(),
        "totals": query.totals(),
        "open_by_group": snapshot.dead_letters_by_group,
        "open_total": snapshot.dead_letters_open,
        "may_not": may_not(request, Role.OPERATOR, "replay"),
        "may_not_discard": may_not(request, Role.OPERATOR, "discard or restore"),
        "may_not_export": may_not_export,
        "export_step_up": step_up_if_missing(request, may_not_export, Role.OPERATOR),
        "most_exported": MOST_EXPORTED,
        "operations": operations.newest(OPERATIONS_SHOWN, asked.group),
    }


def _singly(
    request: HttpRequest, asked: Asked, chosen: LetterFilter, context: dict[str, Any]
) -> HttpResponse:
    """Dead letters one by one; of a single failure with what operators say of it."""
    page = query.letters(asked.state, chosen, asked.before)
    names = groups_of(chosen, asked.state)
    one = chosen.fingerprint and len(names) <= 1
    group = chosen.group or (names[0] if names else "")
    key = (group, chosen.fingerprint)
    context |= {
        "page": page,
        "older": asked.link(before=page.older_than) if page.older_than else "",
        "back": asked.link(failure="", group=asked.group and chosen.group, by=None),
        "failure": key if one and page.rows else None,
        "said": failure_notes.said_of([key], context["as_of"]).get(key) if one else None,
        "trend": trend(chosen, asked.state, context["as_of"]) if one else (),
        "silences": SILENCES,
        "may_not_note": may_not(request, Role.OPERATOR, "note or silence failures"),
        "may_not_replay": context["may_not"] or (SEVERAL if len(names) > 1 else ""),
    }
    return render(request, "dead_letters/failure.html", context)


async def _one_by_one(lines: Iterator[str]) -> AsyncIterator[str]:
    """The lines as they are read, without holding up the event loop."""
    following = sync_to_async(lambda: next(lines, None))
    while (some := await following()) is not None:
        yield some
