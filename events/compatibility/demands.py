"""What two plain schemas ask of a value itself: its kind, literals, bounds, digits, pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from events.compatibility.alternatives import ANY, HIGHEST, JUDGED, LOWEST, Plain, each, written
from events.compatibility.difference import (
    BACKWARD,
    BOTH,
    FORWARD,
    NEITHER,
    Breaks,
    Difference,
)

DIGITS, PLACES = "x-max-digits", "x-decimal-places"

OF_TEXTS = {"x-decimal"}
"""Keywords that ask nothing of a number: what is not written as text is one."""

READINGS = {"x-pattern-flags"}
"""Keywords that change what another one asks for."""

SIDES = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))

Bound = tuple[Any, bool]
"""A value, and whether it is itself excluded."""


def compared_demands(path: str, old: Plain, new: Plain) -> Iterator[Difference]:
    """What differs in what is asked of the value itself, not of what it holds."""
    yield from _compared_types(path, old["type"], new["type"])
    yield from _compared_literals(path, old, new)
    yield from _compared_values(path, old, new)
    for keyword in (*LOWEST, *HIGHEST):
        yield from _compared_sizes(path, keyword, old.get(keyword), new.get(keyword))
    yield from _compared_whole_digits(path, old, new)
    yield from _compared_steps(path, old, new)
    yield from _compared_uniqueness(path, old, new)
    for keyword in sorted({*old, *new} - JUDGED):
        if keyword not in OF_TEXTS or "string" in (old["type"], new["type"]):
            yield from _compared_others(path, keyword, old, new)


def _compared_types(path: str, was: str, now: str) -> Iterator[Difference]:
    if was == now:
        return
    if was == "integer" and now == "number":
        yield Difference(path, "may be any number, it was an integer", FORWARD)
    elif was == "number" and now == "integer":
        yield Difference(path, "must be an integer, it was any number", BACKWARD)
    elif was == ANY:
        yield Difference(path, f"must be {now}, it was of any kind", BACKWARD)
    else:
        yield Difference(path, f"is of any kind, it was {was}", FORWARD)


def _compared_literals(path: str, old: Plain, new: Plain) -> Iterator[Difference]:
    was, now = ({written(one): str(one) for one in side.get("enum", ())} for side in (old, new))
    gone = ", ".join(shown for key, shown in was.items() if key not in now)
    added = ", ".join(shown for key, shown in now.items() if key not in was)
    if "enum" not in old and "enum" in new:
        yield Difference(path, f"must be one of {added}", BACKWARD)
    elif "enum" in old and "enum" not in new:
        yield Difference(path, f"may be anything, not only {gone}", FORWARD)
    else:
        if gone:
            yield Difference(path, f"may no longer be {gone}", BACKWARD)
        if added:
            yield Difference(path, f"may also be {added}", FORWARD)


def _compared_values(path: str, old: Plain, new: Plain) -> Iterator[Difference]:
    """Bounds of the value: more than 0 is, for a whole number, at least 1."""
    for inclusive, exclusive in SIDES:
        lower = inclusive == "minimum"
        was, now = (_tightest(one, inclusive, exclusive) for one in (old, new))
        if was != now:
            told = f"is {_bound_told(now, lower)}, it was {_bound_told(was, lower)}"
            yield Difference(path, told, _bound_breaks(was, now, lower))


def _tightest(schema: Plain, inclusive: str, exclusive: str) -> Bound | None:
    lower = inclusive == "minimum"
    found = [(schema[word], word == exclusive) for word in (inclusive, exclusive) if word in schema]
    if schema["type"] == "integer":
        found = [_of_whole(bound, lower) for bound in found]
    if len(found) == 2 and type(found[0][0]) is type(found[1][0]):
        found = sorted(found, key=lambda bound: _rank(bound, lower), reverse=lower)
    return found[0] if found else None


def _of_whole(bound: Bound, lower: bool) -> Bound:
    """The first whole number that is within a bound."""
    value, excluded = bound
    if not isinstance(value, Decimal):
        return bound
    whole = value.to_integral_value(ROUND_CEILING if lower else ROUND_FLOOR)
    if excluded and whole == value:
        whole += 1 if lower else -1
    return whole, False


def _rank(bound: Bound, lower: bool) -> Bound:
    """How far up a bound stands: one that excludes its value is tighter."""
    value, excluded = bound
    return value, excluded if lower else not excluded


def _bound_breaks(was: Bound | None, now: Bound | None, lower: bool) -> Breaks:
    if was is None or now is None:
        return BACKWARD if was is None else FORWARD
    if type(was[0]) is not type(now[0]) or isinstance(was[0], str):
        return BOTH  # nobody can say which is more
    return BACKWARD if (_rank(now, lower) > _rank(was, lower)) == lower else FORWARD


def _bound_told(bound: Bound | None, lower: bool) -> str:
    if bound is None:
        return f"not bounded {'below' if lower else 'above'}"
    value, excluded = bound
    words = ("more than", "at least") if lower else ("less than", "at most")
    shown = format(value, "f") if isinstance(value, Decimal) else str(value)
    return f"{words[0] if excluded else words[1]} {shown}"


def _compared_sizes(path: str, keyword: str, was: Any, now: Any) -> Iterator[Difference]:
    """Bounds of a length, of a number of members, of digits."""
    if was == now:
        return
    if was is None or now is None:
        narrower = was is None
    else:
        narrower = now > was if keyword in LOWEST else now < was
    told = f"{_worded(keyword)} is {_told(now)}, it was {_told(was)}"
    yield Difference(path, told, BACKWARD if narrower else FORWARD)


def _compared_whole_digits(path: str, old: Plain, new: Plain) -> Iterator[Difference]:
    """More decimal places leave fewer digits before the point."""
    if all(word in one for word in (DIGITS, PLACES) for one in (old, new)):
        was, now = (one[DIGITS] - one[PLACES] for one in (old, new))
        yield from _compared_sizes(path, "digits before the point", was, now)


def _compared_steps(path: str, old: Plain, new: Plain) -> Iterator[Difference]:
    """What is a multiple of 4 is one of 2."""
    was, now = (each(one["multipleOf"]) if "multipleOf" in one else () for one in (old, new))
    breaks = (NEITHER if _all_multiples(was, now) else BACKWARD) | (
        NEITHER if _all_multiples(now, was) else FORWARD
    )
    if breaks:
        told = (" and ".join(map(str, steps)) or "anything" for steps in (now, was))
        yield Difference(path, "is a multiple of {}, it was of {}".format(*told), breaks)


def _all_multiples(given: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Whether what is a multiple of all that is given is one of all that is wanted."""
    return all(any(not one % step for one in given) for step in wanted)


def _compared_uniqueness(path: str, old: Plain, new: Plain) -> Iterator[Difference]:
    was, now = (bool(one.get("uniqueItems")) for one in (old, new))
    if now and not was:
        yield Difference(path, "may no longer hold the same twice", BACKWARD)
    elif was and not now:
        yield Difference(path, "may hold the same twice", FORWARD)


def _compared_others(path: str, keyword: str, old: Plain, new: Plain) -> Iterator[Difference]:
    """A demand of which nobody can say whether it admits less: pattern, format, ..."""
    was, now = _demands(old, keyword), _demands(new, keyword)
    breaks = (BACKWARD if now.keys() - was.keys() else NEITHER) | (
        FORWARD if was.keys() - now.keys() else NEITHER
    )
    if breaks:
        breaks = BOTH if keyword in READINGS else breaks
        told = (" and ".join(asked.values()) or _told(None) for asked in (now, was))
        yield Difference(path, "{} is {}, it was {}".format(_worded(keyword), *told), breaks)


def _demands(schema: Plain, keyword: str) -> Mapping[str, str]:
    found = each(schema[keyword]) if keyword in schema else ()
    return {written(one): one if isinstance(one, str) else written(one) for one in found}


def _worded(keyword: str) -> str:
    """``x-max-digits`` -> ``max digits``."""
    return keyword.removeprefix("x-").replace("-", " ")


def _told(value: Any) -> str:
    return "not limited" if value is None else str(value)
