"""Log records as JSON, one line each."""

import json
import logging
from datetime import UTC, datetime

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
COLOURED = "color_message"
"""uvicorn's second copy of its message, for terminals."""


class JsonLines(logging.Formatter):
    """One JSON object a line; JSON's own escapes keep text from outside inside its string."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, with what the caller passed as `extra`."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {
            key: value for key, value in vars(record).items() if key not in STANDARD | {COLOURED}
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str)
