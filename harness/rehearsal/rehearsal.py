"""One rehearsal: takes a request, decides the answer, keeps the accounts, writes the log."""

import asyncio
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from harness.core.faults import STATUS_OF_A_BROKEN_SCENE, STATUS_OF_AN_UNTOLD_ITEM
from harness.rehearsal.attempt_index import Attempts
from harness.rehearsal.brief import Briefing
from harness.rehearsal.cache import Lookup, PromptCache
from harness.rehearsal.fault_orders import FaultOrder
from harness.rehearsal.pages import Web, WebError
from harness.rehearsal.play import Manner, Played, Say, Vanish, play, without_scene
from harness.rehearsal.question import Question, question_of
from harness.rehearsal.refusals import Refuse
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.request_log import LoggedRequest
from harness.rehearsal.script import ReplyError
from harness.rehearsal.side_requests import side_turn
from harness.rehearsal.stage import SceneError, Stage
from harness.rehearsal.wire import WireMessage, message_of
from harness.samples.records import SampleError

SCENE_ERROR = "rehearsal_scene_error"
PROMPT_ERROR = "rehearsal_prompt_error"


class UntoldItemError(Exception):
    """The prompt passes nothing of an item on; the message says so."""


_NO_WEB: Final = Web()
_BREAKING: Final = ("cut", "stall", "garbage", "sse_error")
"""Manners in which an answer does not come to its end: what was said is billed all the same."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A message and what happens to its stream. One that is late has waited already."""

    message: WireMessage
    manner: Manner
    seconds: float
    logged: LoggedRequest


Answer = Speech | Refuse | Vanish


class RehearsalState:
    """Everything the server knows. Requests are decided one after the other, so that counts are exact."""

    def __init__(
        self,
        attempts: Attempts,
        history: RequestHistory,
        scene: Stage | None,
        orders: Sequence[FaultOrder],
        seed: int,
        briefing: Briefing,
        web: Web = _NO_WEB,
    ) -> None:
        self._web = web
        self._broken_web: str | None = None
        self._attempts = attempts
        self._briefing = briefing
        self._history = history
        self._scene = scene
        self._orders = orders
        self._seed = seed
        self._cache = PromptCache()
        self._turnstile = asyncio.Lock()
        for request in history.past:
            self._cache.begin(request.breakpoints, request.time.timestamp())

    async def answer(self, body: Mapping[str, Any], session: str | None) -> Answer:
        """The answer to one request; its line is in the log when this returns."""
        async with self._turnstile:
            now_s = time.time()
            spec = self._attempts.spec(session)
            question = question_of(body, spec, session, self._seed, self._history, self._briefing)
            lookup = self._cache.look(body, now_s)
            try:
                played = await self._played(question, now_s)
            except (SceneError, ReplyError, SampleError, UntoldItemError, WebError) as error:
                return self._scene_failed(error, question, lookup, now_s)
            answer = self._answered(played, question, lookup, now_s)
        if isinstance(answer, Speech):
            return await self._begun(answer, lookup)
        return answer

    def left(self, speech: Speech, share: float) -> None:
        """The caller went away before the end: only what was sent is billed."""
        billed = speech.message.broken_off(share)
        self._history.correct(replace(speech.logged, usage=billed.usage, cost_usd=billed.cost_usd))

    def web_failed(self, what: str) -> None:
        """Something is wrong with the pages of the scene: the next request is told so, and that stops the rehearsal."""
        self._broken_web = what

    async def _begun(self, speech: Speech, lookup: Lookup) -> Speech:
        """The response begins; only from now on others find in the cache what its request wrote."""
        if speech.manner == "late":
            await asyncio.sleep(speech.seconds)
            speech = replace(speech, seconds=0.0)
        self._cache.begin(lookup.breakpoints, time.time())
        return speech

    async def _played(self, question: Question, now_s: float) -> Played:
        if self._broken_web is not None:
            raise WebError(self._broken_web)
        if question.purpose != "work":
            turn = await asyncio.to_thread(side_turn, question, self._web)
            return play(question, turn, (), self._history, now_s)
        if question.untold:
            raise UntoldItemError(question.untold)
        if self._scene is None or not question.known:
            reply = without_scene(question)
        else:
            reply = await self._scene.answer(question.ask)
        return play(question, reply, self._orders, self._history, now_s)

    def _answered(self, played: Played, question: Question, lookup: Lookup, now_s: float) -> Answer:
        act, number = played.act, self._history.next_number
        if not isinstance(act, Say):
            status = act.status if isinstance(act, Refuse) else None
            self._log(question, lookup, now_s, played=played, status=status)
            return act
        message, note = message_of(act.turn, number, question.ask.model, lookup, question.most_tokens)
        message = replace(message, is_script=act.is_script)
        billed = message
        if act.manner in _BREAKING:
            billed = message.broken_off(0.5 if act.manner in ("cut", "stall") else 0.0)
        logged = self._log(question, lookup, now_s, played=played, status=200, message=billed, note=note)
        return Speech(message, act.manner, act.seconds, logged)

    def _scene_failed(self, error: Exception, question: Question, lookup: Lookup, now_s: float) -> Refuse:
        print(getattr(error, "trace", "") or error, file=sys.stderr, flush=True)
        is_untold = isinstance(error, UntoldItemError) or (isinstance(error, SceneError) and error.is_untold)
        status = STATUS_OF_AN_UNTOLD_ITEM if is_untold else STATUS_OF_A_BROKEN_SCENE
        self._log(question, lookup, now_s, played=Played(Vanish("drop")), status=status, error=str(error))
        return Refuse(status, PROMPT_ERROR if is_untold else SCENE_ERROR, str(error), {"x-should-retry": "false"})

    def _log(
        self,
        question: Question,
        lookup: Lookup,
        now_s: float,
        *,
        played: Played,
        status: int | None,
        message: WireMessage | None = None,
        **remarks: str | None,
    ) -> LoggedRequest:
        ask = question.ask
        logged = LoggedRequest(
            number=self._history.next_number,
            time=datetime.fromtimestamp(now_s, UTC),
            session=ask.session or None,
            attempt=ask.attempt or None,
            phase=ask.phase,
            batch=ask.batch,
            ids=tuple(ask.ids),
            turn=ask.turn,
            stream=question.stream,
            model=ask.model,
            tags=played.tags,
            fault=played.fault,
            status=status,
            stop=message.stop if message else None,
            usage=message.usage if message else None,
            cost_usd=message.cost_usd if message else Decimal(0),
            chars=lookup.chars,
            cached_chars=lookup.read if message else 0,
            written_chars=sum(lookup.written.values()) if message else 0,
            prompt_sha=hashlib.sha256(ask.prompt.encode(errors="surrogatepass")).hexdigest(),
            prefix_sha=lookup.prefix_sha,
            breakpoints=lookup.breakpoints if message else (),
            until=played.until,
            error=remarks.get("error"),
            note=remarks.get("note") or played.note,
            purpose=question.purpose,
            about=question.about,
        )
        self._history.append(logged)
        return logged
