"""The vocabulary of the templates: `{% load console %}`.

figures   number rate duration microseconds size counted spelled
times     ago clock
marks     chip status group_name domain_of short_type
ids       dom_id
drawings  spark
payloads  pretty one_line as_json plain_value
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from events.queries import groups
from monitoring import formats
from monitoring.charts import HEIGHT, WIDTH, Point, sparkline

register = template.Library()

register.filter("number", formats.number)
register.filter("rate", formats.rate)
register.filter("percent", formats.percent)
register.filter("duration", formats.duration)
register.filter("size", formats.size)
register.filter("spelled", formats.spelled)

STATUSES = ("ok", "warn", "bad", "info", "none")


@register.filter
def microseconds(count: int | None) -> str:
    """A duration given in microseconds."""
    return formats.duration(None if count is None else count / 1_000_000)


@register.filter
def counted(count: int, words: str) -> str:
    """``{{ 3|counted:"entry,entries" }}``: the number with its noun; the plural may be left out."""
    one, _, many = words.partition(",")
    return formats.counted(count, one, many)


@register.simple_tag
def ago(at: datetime | None) -> SafeString | str:
    """How long ago, with the exact instant in `datetime` and `title`; kept current by a script."""
    if at is None:
        return formats.UNKNOWN
    return format_html(
        '<time data-ago datetime="{}" title="{}">{}</time>',
        formats.machine(at),
        formats.exact(at),
        formats.age(at, timezone.now()),
    )


@register.simple_tag
def clock(at: datetime | None, precise: bool = False) -> SafeString | str:
    """The time of day in UTC, with the date when it is not today's."""
    if at is None:
        return formats.UNKNOWN
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        formats.machine(at),
        formats.exact(at),
        formats.clock(at, timezone.now(), precise=precise),
    )


@register.simple_tag
def chip(domain: str, text: str = "") -> SafeString:
    """A domain in its own colour."""
    return format_html('<span class="chip" data-domain="{}">{}</span>', domain, text or domain)


@register.simple_tag
def status(kind: str, text: str) -> SafeString:
    """A state as shape, word and colour; `kind` is ok, warn, bad, info or none."""
    if kind not in STATUSES:
        raise template.TemplateSyntaxError(f"status {kind!r} is none of {', '.join(STATUSES)}")
    return format_html('<span class="status {}">{}</span>', kind, text)


@register.simple_tag
def group_name(name: str) -> SafeString:
    """The name of a group, which leads to its page while somebody declares it."""
    code = format_html("<code>{}</code>", name)
    if name not in groups.names():
        return code
    return format_html('<a href="{}">{}</a>', reverse("group", args=[name]), code)


@register.filter
def domain_of(event_type: str) -> str:
    """``trading`` for ``Trading.TradeExecuted``."""
    return event_type.partition(".")[0].lower()


@register.filter
def short_type(event_type: str) -> str:
    """``TradeExecuted`` for ``Trading.TradeExecuted``: the domain stands beside it as a chip."""
    return event_type.partition(".")[2] or event_type


@register.simple_tag
def dom_id(*parts: object) -> str:
    """The id of the element that shows a thing: ``{% dom_id "group" name %}``."""
    return "-".join(re.sub(r"[^A-Za-z0-9_.-]+", "_", str(part)) for part in parts)


@register.simple_tag
def spark(points: Sequence[Point], title: str, kind: str = "") -> SafeString:
    """A sparkline; nothing when there are too few points. `kind`: bad, soft, wide (or several)."""
    drawn = sparkline(points)
    if drawn is None:
        return format_html('<span class="spark {}" aria-hidden="true"></span>', _variants(kind))
    return format_html(
        '<svg class="spark {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img">'
        "<title>{}, last {}: {} to {}, now {}</title>"
        '<path class="area" d="{}"/><path d="{}"/></svg>',
        _variants(kind),
        f"{WIDTH:g}",
        f"{HEIGHT:g}",
        title,
        formats.duration(drawn.span_s),
        formats.rate(drawn.lowest),
        formats.rate(drawn.highest),
        formats.rate(drawn.newest),
        drawn.area,
        drawn.line,
    )


@register.filter
def pretty(data: Mapping[str, Any]) -> str:
    """A payload as indented JSON, keys in order; escaped by the template like any text."""
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False, default=str)


@register.filter
def state_value(value: object) -> str:
    """A value of a rebuilt state: a list with commas, a table with a line for each of its rows."""
    if isinstance(value, dict):
        rows = sorted(value.items(), key=lambda row: str(row[0]))
        return (
            format_html_join(
                mark_safe("<br>"),
                "{} <b>{}</b>",
                [(str(name), str(amount)) for name, amount in rows],
            )
            or "none"
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "—" if value is None else str(value)


@register.filter
def as_json(data: object) -> str:
    """For a `data-` attribute that a script reads; escaped by the template like any text."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


@register.filter
def plain_value(value: object) -> str:
    """One value of a payload: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@register.filter
def one_line(data: Mapping[str, Any]) -> str:
    """A payload as compact JSON for one table cell, its first 240 characters."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, default=str)
    return text if len(text) <= 240 else text[:239] + "…"


def _variants(kind: str) -> str:
    return " ".join(f"spark--{word}" for word in kind.split())
