"""Numbers and times as people read them. None is unknown and shows as a dash."""

from __future__ import annotations

from datetime import UTC, datetime

GROUPING = "\u202f"
"""Between thousands: a narrow space that does not break."""

BEFORE_UNIT = "\u00a0"
"""Between a figure and its unit: a space that does not break."""

UNKNOWN = "—"

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number(value: float | None) -> str:
    """``1 204``; a fraction keeps one decimal."""
    if value is None:
        return UNKNOWN
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    return text.replace(",", GROUPING)


def rate(per_s: float | None) -> str:
    """Events per second without the unit: ``0``, ``3.4``, ``41.0``, ``312``, ``1 604``."""
    if per_s is None:
        return UNKNOWN
    if per_s == 0:
        return "0"
    return number(round(per_s)) if abs(per_s) >= 99.95 else f"{per_s:.1f}"


def duration(seconds: float | None) -> str:
    """The two largest units: ``0.8 ms``, ``38 ms``, ``0.4 s``, ``4 min 12 s``, ``3 d 4 h``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.1:
        milliseconds = seconds * 1000
        return _with(f"{milliseconds:.1f}" if milliseconds < 9.95 else f"{milliseconds:.0f}", "ms")
    if seconds < 59.5:
        return _with(f"{seconds:.1f}" if seconds < 9.95 else f"{seconds:.0f}", "s")
    whole = round(seconds)
    for unit, size, below, part in (("min", 60, "s", 1), ("h", 3600, "min", 60)):
        if whole < size * (60 if unit == "min" else 24):
            return _pair(whole // size, unit, whole % size // part, below)
    return _pair(whole // 86_400, "d", whole % 86_400 // 3600, "h")


def size(count_bytes: int | None) -> str:
    """``412 B``, ``1.4 MB``; thousands, as disks count."""
    if count_bytes is None:
        return UNKNOWN
    value = float(count_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return _with(f"{value:.0f}" if unit == "B" or value >= 100 else f"{value:.1f}", unit)
        value /= 1000
    return _with(f"{value:.1f}", "TB")


def age(at: datetime, now: datetime) -> str:
    """``12 s ago``, ``in 3 min``; the largest unit only, because it is read at a glance."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 1:
        return "now"
    text = _largest_unit(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def clock(at: datetime, now: datetime | None = None, *, precise: bool = False) -> str:
    """``14:02:11``, with milliseconds when `precise`, with the date when that is not today's."""
    at = at.astimezone(UTC)
    time = at.strftime("%H:%M:%S") + (f".{at.microsecond // 1000:03d}" if precise else "")
    if now is None or at.date() == now.astimezone(UTC).date():
        return time
    return f"{at:%Y-%m-%d} {time}"


def exact(at: datetime) -> str:
    """The whole instant for a title: ``2026-07-01 14:02:11.418 UTC``."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def machine(at: datetime) -> str:
    """For the `datetime` attribute: ISO 8601 with milliseconds and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counted(count: int, one: str, many: str = "") -> str:
    """``1 event``, ``1 204 events``."""
    return f"{number(count)}{BEFORE_UNIT}{one if count == 1 else many or one + 's'}"


def spelled(count: int) -> str:
    """Small numbers as words, as sentences want them: ``two``, ``17``."""
    return WORDS[count] if 0 <= count < len(WORDS) else number(count)


def _with(figure: str, unit: str) -> str:
    return f"{figure}{BEFORE_UNIT}{unit}"


def _pair(large: int, unit: str, small: int, below: str) -> str:
    head = _with(str(large), unit)
    return f"{head} {_with(str(small), below)}" if small else head


def _largest_unit(seconds: float) -> str:
    for limit, divisor, unit in ((59.5, 1, "s"), (3570, 60, "min"), (84_600, 3600, "h")):
        if seconds < limit:
            return _with(str(round(seconds / divisor)), unit)
    return _with(str(round(seconds / 86_400)), "d")


def percent(share: float) -> str:
    """``98 %``; what is neither all nor nothing is never shown as all or nothing."""
    whole = round(share * 100)
    if 0 < share < 1:
        whole = min(max(whole, 1), 99)
    return f"{whole} %"
