"""Editing the payload of a dead letter, seeing the difference, and replaying it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, Field

from events.errors import Refused
from events.operations import rehearse_letter, replay_edited
from events.queries import letter_edit
from events.queries.letter_edit import Editable, Edited
from monitoring import params
from monitoring.access import Role, requires
from monitoring.acting import actor_of
from monitoring.missing import missing
from monitoring.params import REASON_LENGTH, Reason


class Asked(BaseModel):
    """What the buttons of the two pages send. A dash: no payload has a field of such a name."""

    step: Annotated[Literal["look", "back", "rehearse", "replay"], Field(alias="edit-step")] = (
        "look"
    )
    reason: Annotated[Reason, Field(alias="edit-reason")] = ""


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="edit and replay dead letters")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows the form; POST the difference, a rehearsal of it, or asks for the replay."""
    original = letter_edit.load(pk)
    if original is None:
        return missing(request, "dead letter", pk)
    if request.method != "POST" or original.refused:
        return _form(request, original, status=200 if request.method != "POST" else 409)
    asked = params.read(Asked, request.POST)
    sent = {name: str(request.POST.get(name, "")) for name in original.shown()}
    made = letter_edit.edited(original, sent)
    if asked.step == "back" or made.wrong or not made.changes:
        return _form(request, original, sent, made, status=200 if asked.step == "back" else 422)
    return _act(request, original, sent, made, asked)


def _act(
    request: HttpRequest, original: Editable, sent: Mapping[str, str], made: Edited, asked: Asked
) -> HttpResponse:
    """Do what was asked for with an edit that validates; or show it."""
    context = {
        "letter": original.letter,
        "changes": made.changes,
        "sent": tuple(sent.items()),
        "reason": asked.reason,
        "reason_length": REASON_LENGTH,
    }
    status = 200
    try:
        if asked.step == "replay":
            pk = original.letter.id
            operation = replay_edited(actor_of(request), pk, sent, asked.reason)
            return redirect("operation", pk=operation.pk)
        if asked.step == "rehearse":
            found = rehearse_letter(actor_of(request), original.letter.id, made.body)
            context["found"] = found
    except Refused as refused:
        context["refusal"] = str(refused)
        status = 409 if asked.reason or asked.step == "rehearse" else 422
    return render(request, "edit/difference.html", context, status=status)


def _form(
    request: HttpRequest,
    original: Editable,
    sent: Mapping[str, str] | None = None,
    made: Edited | None = None,
    status: int = 200,
) -> HttpResponse:
    wrong = made.wrong if made else {}
    context = {
        "letter": original.letter,
        "entry": original.entry,
        "refused": original.refused,
        "inputs": original.inputs(sent, wrong),
        "wrong": bool(wrong),
        "general": wrong.get("", ""),
        "unchanged": status == 422 and not wrong,
    }
    return render(request, "edit.html", context, status=status)
