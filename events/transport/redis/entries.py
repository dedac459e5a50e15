"""What stands in an entry: an event with its id, or on a retry stream what became of it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from events.transport.base import Delivery, Failure


class PackedRetry(msgspec.Struct, frozen=True, array_like=True):
    """What an entry of a retry stream holds: the event and what became of it so far."""

    event_id: str
    body: bytes
    redelivered: bool = False
    failures: tuple[Failure, ...] = ()


pack_retry = msgspec.msgpack.Encoder().encode
_unpack_retry = msgspec.msgpack.Decoder(PackedRetry).decode


def packed_retry(fields: Sequence[bytes] | None) -> PackedRetry | None:
    """What an entry of a retry stream holds; None where it does not keep to the form."""
    if not fields or len(fields) != 2 or fields[0] != b"r":
        return None
    try:
        return _unpack_retry(fields[1])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def deliveries(reply: Any, sources: Mapping[str, str]) -> list[Delivery]:
    """What XREADGROUP answered; `sources` gives the stream to which each retry stream belongs."""
    found: list[Delivery] = []
    for name, entries in reply or ():
        source = name.decode()
        if source in sources:
            stream = sources[source]
            found += [
                delivered(stream, entry_id, fields, retry=True) for entry_id, fields in entries
            ]
        else:
            found += [delivered(source, entry_id, fields) for entry_id, fields in entries]
    return found


def delivered(
    stream: str,
    entry_id: bytes,
    fields: Sequence[bytes] | None,
    *,
    retry: bool = False,
    starts: int = 1,
) -> Delivery:
    """An entry as the server sends it. What does not keep to the form keeps its bytes."""
    if fields and len(fields) == 4 and fields[0] == b"id" and fields[2] == b"e" and not retry:
        event_id = fields[1].decode("utf-8", "replace")
        return Delivery(stream, entry_id.decode(), event_id, fields[3], starts=starts)
    packed = packed_retry(fields) if retry else None
    if packed is not None:
        return Delivery(
            stream,
            entry_id.decode(),
            packed.event_id,
            packed.body,
            retry=True,
            redelivered=packed.redelivered,
            failures=packed.failures,
            starts=starts,
        )
    pairs: Mapping[bytes, bytes] = dict(zip(fields[::2], fields[1::2])) if fields else {}  # noqa: B905
    body = pairs.get(b"e")
    return Delivery(
        stream,
        entry_id.decode(),
        pairs.get(b"id", b"").decode("utf-8", "replace"),
        b" ".join(fields or ()) if body is None else body,
        retry=retry,
        starts=starts,
    )
