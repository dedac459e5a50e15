"""What became of a payload's JSON schema, and whom that breaks.

    difference      what differs and whom it breaks; what each level of compatibility promises
    payload_schema  the JSON schema of a payload model, with what JSON Schema has no word for
    references      where the references of a schema lead
    alternatives    a schema without references and unions: the plain kinds of value it admits
    demands         what is asked of a value itself: its kind, literals, bounds, digits, pattern
    counterparts    which kind of value of a union became which
    comparison      two schemas, field by field

Only what a schema shows is seen: a validator written in Python is not. JSON Schema is that of draft
2020-12 as pydantic writes it; a keyword unknown here counts as broken both ways when it changes.
"""

from events.compatibility.comparison import differences
from events.compatibility.difference import (
    BACKWARD,
    BOTH,
    FORWARD,
    NEITHER,
    PROMISED,
    Breaks,
    Compatibility,
    Difference,
    broken,
)
from events.compatibility.payload_schema import EDITION, payload_schema
from events.compatibility.references import opened

__all__ = [
    "BACKWARD",
    "BOTH",
    "EDITION",
    "FORWARD",
    "NEITHER",
    "PROMISED",
    "Breaks",
    "Compatibility",
    "Difference",
    "broken",
    "differences",
    "opened",
    "payload_schema",
]
