"""Our transport is a transport of the SDK's."""

import asyncio
import inspect
import json
from asyncio.subprocess import Process
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from claude_agent_sdk import Transport

from harness.backends.session import Paths
from harness.backends.session_record import Redactor
from harness.backends.start_request import Launch, Starter
from harness.backends.terminal import keep_errors
from harness.backends.transport import MOST_CONTROL, MOST_CONTROL_BYTES, RecordedTransport


def test_it_has_every_method_the_sdk_calls_with_the_same_parameters() -> None:
    for name in Transport.__abstractmethods__:
        ours, theirs = getattr(RecordedTransport, name), getattr(Transport, name)
        assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys(), name


SECRET = "a-key-of-somebody-0123"


def transport(folder: Path) -> RecordedTransport:
    starter, launch = cast(Starter, None), cast(Launch, None)
    return RecordedTransport(starter, launch, Redactor((SECRET,)), folder / "out", folder / "err", lambda line: None)


def said(text: str) -> asyncio.StreamReader:
    """A pipe in which this stands; to be called in a loop."""
    pipe = asyncio.StreamReader()
    pipe.feed_data(text.encode())
    pipe.feed_eof()
    return pipe


def test_I10_no_secret_is_kept_of_what_a_session_prints_as_an_error(tmp_path: Path) -> None:
    async def read() -> None:
        session = transport(tmp_path)
        await session._read_errors(said(f"denied: {SECRET}\n"))
        await session.close()

    asyncio.run(read())
    assert (tmp_path / "err").read_text() == "denied: [secret]\n"


def test_I10_no_secret_is_kept_of_the_errors_of_a_session_at_a_terminal(tmp_path: Path) -> None:
    async def read() -> None:
        process = cast(Process, SimpleNamespace(stderr=said(f"denied: {SECRET}\n")))
        await keep_errors(process, Paths.of(tmp_path).errors, Redactor((SECRET,)))

    asyncio.run(read())
    assert Paths.of(tmp_path).errors.read_text() == "denied: [secret]\n"


def heard(folder: Path, *lines: dict[str, Any]) -> RecordedTransport:
    session = transport(folder)
    for line in lines:
        session._take(json.dumps(line).encode())
    return session


RESPONSE = {"type": "control_response", "response": {"subtype": "success", "request_id": "1"}}


def test_as_many_control_messages_are_kept_as_any_session_needs_and_no_more(tmp_path: Path) -> None:
    assert not heard(tmp_path, *[RESPONSE] * MOST_CONTROL).overfull
    session = heard(tmp_path, *[RESPONSE] * (MOST_CONTROL + 1))
    assert session.overfull
    assert session._control.come.qsize() == MOST_CONTROL


def test_large_control_messages_end_a_session_and_unknown_ones_count_too(tmp_path: Path) -> None:
    assert heard(tmp_path, {"type": "control_x", "padding": "x" * MOST_CONTROL_BYTES}).overfull
    assert heard(tmp_path, *[{"type": "control_x"}] * (MOST_CONTROL + 1)).overfull


@pytest.mark.parametrize(
    "line",
    [
        {"type": "control_request"},
        {"type": "control_request", "request_id": "1", "request": {"subtype": "novelty"}},
        {"type": "control_response", "response": None},
        {"type": "control_response", "response": {"subtype": "success", "request_id": []}},
        {"type": "control_cancel_request", "request_id": "1"},
    ],
)
def test_what_the_sdk_cannot_read_never_reaches_it(tmp_path: Path, line: dict[str, Any]) -> None:
    session = heard(tmp_path, line, RESPONSE)
    assert session._control.come.get_nowait() == RESPONSE
    assert not session.overfull


def test_a_session_whose_reader_is_gone_is_over(tmp_path: Path) -> None:
    async def read_one(session: RecordedTransport) -> None:
        messages = session.read_messages()
        assert await anext(messages) == RESPONSE
        await messages.aclose()  # type: ignore[attr-defined]  # an async generator

    session = heard(tmp_path, RESPONSE)
    asyncio.run(read_one(session))
    assert session.over.is_set()
    assert session.overfull
