"""The one websocket of a tab: fragments of what it watches, and the tail when it shows that.

Towards the server, JSON objects with a `kind`: watch, tail, pause, resume, stop. Towards the tab:
watching, fragments, rows, counters, bus, refused. A socket is for signed-in users with a role; that
is looked at when it opens, once a minute, and at once when the user signs out.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Coroutine
from typing import Annotated, Any, Literal

from channels.generic.websocket import AsyncWebsocketConsumer
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from events.errors import problems_in
from monitoring import live
from monitoring.access import role_of_session
from monitoring.tail import hub
from monitoring.tail_filter import FilterError
from monitoring.tail_rows import TailQuery
from monitoring.tail_viewer import Viewer

logger = logging.getLogger(__name__)

RECHECK_S = 60.0
"""How often an open socket looks whether its user may still see this."""

LARGEST_BYTES = 64 * 1024
"""A longer message from a tab ends its socket."""

MOST_MESSAGES, PER_S = 30, 10.0
"""More messages than this within so many seconds end the socket."""

SIGNED_OUT, FORBIDDEN, TOO_MUCH, TOO_LARGE, LATER = 4401, 4403, 4429, 1009, 1013
"""Close codes; the script knows which of them mean that it need not come back."""


class Watch(BaseModel):
    """Send the fragments of these views, and of no others."""

    kind: Literal["watch"]
    views: list[str] = Field(max_length=8)


class Tail(TailQuery):
    """Show the tail, beginning after the last row the tab has."""

    kind: Literal["tail"]
    after: int | None = Field(None, ge=0)


class Control(BaseModel):
    """What else one may do with the tail."""

    kind: Literal["pause", "resume", "stop"]


Asked = Watch | Tail | Control
ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="kind")])


class LiveConsumer(AsyncWebsocketConsumer):
    """One tab."""

    def __init__(self) -> None:
        super().__init__()
        self.views: set[str] = set()
        self.viewer: Viewer | None = None
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.arrivals: deque[float] = deque(maxlen=MOST_MESSAGES)
        self.user_group = ""
        self.closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Live until the tab goes, or the channel layer does: then close and say come later."""
        try:
            await super().__call__(scope, receive, send)
        except OSError:
            logger.debug("the tab went away while it was written to")
        except Exception as error:  # noqa: BLE001  the layer's backend raises errors of its own kind
            logger.warning("a socket is closed: %s: %s", type(error).__name__, error)
            if not self.closed:
                await send({"type": "websocket.close", "code": LATER})
        finally:
            for task in self.tasks.values():
                task.cancel()

    async def connect(self) -> None:
        """Accept, then close at once with a code when the user may not watch."""
        await self.accept()
        if not await self._is_allowed():
            return
        self.user_group = live.group_of_user(self.scope["user"].pk)  # type: ignore[union-attr]
        if await self._joined(self.user_group):
            self._begin("recheck", self._recheck_by_time())

    async def disconnect(self, code: int) -> None:
        """Leave every group of the channel layer."""
        self.closed = True
        for group in [*map(live.group_of, self.views), self.user_group]:
            if group and not await self._leave(group):
                return

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close once, whoever asks."""
        if not self.closed:
            self.closed = True
            await super().close(code, reason)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what the tab asks for."""
        now = time.monotonic()
        self.arrivals.append(now)
        if len(self.arrivals) == MOST_MESSAGES and now - self.arrivals[0] < PER_S:
            await self.close(TOO_MUCH)
        elif bytes_data is not None or len((text_data or "").encode()) > LARGEST_BYTES:
            await self.close(TOO_LARGE)
        else:
            await self._do(text_data or "")

    async def fragments(self, message: dict[str, Any]) -> None:
        """Pass on what the ticker rendered."""
        if message["view"] in self.views:
            await self._send({"kind": "fragments", "at": message["at"], "html": message["html"]})

    async def recheck(self, message: dict[str, Any]) -> None:
        """Look again whether the user may watch; somebody has signed out."""
        await self._is_allowed()

    async def _do(self, text: str) -> None:
        try:
            asked = ASKED.validate_json(text)
            if isinstance(asked, Watch):
                await self._watch(asked)
            elif isinstance(asked, Tail):
                asked.filter()
                self._show_tail(asked)
            else:
                self._control(asked)
        except ValidationError as error:
            await self._send({"kind": "refused", "reason": problems_in(error)[0].reason})
        except FilterError as error:
            await self._send({"kind": "refused", "reason": str(error)})

    async def _watch(self, asked: Watch) -> None:
        wanted = set(asked.views) & live.VIEWS.keys()
        for view in self.views - wanted:
            await self._leave(live.group_of(view))
        for view in wanted - self.views:
            if not await self._joined(live.group_of(view)):
                return
        self.views = wanted
        await self._send({"kind": "watching", "views": sorted(wanted)})

    def _show_tail(self, asked: Tail) -> None:
        self._end_tail()
        query = TailQuery(q=asked.q, domain=asked.domain, type=asked.type)
        self.viewer = Viewer(query, hub, self._send)
        self.viewer.start_after(asked.after)
        self._begin("tail", self.viewer.run())

    def _control(self, asked: Control) -> None:
        if asked.kind == "stop":
            self._end_tail()
        elif self.viewer:
            self.viewer.pause() if asked.kind == "pause" else self.viewer.resume()

    def _end_tail(self) -> None:
        self.viewer = None
        if task := self.tasks.pop("tail", None):
            task.cancel()

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self.tasks[name] = asyncio.create_task(work)
        self.tasks[name].add_done_callback(_report)

    async def _is_allowed(self) -> bool:
        session = self.scope.get("session")
        role = await role_of_session(session.session_key if session else None)
        if role is None:
            self._end_tail()
            await self.close(SIGNED_OUT)
        return role is not None

    async def _recheck_by_time(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_S)
            await self._is_allowed()

    async def _joined(self, group: str) -> bool:
        """Join a group of the channel layer; when that is not there, close and say come later."""
        joined = await self._layer_does(self.channel_layer.group_add(group, self.channel_name))
        if not joined:
            await self.close(LATER)
        return joined

    async def _leave(self, group: str) -> bool:
        return await self._layer_does(self.channel_layer.group_discard(group, self.channel_name))

    async def _layer_does(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except Exception as error:  # noqa: BLE001  the layer's backend raises errors of its own kind
            logger.warning("the channel layer fails: %s: %s", type(error).__name__, error)
            return False
        return True

    async def _send(self, message: dict[str, Any]) -> None:
        await self.send(json.dumps(message, ensure_ascii=False))


def _report(task: asyncio.Task[None]) -> None:
    """A task of a socket that failed must not do so in silence; a tab that went away may."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, OSError):
        logger.error("part of a socket failed", exc_info=error)
