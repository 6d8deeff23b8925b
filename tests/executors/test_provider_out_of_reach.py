"""Laws of a provider that answers wrongly or not at all, with the real CLI against loopback."""

import asyncio
import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from harness.backends import cli_start
from harness.backends.credentials import Credential
from harness.core.types import Ending
from harness.core.work import AttemptSpec
from harness.executors.bubblewrap import Bubblewrap
from tests.covers import covers

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = pytest.mark.linux


def on_claude(bench: "Bench") -> AttemptSpec:
    session = replace(bench.job().phases[0].session, backend="claude", model="sonnet", instructions="", command=())
    return bench.attempt(session, ["a"])


async def asked_at(bench: "Bench", port: int) -> Ending:
    credential = Credential("api_key", "sk-ant-api03-dummy-dummy", f"http://127.0.0.1:{port}", rehearsal=True)
    return await bench.executor(Bubblewrap("bwrap"), credential).run(on_claude(bench), bench.hear)


def test_P25_a_port_that_nobody_listens_at_is_the_network(bench: "Bench", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast(dict[str, str], cli_start.SWITCHES), "CLAUDE_CODE_MAX_RETRIES", "0")
    with socket.socket() as taken:  # bound and never listening: refused, and nobody else can have it
        taken.bind(("127.0.0.1", 0))
        ending = asyncio.run(asked_at(bench, taken.getsockname()[1]))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("network", "provider"), ending.fault
    assert ending.artifacts == ()
    assert ending.facts.counted_usd == 0, "nothing that never left this machine is billed"


@pytest.mark.parametrize("retry_after", ["3600", "Wed, 21 Oct 2026 07:28:00 GMT", "-5", "abc", None])
def test_P04_a_throttle_is_the_providers_whatever_it_says_about_the_wait(
    bench: "Bench", retry_after: str | None
) -> None:
    """`x-should-retry: false` keeps the CLI from waiting by itself: what reaches us is what is tested."""
    body = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "too many requests"}})
    header = f"retry-after: {retry_after}\r\n" if retry_after is not None else ""
    answer = (
        f"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nx-should-retry: false\r\n{header}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}"
    ).encode()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def run() -> Ending:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            return await asked_at(bench, server.sockets[0].getsockname()[1])

    ending = asyncio.run(run())
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("throttled", "provider"), ending.fault


def test_S17_the_version_of_the_cli_is_told_by_each_attempt(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stub = (Path(__file__).parent.parent / "stubs" / "speaker.py").read_text()
    monkeypatch.setattr("harness.backends.cli_start.cli_folder", lambda: tmp_path / "cli")
    versions = []
    for version in ("2.1.197", "2.1.329"):
        shutil.rmtree(tmp_path / "cli", ignore_errors=True)
        (tmp_path / "cli").mkdir()
        text = stub.replace('claude_code_version="0"', f'claude_code_version="{version}"')
        (tmp_path / "cli" / "claude").write_text(f"#!/usr/bin/python3\nSCENARIO = 'good'\n{text}")
        (tmp_path / "cli" / "claude").chmod(0o755)
        ending = asyncio.run(asked_at(bench, 9))
        assert ending.fault is None and len(ending.artifacts) == 1
        versions.append(ending.facts.cli_version)
    assert versions == ["2.1.197", "2.1.329"]


@covers("A73")
def test_O10_a_file_in_the_folder_of_another_attempt_is_nobodys(bench: "Bench") -> None:
    first = bench.stub("ok")
    good = asyncio.run(bench.run(first))
    content = bench.content(good)
    theirs = first.folder / "work" / "output.json"
    other = bench.program(f"open({str(theirs)!r}, 'w').write('[]')")
    ending = asyncio.run(bench.run(other))
    assert theirs.read_text() == "[]" and ending.artifacts == ()
    assert bench.content(good) == content != b"[]"


def test_H08_a_session_whose_folders_vanish_is_an_ending_and_no_error(bench: "Bench") -> None:
    folder = bench.job().state / "attempts" / "000001-p1-b007"
    spec = bench.program(
        f"import os, shutil\nfor name in os.listdir({str(folder)!r}):\n"
        f"    shutil.rmtree(os.path.join({str(folder)!r}, name), ignore_errors=True)\n"
    )
    assert spec.folder == folder
    ending = asyncio.run(bench.run(spec))
    assert ending.artifacts == () and not (folder / "work").exists()
    after = asyncio.run(bench.run(bench.stub("ok")))
    assert after.fault is None and len(after.artifacts) == 1
