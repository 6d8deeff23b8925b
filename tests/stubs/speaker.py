"""A CLI that speaks the stream's protocol badly; SCENARIO is set by whoever makes a program of this text.

mute: says nothing, ever. deaf: ends before the handshake. junk: prints lines of every wrong kind around a good
session. bigline: one line that is too long. flood: control messages without end. odd: control messages that break the
SDK's reader, then a good session. torrent: lines without end. no-result: ends without its result. echo: says the
credential wherever it can. stays: does not end after its result.
"""

import json
import os
import sys
import time
from pathlib import Path


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def main(scenario: str) -> int:
    if scenario == "mute":
        time.sleep(3600)
    if scenario == "deaf":
        return 3
    request = json.loads(sys.stdin.readline())
    response = {"subtype": "success", "request_id": request["request_id"], "response": {}}
    say(type="control_response", response=response)
    sys.stdin.readline()
    say(type="system", subtype="init", model="stub", session_id="s", claude_code_version="0")
    if scenario == "bigline":
        for _ in range(64):
            sys.stdout.write("x" * (1 << 20))
        sys.stdout.flush()
        time.sleep(3600)
    if scenario in ("flood", "torrent"):
        kind = "control_request" if scenario == "flood" else "novelty"
        for number in range(100_000):
            say(type=kind, request_id=str(number), request={"subtype": "can_use_tool"}, padding="x" * 1000)
        time.sleep(3600)
    if scenario == "odd":
        for line in ({}, {"request": "x", "request_id": "1"}, {"request": {"subtype": 3}, "request_id": []}):
            say(type="control_request", **line)
        say(type="control_response", response="x")
        say(type="control_novelty")
    if scenario == "echo":
        secret = os.environ["CLAUDE_CODE_OAUTH_TOKEN"]
        print(secret, file=sys.stderr, flush=True)
        print(f"not even JSON: {secret}")
        say(type="assistant", message={"model": "stub", "id": "m", "content": [{"type": "text", "text": secret}]})
        say(type="result", subtype="success", is_error=True, result=f"the key {secret} is no good")
        return 1
    if scenario == "no-result":
        return 0
    if scenario == "junk":
        print('no json at all\n\n[1, 2]\n{"half":\nnull', flush=True)
        say(type="novelty", message=[{"type": 3}])
        say(type="assistant", message="not an object")
        say(type="result" + "s", is_error=True)
    Path("output.json").write_text('[{"id": "a"}]')
    say(type="result", subtype="success", is_error=False, num_turns=1, total_cost_usd=0.5, result="done")
    if scenario == "stays":
        time.sleep(3600)
    return 0


if "SCENARIO" in globals():
    sys.exit(main(globals()["SCENARIO"]))
