"""The live tail: the newest events on the page, and what follows by websocket."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from events import BusUnavailable
from events.queries import tail
from events.queries.tail import TailStream
from monitoring import params
from monitoring.tail_filter import FilterError
from monitoring.tail_rows import GapQuery, TailQuery, filled, first_rows


@dataclass(frozen=True, slots=True)
class Choice:
    """A domain one may add to the filter or take out of it."""

    name: str
    chosen: bool
    address: str
    """The query string with the choice the other way round."""


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The page; works without a socket, as of the moment it was asked for."""
    query = params.read(TailQuery, request.GET)
    known = tail.streams()
    context: dict[str, object] = {
        "query": query,
        "domains": _choices(query, known),
        "types": sorted({stream.event_type for stream in known}),
        "asked": query.model_dump(mode="json"),
        # Before the rows are read: what comes between is sent again, and known by its id.
        "after": tail.now_ms(),
    }
    try:
        wanted = query.filter()
    except FilterError as error:
        return render(request, "live.html", {**context, "error": str(error)}, status=400)
    streams = wanted.streams(known)
    context |= {
        "lines": first_rows(wanted),
        "streams": len(streams),
        "covered": sorted({stream.domain for stream in streams}),
        "everything": len(streams) == len(known) and not wanted.looks_inside,
    }
    return render(request, "live.html", context)


@require_safe
def gap(request: HttpRequest) -> HttpResponse:
    """The rows of a stretch that was skipped: in place of its gap row, or as a page of its own."""
    query = params.read(GapQuery, request.GET)
    context: dict[str, object] = {"query": query}
    try:
        found = filled(query, query.after, query.before, query.count)
        context |= {"rows": _rendered(found.html), "count": found.rows}
    except FilterError as error:
        return render(request, "live/range.html", {**context, "error": str(error)}, status=400)
    except BusUnavailable as error:
        context["error"] = f"{error}. Nothing is lost; try again when it is back."
    template = "live/_range.html" if request.headers.get("HX-Request") else "live/range.html"
    return render(request, template, context)


def _choices(query: TailQuery, known: tuple[TailStream, ...]) -> list[Choice]:
    return [
        Choice(
            name=name,
            chosen=name in query.domain,
            address=query.model_copy(
                update={"domain": tuple(sorted(set(query.domain) ^ {name}))}
            ).address(),
        )
        for name in sorted({stream.domain for stream in known})
    ]


def _rendered(rows: str) -> SafeString:
    """Rows that `live/_row.html` has already escaped."""
    return mark_safe(rows)  # noqa: S308
