"""Laws of the transcript: what its entries come to, in whatever order they are written, and what of it is read."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.backends.cli_stream import StreamReading
from harness.backends.transcript import Transcript, Translation, account_of
from harness.backends.usage_count import Count
from harness.core.faults import classify
from harness.core.prices import cost_of

USAGE = {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 1000}
MODEL = "claude-sonnet-5-5"
PROMPT = {"type": "user", "message": {"role": "user", "content": "do it"}, "version": "2.1.332", "uuid": "u1"}
OVER = {"type": "system", "subtype": "turn_duration", "durationMs": 1}
ONE = cost_of(MODEL, USAGE) or Decimal(0)


def request(id_: str, second: int = 0) -> dict[str, Any]:
    moment = f"2026-12-01T01:00:{second:02}.000Z"
    return {"type": "api-request", "id": id_, "querySource": "repl_main_thread", "timestamp": moment}


def answer(ref: str, *blocks: dict[str, Any], stop: str | None = "end_turn") -> dict[str, Any]:
    message = {"id": f"msg-{ref}", "role": "assistant", "model": MODEL, "stop_reason": stop, "usage": USAGE}
    return {"type": "assistant", "requestRef": ref, "uuid": f"a-{ref}", "message": {**message, "content": list(blocks)}}


def failure(**fields: Any) -> dict[str, Any]:
    message = {"id": "x", "role": "assistant", "model": "<synthetic>", "content": [{"type": "text", "text": "no"}]}
    return {"type": "assistant", "isApiErrorMessage": True, "message": message, **fields}


TEXT = {"type": "text", "text": "all done"}
CALL = {"type": "tool_use", "id": "t1", "name": "Write", "input": {"file_path": "/mnt/work/x"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "done"}


def read(*entries: dict[str, Any]) -> tuple[StreamReading, Count, Translation]:
    count = Count(MODEL, 16000, 100, hears_begins=False)
    reading, translation = StreamReading("s", count=count), Translation("s", MODEL)
    for entry in entries:
        for line in translation.lines(entry):
            reading.take(json.loads(json.dumps(line)))
    return reading, count, translation


def test_what_it_costs_does_not_depend_on_the_order_in_which_requests_are_written_down() -> None:
    tool = {"type": "user", "message": {"content": [RESULT]}}
    first, second = answer("r1", CALL, stop="tool_use"), answer("r2", TEXT)
    orders = (
        (PROMPT, request("r1"), first, tool, request("r2"), second, OVER),
        (PROMPT, request("r1"), request("r2"), first, tool, second, OVER),
        (PROMPT, first, request("r1"), tool, second, request("r2"), OVER),
    )
    for order in orders:
        reading, count, translation = read(*order)
        assert count.usd() == 2 * ONE
        assert (count.broken, translation.turns, translation.is_over) == (0, 2, True)
        assert reading.facts().said == "all done"


def test_an_answer_of_several_blocks_is_charged_once_and_only_when_it_is_complete() -> None:
    reading, count, _ = read(PROMPT, request("r1"), answer("r1", TEXT, stop=None))
    assert count.charges.complete == 0 and (count.usd() or 0) > 0
    assert reading.facts().reached_model
    _, count, _ = read(PROMPT, request("r1"), answer("r1", TEXT, stop=None), answer("r1", CALL), answer("r1", CALL))
    assert count.usd() == ONE


def test_P05_a_usage_limit_is_known_by_its_fields_with_its_reset() -> None:
    info = {"status": "rejected", "resetsAt": 1796089242, "rateLimitType": "five_hour"}
    told = failure(apiError="usage_limit_reached", apiErrorStatus=429, apiErrorParams={"rate_limit_info": info})
    reading, count, translation = read(PROMPT, request("r1"), told, request("r1"))
    reading.take(translation.result(subtype="success", reason="completed", account={"lastCost": 0}))
    fault = classify(reading.symptoms())
    assert fault is not None and fault.kind == "usage_limit" and fault.until is not None
    assert count.usd() == 0


def test_requests_that_were_refused_cost_nothing_and_lost_ones_by_their_time() -> None:
    asked = [request("r1", 0), request("r2", 10), request("r3", 20)]
    _, refused, _ = read(PROMPT, *asked, failure(apiErrorStatus=529, error="server_error"))
    assert refused.usd() == 0
    assert refused.broken == 0
    _, short, _ = read(PROMPT, *asked, answer("r3", TEXT))
    _, long, _ = read(PROMPT, request("r1", 0), request("r2", 29), request("r3", 58), answer("r3", TEXT))
    assert short.broken == long.broken == 2
    assert ONE < (short.usd() or 0) < (long.usd() or 0)


def denials_of(translation: Translation) -> object:
    return translation.result(subtype="success", reason="completed", account={})["permission_denials"]


def test_a_tool_that_was_denied_is_told_with_its_call_and_an_interrupted_one_is_not() -> None:
    denied = {"type": "user", "message": {"content": [RESULT]}, "toolDenialKind": "permission-rule"}
    _, _, translation = read(PROMPT, answer("r1", CALL, stop="tool_use"), denied)
    assert denials_of(translation) == [{"tool_name": "Write", "tool_input": {"file_path": "/mnt/work/x"}}]
    rejected = {**denied, "toolDenialKind": "user-rejected"}
    interrupt = {"type": "user", "message": {"content": []}, "interruptedMessageId": "msg-r1"}
    _, _, translation = read(PROMPT, answer("r1", CALL, stop="tool_use"), rejected, interrupt)
    assert denials_of(translation) == [] and translation.was_interrupted


def test_what_belongs_to_a_subagent_or_is_nothing_known_is_left_out() -> None:
    odd: list[dict[str, Any]] = [{"type": "mode"}, {"type": 7}, {}, {**answer("r9", TEXT), "isSidechain": True}]
    reading, count, _ = read(PROMPT, *odd)
    assert count.charges.complete == 0 and reading.facts().said is None


def test_nothing_outside_of_the_configuration_folder_is_read(tmp_path: Path) -> None:
    config, secret = tmp_path / "config", tmp_path / "secret"
    (config / "projects").mkdir(parents=True)
    secret.mkdir()
    (secret / "s.jsonl").write_text(json.dumps(PROMPT) + "\n")
    (config / "projects" / "linked").symlink_to(secret)
    (config / ".claude.json").symlink_to(secret / "s.jsonl")
    assert list(Transcript(config, "s").entries()) == []
    (config / "projects" / "own").mkdir()
    (config / "projects" / "own" / "s.jsonl").symlink_to(secret / "s.jsonl")
    assert list(Transcript(config, "s").entries()) == []
    assert account_of(config, "/mnt/work", "s") == {}


def test_entries_come_once_and_whole(tmp_path: Path) -> None:
    folder = tmp_path / "projects" / "-mnt-work"
    folder.mkdir(parents=True)
    transcript, file = Transcript(tmp_path, "s"), folder / "s.jsonl"
    assert list(transcript.entries()) == []
    file.write_text('{"type": "a"}\nnot json\n[1]\n{"type"')
    assert list(transcript.entries()) == [{"type": "a"}]
    with file.open("a") as more:
        more.write(': "b"}\n')
    assert list(transcript.entries()) == [{"type": "b"}]
    assert list(transcript.entries()) == []


def test_only_the_account_of_this_session_counts(tmp_path: Path) -> None:
    told = {"projects": {"/mnt/work": {"lastCost": 2.5, "lastSessionId": "s"}}}
    (tmp_path / ".claude.json").write_text(json.dumps(told))
    assert account_of(tmp_path, "/mnt/work", "s")["lastCost"] == 2.5
    assert account_of(tmp_path, "/mnt/work", "other") == {}
