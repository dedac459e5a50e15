"""Payloads made up from a type's own model, each field at its ordinary and extreme values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel, IPvAnyAddress, ValidationError
from pydantic.fields import FieldInfo

LARGEST = Decimal(10**15)
"""Of an amount that names no bound: with eight places it has the 24 digits an amount may have."""


def payloads(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Valid payloads of a model; optional fields are sometimes absent."""
    required = {n: _of_field(f) for n, f in model.model_fields.items() if f.is_required()}
    optional = {n: _of_field(f) for n, f in model.model_fields.items() if not f.is_required()}
    made = st.fixed_dictionaries(required, optional=optional)
    return made.filter(lambda data: _is_valid(model, data))


def _is_valid(model: type[BaseModel], data: dict[str, Any]) -> bool:
    """Whether rules between fields hold; what a single field may be is made as it must be."""
    try:
        model.model_validate(data)
    except ValidationError:
        return False
    return True


def _of_field(field: FieldInfo) -> st.SearchStrategy[Any]:
    return _of(field.annotation, list(field.metadata))


def _of(kind: Any, limits: list[Any]) -> st.SearchStrategy[Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return _of(inner, [*limits, *_flat(more)])
    if origin in (Union, UnionType):
        return st.one_of(*(_of(part, limits) for part in get_args(kind)))
    if origin is Literal:
        return st.sampled_from(get_args(kind))
    if origin in (list, tuple):
        return _list_of(get_args(kind)[0], limits)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return payloads(kind)
    return _scalar(kind, limits)


def _scalar(kind: Any, limits: list[Any]) -> st.SearchStrategy[Any]:
    low, high = _bounds(limits)
    if kind is Decimal:
        least = -LARGEST if low is None else Decimal(low)
        most = LARGEST if high is None else Decimal(high)
        return st.decimals(least, most, places=8).map(lambda value: format(value, "f"))
    if kind is int:
        return st.integers(-(2**63) if low is None else low, 2**63 - 1 if high is None else high)
    if kind is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        NoneType: st.none(),
        date: st.dates(),
        datetime: st.datetimes(timezones=st.just(UTC)),
        IPvAnyAddress: st.ip_addresses().map(str),
    }
    return plain[kind] if kind in plain else _text(limits)


def _list_of(kind: Any, limits: list[Any]) -> st.SearchStrategy[Any]:
    least = _limit(limits, "min_length") or 0
    return st.lists(_of(kind, []), min_size=least, max_size=least + 3)


def _text(limits: list[Any]) -> st.SearchStrategy[str]:
    pattern = _limit(limits, "pattern")
    least, most = _limit(limits, "min_length") or 0, _limit(limits, "max_length") or 200
    if pattern is None:
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=most)
    made = st.from_regex(pattern, fullmatch=True)
    return made.filter(lambda text: least <= len(text) <= most and not text.endswith("\n"))


def _bounds(limits: list[Any]) -> tuple[Any, Any]:
    """What is at least and at most allowed; a bound that is itself excluded is moved inwards."""
    low, high = _limit(limits, "ge"), _limit(limits, "le")
    above, below = _limit(limits, "gt"), _limit(limits, "lt")
    if above is not None:
        low = above + Decimal("0.00000001")
    if below is not None:
        high = below - Decimal("0.00000001")
    return low, high


def _limit(limits: list[Any], name: str) -> Any:
    found = (getattr(limit, name, None) for limit in limits)
    return next((value for value in found if value is not None), None)


def _flat(metadata: list[Any]) -> list[Any]:
    """Limits given one by one or by a Field."""
    return [
        limit
        for one in metadata
        for limit in ([*one.metadata] if isinstance(one, FieldInfo) else [one])
    ]
