"""What the server does not answer as a provider would: wrong scenes, untold items, strangers, odd and huge bodies."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.base.errors import UsageError
from harness.core.fault_kinds import FaultKind
from harness.core.faults import classify
from harness.core.symptoms import Symptoms
from harness.job.prompt_names import named_in
from harness.rehearsal.access import BodyTooLargeError, Porter, too_large
from harness.rehearsal.attempt_index import Attempts
from harness.rehearsal.brief import Briefing, PhaseBriefing
from harness.rehearsal.delivery import LiveConnections
from harness.rehearsal.process import RehearsalServer
from harness.rehearsal.rehearsal import RehearsalState
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.request_log import account, read_log
from harness.rehearsal.server import application
from tests.mock_api.serving import Call, body_of, events, with_server


@pytest.mark.parametrize(
    ("scene", "error"),
    [
        ("def scene(ask):\n    return 1 / 0", "scenes.py:3: ZeroDivisionError: division by zero"),
        (
            "def scene(ask):\n    return None",
            "scenes.py: scene(ask) must return Records, Turn or InjectedFault, got None",
        ),
        ("def scene(ask):\n    return Turn(['x'])", "scenes.py: a Turn is made of Text and Tool, got 'x'"),
        ("def scene(ask):\n    return InjectedFault('refusl')", "scenes.py:3: ValueError: unknown fault 'refusl'"),
        ("def scene(ask):\n    raise SystemExit(3)", "scenes.py:3: SystemExit: 3"),
        ("def scene(ask):\n    return Records([{1, 2}])", "the records are not valid JSON"),
    ],
)
def test_a_wrong_scene_is_told_with_its_line(scene: str, error: str, state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1")

    async def use(server: RehearsalServer, call: Call) -> None:
        response = await call(session)
        assert (response.status_code, response.json()["error"]["type"]) == (418, "rehearsal_scene_error")
        assert error in response.json()["error"]["message"]
        assert error in account(server.log).errors[0]

    with_server(state, use, scene=scene)


@pytest.mark.parametrize(
    ("scene", "problem"),
    [
        ("x = (", "scenes.py:2: SyntaxError"),
        ("import nothing_of_that_name", "scenes.py:2: ModuleNotFoundError"),
        ("y = 1", "scenes.py: has no function scene(ask)"),
    ],
)
def test_a_scene_that_cannot_be_loaded_starts_nothing(scene: str, problem: str, state: Path) -> None:
    async def use(server: RehearsalServer, call: Call) -> None: ...

    with pytest.raises(UsageError) as caught:
        with_server(state, use, scene=scene)
    assert problem in str(caught.value)


def test_a_fault_of_the_server_is_its_own_and_neither_the_requests_nor_the_providers(
    state: Path, add_attempt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A status that stops the rehearsal, as a broken scene does; the server goes on answering others."""

    def has_a_bug(*_: Any) -> None:
        raise KeyError("a bug of ours")

    monkeypatch.setattr(RehearsalState, "_answered", has_a_bug)
    add_attempt("A1")
    briefing = Briefing(strict=False)
    rehearsal = RehearsalState(Attempts(state), RequestHistory(state / "requests.jsonl"), None, [], 0, briefing)

    async def ask() -> httpx2.Response:
        served = httpx2.ASGITransport(application(rehearsal, LiveConnections()))
        async with httpx2.AsyncClient(transport=served, base_url="http://here") as client:
            return await client.post("/v1/messages", json=body_of(stream=False))

    answered = asyncio.run(ask())
    error = answered.json()["error"]
    assert (answered.status_code, error["type"]) == (418, "rehearsal_server_error")
    assert error["message"].startswith("the rehearsal server itself failed (KeyError: 'a bug of ours')")
    assert answered.headers["x-should-retry"] == "false"
    fault = classify(Symptoms(api_error_status=418, text=f"API Error: 418 {error['message']}", is_error=True))
    assert fault is not None and (fault.kind, fault.blame) == (FaultKind.BROKEN_SCENE, "config")


def test_wrong_faults_start_nothing(state: Path) -> None:
    async def use(server: RehearsalServer, call: Call) -> None: ...

    with pytest.raises(UsageError, match="did you mean"):
        with_server(state, use, faults="refusl")


def test_a_scene_that_asks_for_what_was_not_told_is_not_blamed_itself(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1")
    briefing = Briefing(True, {"main": PhaseBriefing("prompts/task.md", ".id", named_in("About {{ item.id }}"))})

    async def use(server: RehearsalServer, call: Call) -> None:
        told = await call(session, messages=[{"role": "user", "content": "About A1\n## Output\nA1"}])
        assert (told.status_code, told.json()["error"]["type"]) == (417, "rehearsal_prompt_error")
        assert told.json()["error"]["message"].startswith("scenes.py:3: vars.course is not in the request")
        silent = await call(session, messages=[{"role": "user", "content": "Be good.\n## Output\nA1"}])
        assert "prompts/task.md gives a session only the id of 'A1'" in silent.json()["error"]["message"]
        assert len(account(server.log).untold) == 2 and not account(server.log).errors

    spec = next((state / "attempts").iterdir()) / "spec.json"
    spec.write_text(json.dumps({**json.loads(spec.read_text()), "vars": {"course": "ita"}}))
    scene = "def scene(ask):\n    return Records([{'id': id, 'course': ask.vars['course']} for id in ask.ids])\n"
    with_server(state, use, scene, briefing=briefing)


ODD = [b"[]", b"null", b"\xff", b"[" * 100_000, *(json.dumps(odd).encode() for odd in (
    {"messages": 5}, {"messages": ["x"]}, {"messages": [{"role": "user", "content": 5}]}, {"model": {}, "system": 7},
    {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": [], "input": []}]}]},
    {"messages": [], "tools": 3}, {"max_tokens": "x", "tools": [None]},
))]  # fmt: skip


def told_of(secret: str, pid: int, folder: Path) -> list[str]:
    """Where a secret can be read: arguments of the process, files."""
    files = [Path(f"/proc/{pid}/cmdline"), *(path for path in folder.rglob("*") if path.is_file())]
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


def test_only_who_knows_the_path_is_answered_and_odd_or_huge_bodies_harm_nobody(state: Path, add_attempt: Any) -> None:
    session = add_attempt("A1")

    async def use(server: RehearsalServer, call: Call) -> None:
        bare = f"http://127.0.0.1:{server.port}"
        assert len(server.path) > 30 and told_of(server.path, server.pid, state) == []
        async with httpx2.AsyncClient(timeout=20) as client:
            headers = {"x-claude-code-session-id": session}
            for url in (bare, f"{bare}/{'x' * 32}", bare + server.path[:-1]):
                assert (await client.post(f"{url}/v1/messages", json=body_of(), headers=headers)).status_code == 404
            evil = {**headers, "host": "evil.example"}
            assert (await client.post(f"{server.url}/v1/messages", json=body_of(), headers=evil)).status_code == 403
            assert read_log(server.log) == []
            for path in ("/v1/messages", "/v1/messages/count_tokens"):
                for body in ODD:
                    answered = await client.post(server.url + path, content=body, headers=headers)
                    assert answered.status_code in (200, 400, 418) and answered.headers["content-type"] != "text/plain"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST {server.path}/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: {65 << 20}\r\n\r\n"
        writer.write(head.encode())
        assert b" 413 " in await reader.readline()
        writer.close()
        assert events(await call(session))[-1]["type"] == "message_stop"

    with_server(state, use)


def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large() -> None:
    chunk, taken, said = b"x" * (1 << 20), 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        assert taken < 70, "nobody has stopped it"
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Any) -> None:
        said.append(message)

    async def reads(request: Request) -> Response:
        await request.body()
        return Response()

    inner = Starlette(routes=[Route("/a", reads, methods=["POST"])], exception_handlers={BodyTooLargeError: too_large})
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/secret/a",
        "query_string": b"",
        "headers": [(b"host", b"localhost:1")],
    }
    asyncio.run(Porter(inner, "/secret")(scope, receive, send))
    assert (said[0]["status"], taken) == (413, 65)
