"""A job's state folder with attempts in it, and questions as a session would ask them."""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness.rehearsal.play import Played
from harness.rehearsal.question import SCRIPTED_ID, Question, question_of
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.request_log import LoggedRequest

RECORD_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "day": {"type": "string", "format": "date"}, "n": {"type": "integer"}},
    "required": ["id", "day", "n"],
}


class AddAttempt(Protocol):
    def __call__(self, *ids: str, batch: str = "1", cwd: Path | None = None, **output: Any) -> str:
        """A new attempt at these items; returns its session id. `output` changes the output spec."""
        ...


@pytest.fixture
def add_attempt(tmp_path: Path) -> AddAttempt:
    numbers = iter(range(1, 1000))

    def add(*ids: str, batch: str = "1", cwd: Path | None = None, **output: Any) -> str:
        number, session = next(numbers), str(uuid.uuid4())
        folder = tmp_path / "state" / "attempts" / f"{number:06d}-p1-b{batch}"
        folder.mkdir(parents=True)
        spec = {
            "attempt": number,
            "token": "0" * 32,
            "phase": "main",
            "phase_number": 1,
            "batch": batch,
            "tries": 0,
            "session_id": session,
            "items": [{"id": id_, "data": {"id": id_}, "file": None, "records": []} for id_ in ids],
            "reasons": {},
            "vars": {},
            "output": {
                "file": "output.json",
                "shape": "array",
                "key": ".id",
                "item": ".id",
                "schema": RECORD_SCHEMA,
                **output,
            },
            "context": {},
            "cwd": str(cwd or "/mnt/work"),
            "model": "sonnet",
            "backend": "claude",
        }
        (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        return session

    return add


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


Asking = Callable[..., Question]


@pytest.fixture
def asking(tmp_path: Path, add_attempt: AddAttempt) -> Asking:
    """asking("A1", "A2", step=0, before=(), session=None, history=None, **output) -> Question, without a server."""

    def ask(
        *ids: str,
        step: int = 0,
        before: Sequence[dict[str, Any]] = (),
        session: str = "",
        history: RequestHistory | None = None,
        **output: Any,
    ) -> Question:
        own = add_attempt(*ids, **output)
        spec_path = max((tmp_path / "state" / "attempts").iterdir()) / "spec.json"
        spec = json.loads(spec_path.read_text(encoding="utf-8"))
        past = history or RequestHistory(tmp_path / "unused.jsonl")
        body = conversation(step)
        body["messages"] += [{"role": "assistant", "content": [call]} for call in before]
        return question_of(body, spec, session or own, 0, past)

    return ask


def conversation(steps: int, prompt: str = "do it") -> dict[str, Any]:
    """A request body after so many answers with a tool call."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    for number in range(steps):
        call = {"type": "tool_use", "id": f"{SCRIPTED_ID}{number}", "name": "Write", "input": {}}
        result = {"type": "tool_result", "tool_use_id": f"{SCRIPTED_ID}{number}", "content": "written"}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return {"model": "claude-sonnet-5-5", "max_tokens": 16_000, "stream": True, "messages": messages}


@pytest.fixture
def logged() -> Callable[[int, Question, Played], LoggedRequest]:
    """logged(number, question, played) -> the line that the server would write, without accounts."""
    return _logged


def _logged(number: int, question: Question, played: Played) -> LoggedRequest:
    ask = question.ask
    return LoggedRequest(
        number=number,
        time=datetime.fromtimestamp(1_800_000_000.0, UTC),
        session=ask.session,
        attempt=ask.attempt,
        phase=ask.phase,
        batch=ask.batch,
        ids=tuple(ask.ids),
        turn=ask.turn,
        stream=True,
        model=ask.model,
        tags=played.tags,
        fault=played.fault,
        status=200,
        stop=None,
        usage=None,
        cost_usd=None,
        chars=0,
        cached_chars=0,
        written_chars=0,
        prompt_sha="",
        prefix_sha="",
        until=played.until,
        note=played.note,
    )
