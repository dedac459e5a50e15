"""Choosing stored events that a group is to be given again, or to rehearse; or to be said again to
everyone."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, Field

from events.errors import Refused
from events.operations import FOR_ADMINS, HANDLE_AGAIN, NEW_EVENTS, propose_history
from events.queries import groups, types
from events.queries.history_filter import HistoryFilter
from monitoring import params
from monitoring.access import Role, may_not, requires
from monitoring.acting import actor_of
from monitoring.views.events import Instant


class Asked(BaseModel):
    """What was chosen, as the address or the form says it."""

    group: Annotated[str, Field(max_length=100)] = ""
    mode: Literal["catch up", "handle again", "shadow", "new events"] = "catch up"
    type: Annotated[str, Field(max_length=200)] = ""
    entity: Annotated[str, Field(max_length=200)] = ""
    correlation: Annotated[str, Field(max_length=40)] = ""
    since: Instant | None = None
    until: Instant | None = None

    def chosen(self) -> HistoryFilter:
        """Which events."""
        return HistoryFilter(self.type, self.entity, self.correlation, self.since, self.until)

    @property
    def command(self) -> str:
        """The line that looks at the same choice in a terminal; empty while no group is chosen."""
        if bool(self.group) == (self.mode == NEW_EVENTS):
            return ""
        told = self.model_dump(
            include={"type", "entity", "correlation", "since", "until"},
            exclude_none=True,
            exclude_defaults=True,
            mode="json",
        )
        words = ["manage.py", "history", self.mode.replace(" ", "-")]
        words += [self.group] if self.group else []
        words += [word for name, value in told.items() for word in (f"--{name}", str(value))]
        return shlex.join([*words, "--dry-run"])


@require_http_methods(["GET", "HEAD", "POST"])
def history(request: HttpRequest) -> HttpResponseBase:
    """GET shows the form as the address fills it; POST freezes what matches as a draft."""
    if request.method == "POST":
        return _propose(request)
    return _form(request, params.read(Asked, request.GET))


@requires(Role.OPERATOR, to="replay history")
def _propose(request: HttpRequest) -> HttpResponse:
    asked = params.read(Asked, request.POST)
    try:
        operation = propose_history(actor_of(request), asked.group, asked.chosen(), asked.mode)
    except Refused as refused:
        return _form(request, asked, str(refused), 409)
    return redirect("operation", pk=operation.pk)


def _form(request: HttpRequest, asked: Asked, refused: str = "", status: int = 200) -> HttpResponse:
    context = {
        "asked": asked,
        "groups": groups.names(),
        "catalogue": types.catalogue(),
        "refused": refused,
        "may_not": may_not(request, Role.OPERATOR, "replay history"),
        "may_not_again": may_not(request, Role.ADMIN, FOR_ADMINS[HANDLE_AGAIN]),
        "may_not_say": may_not(request, Role.ADMIN, FOR_ADMINS[NEW_EVENTS]),
    }
    return render(request, "history.html", context, status=status)
