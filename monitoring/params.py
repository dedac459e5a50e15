"""Typed parameters: what comes in a query string or a form, as one pydantic model per page."""

from __future__ import annotations

from typing import Annotated, TypeVar, get_origin

from django.core.exceptions import BadRequest
from django.http import QueryDict
from pydantic import BaseModel, Field, ValidationError

from events.errors import problems_in

REASON_LENGTH = 500
"""Characters of the reason for an action."""

Reason = Annotated[str, Field(max_length=REASON_LENGTH)]

Params = TypeVar("Params", bound=BaseModel)


def read(model: type[Params], sent: QueryDict) -> Params:
    """Read `model` from a query string or form; empty values count as not sent.

    A field whose type is a tuple or list takes every value of its name, split at commas too.
    Unknown names are ignored: an old link must not break. Raises BadRequest (400) with a sentence
    that names the parameter and what is wrong with it.
    """
    _refuse_nul(sent)
    try:
        return model.model_validate(_values(model, sent))
    except ValidationError as error:
        first = problems_in(error, "request")[0]
        name = first.field.removeprefix("request.").partition(".")[0]
        raise BadRequest(f"{name}: {first.reason}") from error


def _refuse_nul(sent: QueryDict) -> None:
    """PostgreSQL stores no text with a NUL in it, and no browser sends one."""
    for name, values in sent.lists():
        if any("\0" in value for value in values):
            raise BadRequest(f"{name}: holds a NUL character; leave it out")


def _values(model: type[BaseModel], sent: QueryDict) -> dict[str, object]:
    found: dict[str, object] = {}
    for field, info in model.model_fields.items():
        name = info.alias or field
        if get_origin(info.annotation) in (tuple, list):
            given = [part.strip() for raw in sent.getlist(name) for part in raw.split(",")]
            found[name] = [part for part in given if part]
        else:
            found[name] = str(sent.get(name, "")).strip()
    return {name: value for name, value in found.items() if value}
