"""CloudEvents 1.0: structured, binary and batched (CloudEvents specification 1.0.2, JSON event
format, HTTP protocol binding)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from events import strict_json
from events.adapters.base import (
    Headers,
    event_of,
    given_uuid,
    instant,
    missing,
    object_in,
    refused,
    stable_id,
    with_foreign,
)
from events.envelope import Event
from events.errors import UnknownType
from events.quoting import quoted
from events.registry import registry

VERSION = "1.0"

ATTRIBUTES = (
    "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data",
    "data_base64",
)  # fmt: skip
"""Context attributes that have a place of their own in an event here, and where the data stand in
the JSON format."""

SCHEMA = "dataschema"
"""The context attribute that has none: it is kept and written again as extensions are."""

MEDIA_TYPE, BATCH = "application/cloudevents", "application/cloudevents-batch"
"""How the content types of the structured mode, and of a batch, begin."""

CORRELATION, CAUSATION, METADATA = "correlationid", "causationid", "astrametadata"
"""Extensions that carry what CloudEvents has no attribute for. The last is JSON in a text: an
attribute has no structure (specification, section 2)."""

LINKS = (CORRELATION, CAUSATION)

FOREIGN = "cloudevents"
"""Key of the metadata under which attributes that mean nothing here are kept."""

EXTENSION = re.compile("[a-z0-9]{1,20}")
"""Names an extension may have (section 3.1, "Naming conventions"); others are not written."""

HEADER = "ce-"

SAFE = "!#$&'()*+,-./:;<=>?@[]^_`{|}~\\"
"""What stands in a header as it is, beside letters and digits: printable ASCII without space, quote
and percent (HTTP protocol binding, section 3.1.3.2)."""

MOST_PARTS = 5
"""Parts at the end of a type that may be a registered name."""


class CloudEventsAdapter:
    """``{"specversion": "1.0", "id": ..., "source": ..., "type": ..., "data": {...}}``, or the
    same in ``ce-`` headers with the data as the body. What is in ``data_base64`` is JSON as well.

    `type` is a name of the registry with its version (``Trading.TradeExecuted.v1``), perhaps behind
    a domain name (``com.example.trading.Trading.TradeExecuted.v1``). `source` is the producer,
    `subject` the entity. An id that is no UUID becomes one of `source` and `id`, which together are
    unique (section 3.1): the same event sent again is a duplicate here too. Carries everything.

    ``correlationid`` and ``causationid`` are the ids of other events, or of what several have in
    common. One that is no UUID becomes one of `source` and itself, as an id does: all events of a
    source with one correlation id are one chain, and those that name the id of its first event are
    in that one's. It is not made of the text alone, since that first event, which names no chain,
    would not be in it, and since two systems may each have a chain called ``42``. Events of several
    sources are in one chain where its id is a UUID. The text that was sent is kept in the metadata,
    and written again.

    An attribute that is null is absent (JSON event format, section 2.2).
    """

    name = "cloudevents"

    def why_not(self, raw: Any, headers: Headers) -> str:
        if _is_binary(headers):
            return ""
        return missing(raw, ("specversion", "type", "source", "id"))

    def read(self, raw: Any, headers: Headers) -> Event:
        given = _of_headers(raw, headers) if _is_binary(headers) else raw
        told = {name: value for name, value in given.items() if value is not None}
        _check(told)
        return event_of(
            _known_name(told["type"]),
            _data(told),
            event_id=stable_id(told["source"], told["id"]),
            occurred_at=instant(told.get("time")),
            correlation_id=_linked(told, CORRELATION),
            causation_id=_linked(told, CAUSATION),
            producer=told["source"],
            entity_id=told.get("subject"),
            metadata=_metadata(told),
        )

    def write(self, event: Event) -> Any:
        """The structured form; `binary` gives the other."""
        told = event.to_dict()
        return {
            "specversion": VERSION,
            "id": told["event_id"],
            "source": event.producer,
            "type": event.label,
            "subject": event.entity_id,
            "time": told["occurred_at"],
            "datacontenttype": "application/json",
            **_extensions(event),
            "data": told["data"],
        }

    def binary(self, event: Event) -> tuple[dict[str, str], bytes]:
        """Headers and body of the binary mode (HTTP protocol binding, section 3.1)."""
        told = self.write(event)
        body = json.dumps(told.pop("data")).encode()
        headers = {"content-type": told.pop("datacontenttype")}
        return headers | {HEADER + name: _header(value) for name, value in told.items()}, body


def is_batch(headers: Headers) -> bool:
    """Whether the body of a request is a batch of CloudEvents."""
    return _media_type(headers.get("content-type", "")).startswith(BATCH)


def _is_binary(headers: Headers) -> bool:
    """Whether the attributes stand in headers. The structured mode may repeat them there, and is
    told by its content type (HTTP protocol binding, section 3)."""
    structured = _media_type(headers.get("content-type", "")).startswith(MEDIA_TYPE)
    return f"{HEADER}specversion" in headers and not structured


def _media_type(content_type: str) -> str:
    """``Application/JSON; charset=utf-8`` -> ``application/json``: case says nothing in it, and
    parameters are not part of it (RFC 9110, section 8.3.1)."""
    return content_type.partition(";")[0].strip().lower()


def _check(told: Mapping[str, Any]) -> None:
    """Refuse attributes that are not what the specification lets them be."""
    if told.get("specversion") != VERSION:
        found = f"is {quoted(told['specversion'])}" if "specversion" in told else "is missing"
        raise refused("specversion", f"{found}; {VERSION} is understood")
    kind = told.get("datacontenttype", "application/json")
    if not isinstance(kind, str) or not _is_json(_media_type(kind)):
        raise refused("datacontenttype", f"is {quoted(kind)}; only JSON is understood")
    for name in ("id", "source", "type", *([SCHEMA] if SCHEMA in told else ())):
        if not isinstance(told.get(name), str) or not told[name]:
            raise refused(name, "must be a text of at least one character")


def _is_json(media_type: str) -> bool:
    """Section 3.1.1 of the JSON event format: subtype ``json``, or any that ends in ``+json``."""
    subtype = media_type.partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def _header(value: Any) -> str:
    """An attribute as a header has it: a flag is ``true`` or ``false``, a number its digits
    (specification, "Type System")."""
    return quote(value if isinstance(value, str) else json.dumps(value), safe=SAFE)


def _of_headers(raw: Any, headers: Headers) -> dict[str, Any]:
    told: dict[str, Any] = {
        name.removeprefix(HEADER): _decoded(name, value)
        for name, value in headers.items()
        if name.startswith(HEADER)
    }
    return {**told, "datacontenttype": headers.get("content-type"), "data": raw}


def _decoded(name: str, value: str) -> str:
    """A header's value as the attribute that is meant (section 3.1.3.2): first double-quoted
    strings are taken out of their quotes, then one round of percent-decoding is done."""
    plain: list[str] = []
    quoted = escaped = False
    for character in value:
        if escaped or character not in '\\"' or (character == "\\" and not quoted):
            plain.append(character)
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            quoted = not quoted
    if quoted:
        raise refused(name, "has a double quote that is not closed; percent-encode it as %22")
    try:
        return unquote("".join(plain), errors="strict")
    except UnicodeDecodeError as error:
        raise refused(name, f"is percent-encoded, but not as UTF-8: {error.reason}") from error


def _data(told: Mapping[str, Any]) -> Any:
    """The data, wherever they stand; those in base64 are the bytes of JSON (JSON event format,
    section 3.1.1)."""
    if told.get("data_base64") is None:
        return told.get("data")
    if told.get("data") is not None:
        raise refused("data_base64", "stands beside data; send one of the two")
    try:
        decoded = base64.b64decode(told["data_base64"], validate=True)
    except (TypeError, ValueError) as error:
        raise refused("data_base64", f"is no base64: {error}") from error
    return object_in(decoded, "data_base64")


def _known_name(name: str) -> str:
    """The part of a type that the registry knows; the whole where it knows none."""
    parts = name.split(".")
    for tail in (parts, *(parts[at:] for at in range(max(1, len(parts) - MOST_PARTS), len(parts)))):
        known = ".".join(tail)
        try:
            registry.resolve(known)
        except UnknownType:
            continue
        return known
    return name


def _linked(told: Mapping[str, Any], name: str) -> UUID | None:
    """The id that an extension holds; None where it holds nothing."""
    given = told.get(name)
    if given is None:
        return None
    if not isinstance(given, str) or not given:
        raise refused(
            name, "must be a text of at least one character: an id of an event or a chain"
        )
    return stable_id(told["source"], given)


def _metadata(told: Mapping[str, Any]) -> Any:
    known = (*ATTRIBUTES, METADATA, *(name for name in LINKS if given_uuid(told.get(name))))
    foreign = {name: value for name, value in told.items() if name not in known}
    own: Any = {}
    if METADATA in told:
        try:
            own = strict_json.parsed(told[METADATA])
        except (TypeError, ValueError) as error:
            raise refused(METADATA, f"is no JSON: {error}") from error
        if not isinstance(own, dict):
            raise refused(METADATA, "is no JSON object")
    return with_foreign(own, FOREIGN, foreign)


def _extensions(event: Event) -> dict[str, Any]:
    """The extensions of an event; a link in the words in which it was sent, where it still is that
    one."""
    found = event.metadata.get(FOREIGN)
    told = {
        name: value
        for name, value in (found.items() if isinstance(found, Mapping) else ())
        if value is not None and name not in ATTRIBUTES and EXTENSION.fullmatch(str(name))
    }
    for name, link in zip(LINKS, (event.correlation_id, event.causation_id), strict=True):
        sent = told.pop(name, None)
        if isinstance(sent, str) and stable_id(event.producer, sent) == link:
            told[name] = sent
        elif link is not None:
            told[name] = str(link)
    metadata = {name: value for name, value in event.metadata.items() if name != FOREIGN}
    return {**told, METADATA: json.dumps(metadata)} if metadata else told
