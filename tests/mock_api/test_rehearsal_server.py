"""The server as its callers meet it: raw HTTP, every fault, wrong scenes, kills."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from harness.core.prices import cost_of
from harness.rehearsal.process import RehearsalServer
from harness.rehearsal.request_log import account, read_log
from tests.mock_api.serving import Call, body_of, events, with_server


def test_a_streamed_answer_is_complete_and_says_the_same_as_the_plain_one(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1", "A2")

    async def use(server: RehearsalServer, call: Call) -> None:
        streamed, plain = events(await call(session)), (await call(session, stream=False)).json()
        assert [one["type"] for one in streamed][:2] == ["message_start", "content_block_start"]
        assert [one["type"] for one in streamed][-3:] == ["content_block_stop", "message_delta", "message_stop"]
        text = "".join(one["delta"]["partial_json"] for one in streamed if one["type"] == "content_block_delta")
        assert json.loads(text) == plain["content"][0]["input"]
        assert streamed[-2]["delta"]["stop_reason"] == plain["stop_reason"] == "tool_use"
        assert streamed[-2]["usage"] == plain["usage"]
        records = json.loads(plain["content"][0]["input"]["content"])
        assert [record["id"] for record in records] == ["A1", "A2"]

    with_server(state, use)


HTTP_FAULTS = {
    "limit": (429, "rate_limit_error", {"anthropic-ratelimit-unified-status": "rejected"}),
    "throttle": (429, "rate_limit_error", {"retry-after": "1"}),
    "529": (529, "overloaded_error", {}),
    "500": (500, "api_error", {}),
    "401": (401, "authentication_error", {}),
    "403": (403, "permission_error", {}),
    "credit": (400, "invalid_request_error", {}),
    "model404": (404, "not_found_error", {}),
    "toolong": (400, "invalid_request_error", {}),
}


def test_http_fault_are_errors_as_the_api_sends_them(state: Path, add_attempt: Any) -> None:
    sessions = [add_attempt("A1") for _ in HTTP_FAULTS]
    names = [*(name for name in HTTP_FAULTS if name != "limit"), "limit"]  # a limit stops everything behind it
    faults = ",".join(f"{name}@{number}:*" for number, name in reversed(list(enumerate(names, 1))))

    async def use(server: RehearsalServer, call: Call) -> None:
        for name, session in zip(names, sessions, strict=True):
            status, type_, headers = HTTP_FAULTS[name]
            response = await call(session)
            assert (response.status_code, response.json()["error"]["type"]) == (status, type_)
            assert headers.items() <= dict(response.headers).items()
        reset = int(response.headers["anthropic-ratelimit-unified-reset"])
        assert read_log(server.log)[-1].until == reset

    with_server(state, use, faults=faults)


def test_a_broken_stream_breaks_where_its_fault_says(state: Path, add_attempt: Any) -> None:
    sessions = [add_attempt("A1") for _ in range(4)]

    async def use(server: RehearsalServer, call: Call) -> None:
        with pytest.raises(httpx2.RemoteProtocolError):
            await call(sessions[0])
        garbage = await call(sessions[1])
        with pytest.raises(ValueError):
            events(garbage)
        error = events(await call(sessions[2]))
        assert [one["type"] for one in error] == ["message_start", "error"]
        assert events(await call(sessions[3]))[-1]["type"] == "message_stop"
        plain = await call(sessions[0], stream=False)
        assert plain.json()["stop_reason"] == "tool_use"
        cut, garbled, failed, *whole = read_log(server.log)
        for request in (cut, garbled, failed, *whole):
            assert request.cost_usd == cost_of("sonnet", request.usage or {}), "what was said is billed"
        said = [(request.usage or {})["output_tokens"] for request in (cut, garbled, failed, *whole)]
        assert said[1] == said[2] == 1
        assert 2 * said[0] in (said[3], said[3] + 1)
        assert said[3] == said[4] > 2

    with_server(state, use, faults="sse_error@3,garbage@2,cut@1")


def test_a_silent_connection_stays_open_until_the_caller_goes(state: Path, add_attempt: Any) -> None:
    stalled, hanging, well = add_attempt("A1"), add_attempt("A2"), add_attempt("A3")

    async def use(server: RehearsalServer, call: Call) -> None:
        async with httpx2.AsyncClient(base_url=server.url, timeout=0.5) as client:
            headers = {"x-claude-code-session-id": stalled}
            async with client.stream("POST", "/v1/messages", json=body_of(), headers=headers) as response:
                pieces = response.aiter_bytes()
                assert b"message_start" in await anext(pieces)
                with pytest.raises(httpx2.ReadTimeout):
                    await anext(pieces)
            with pytest.raises(httpx2.ReadTimeout):
                await client.post("/v1/messages", json=body_of(), headers={"x-claude-code-session-id": hanging})
        assert events(await call(well))[-1]["type"] == "message_stop"
        assert [request.status for request in read_log(server.log)] == [200, None, 200]

    with_server(state, use, faults="stall/A1,hang/A2")


def test_a_session_that_died_after_writing_gets_no_connection_any_more(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1")
    call_block = {"type": "tool_use", "id": "t", "name": "Write", "input": {}}
    messages = [{"role": "user", "content": "do it"}, {"role": "assistant", "content": [call_block]}]

    async def use(server: RehearsalServer, call: Call) -> None:
        assert events(await call(session))[-2]["delta"]["stop_reason"] == "tool_use"
        for stream in (True, False, True):
            with pytest.raises(httpx2.RemoteProtocolError):
                await call(session, messages=messages, stream=stream)

    with_server(state, use, faults="die_after_writing")


def test_a_slow_answer_is_a_whole_answer(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1")

    async def use(server: RehearsalServer, call: Call) -> None:
        assert events(await call(session))[-1]["type"] == "message_stop"
        assert read_log(server.log)[0].fault == "slow"

    with_server(state, use, faults="slow=0.05")


def test_of_a_slow_answer_whose_caller_leaves_only_what_was_sent_is_billed(state: Path, add_attempt: Any) -> None:
    headers = {"x-claude-code-session-id": add_attempt("A1")}

    async def use(server: RehearsalServer, call: Call) -> None:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            async with client.stream("POST", "/v1/messages", json=body_of(), headers=headers) as response:
                assert b"message_start" in await anext(response.aiter_bytes())
                (whole,) = read_log(server.log)
            billed = whole
            async with asyncio.timeout(30):
                while billed == whole:  # the server sees it a moment later
                    (billed,) = read_log(server.log)
                    await asyncio.sleep(0.01)
        assert whole.usage and billed.usage
        assert billed.usage["output_tokens"] < whole.usage["output_tokens"]
        assert account(server.log).requests == 1
        assert account(server.log).cost_usd == billed.cost_usd == cost_of("sonnet", billed.usage)

    with_server(state, use, faults="slow=600")


def test_what_a_late_answer_writes_to_the_cache_is_found_only_after_it_has_begun(state: Path) -> None:
    system = [{"type": "text", "text": "rules " * 2_000, "cache_control": {"type": "ephemeral"}}]

    async def use(server: RehearsalServer, call: Call) -> None:
        both = await asyncio.gather(call(system=system, stream=False), call(system=system))
        assert events(both[1])[-1]["type"] == "message_stop"
        await call(system=system)
        first, meanwhile, afterwards = read_log(server.log)
        assert (first.cached_chars, meanwhile.cached_chars) == (0, 0)
        assert afterwards.cached_chars == first.written_chars > 0

    with_server(state, use, faults="late:2")


def test_an_answer_longer_than_the_request_allows_is_cut_and_noted(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1", "A2")

    async def use(server: RehearsalServer, call: Call) -> None:
        answer = (await call(session, stream=False, max_tokens=5)).json()
        assert (answer["stop_reason"], answer["usage"]["output_tokens"]) == ("max_tokens", 5)
        assert "cut at max_tokens 5" in str(read_log(server.log)[0].note)

    with_server(state, use)


def test_a_turn_can_be_made_to_cost(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1")

    async def use(server: RehearsalServer, call: Call) -> None:
        await call(session)
        cost = read_log(server.log)[0].cost_usd
        assert cost is not None
        assert 0.5 <= cost < 0.5001

    with_server(state, use, scene="def scene(ask): return Turn([Text('dear')], cost=0.5)")


def test_a_stranger_gets_a_line_of_text(state: Path) -> None:
    async def use(server: RehearsalServer, call: Call) -> None:
        for session in ("", "11111111-1111-4111-8111-111111111111"):
            answer = (await call(session, stream=False)).json()
            assert answer["content"][0]["text"].startswith("rehearsal: ")
        async with httpx2.AsyncClient(base_url=server.url) as client:
            assert (await client.head("/api/hello")).status_code == 200
            assert "claude-sonnet-5-5" in (await client.get("/v1/models")).text
            assert (await client.post("/v1/messages/count_tokens", json=body_of())).json()["input_tokens"] > 0
            assert (await client.get("/v2")).json()["error"]["type"] == "not_found_error"
            assert (await client.post("/v1/messages", content=b"{")).status_code == 400

    with_server(state, use, scene="def scene(ask): raise RuntimeError('a stranger is not asked')")


def test_an_attempt_that_began_after_the_server_is_found(state: Path, add_attempt: Any) -> None:
    async def use(server: RehearsalServer, call: Call) -> None:
        for batch in ("1", "2.1", "3"):
            await call(add_attempt("A1", batch=batch))
        assert [(request.attempt, request.batch) for request in read_log(server.log)] == [
            (1, "1"),
            (2, "2.1"),
            (3, "3"),
        ]

    with_server(state, use)


COUNTING = """
def scene(ask: Ask) -> object:
    seen = ask.count("seen", id="A1")
    return InjectedFault("529", times=3, then=Turn([Text(f"seen {seen}")], tag="seen"))
"""


def test_counters_survive_a_kill_of_the_server(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1")
    told: list[str] = []

    async def once(server: RehearsalServer, call: Call) -> None:
        response = await call(session, stream=False)
        told.append(str(response.status_code) if response.is_error else response.json()["content"][0]["text"])
        os.kill(server.pid, signal.SIGKILL)

    for _ in range(6):
        with_server(state, once, scene=COUNTING)
    assert told == ["529", "529", "529", "seen 0", "seen 1", "seen 2"]


def test_the_cache_account_survives_a_restart(state: Path, add_attempt: Any) -> None:
    system = [{"type": "text", "text": "x" * 9000, "cache_control": {"type": "ephemeral"}}]

    async def once(server: RehearsalServer, call: Call) -> None:
        await call(add_attempt("A1"), system=system)

    with_server(state, once)
    with_server(state, once)
    first, second = read_log(state / "rehearsal" / "requests.jsonl")
    assert (first.cached_chars, second.cached_chars) == (0, first.written_chars)
    assert first.written_chars > 9000


def test_the_server_ends_with_whoever_started_it(state: Path) -> None:
    """A parent that is killed cannot clean up: the closed pipe is what ends the server."""
    program = f"""
import asyncio, sys
from pathlib import Path
from harness.rehearsal.access import BodyTooLargeError, Porter, too_large
from harness.rehearsal.process import RehearsalServer

async def main():
    server = await RehearsalServer.start(Path({str(state)!r}))
    print(server.pid, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        asyncio.run(_readable(server))
    finally:
        os.close(server)


async def _readable(descriptor: int) -> None:
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, gone.set)
    async with asyncio.timeout(30):
        await gone.wait()


def test_no_credential_reaches_a_scene(state: Path, add_attempt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = add_attempt("A1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary")

    async def use(server: RehearsalServer, call: Call) -> None:
        names = (await call(session, stream=False)).json()["content"][0]["text"].split()
        assert set(names) <= {"PYTHONPATH", "LANG", "LC_CTYPE", "PATH"}

    with_server(state, use, scene="import os\ndef scene(ask): return Turn([Text(' '.join(os.environ))])")
