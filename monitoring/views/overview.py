"""The overview: is all right, and if not, what and since when."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from pydantic import BaseModel

from monitoring import overview as page
from monitoring import params
from monitoring.readings import readings


class Shown(BaseModel):
    """What the address may say."""

    window: Literal["1h", "24h", "7d"] = "1h"


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The whole page; open tabs get its parts anew by websocket."""
    shown = params.read(Shown, request.GET)
    context = {
        "overview": page.overview(readings.current(), shown.window),
        "windows": page.LABELS,
    }
    return render(request, "overview.html", context)
