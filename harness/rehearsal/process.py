"""Starts and ends the rehearsal server, a process of its own."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final, NamedTuple, Self

import harness
from harness.base.errors import BrokenSetupError, Problem, UsageError
from harness.base.files import make_folder, write_private
from harness.base.job_home import JobHome
from harness.evaluation.check_sandbox import SandboxCommand, to_json
from harness.rehearsal.brief import Briefing

_START_S: Final = 60.0
"""Longest wait for the server to listen; it takes half a second on a quiet machine."""
_END_S: Final = 5.0


class WayToTheWeb(NamedTuple):
    """To the proxy of a server: port on loopback, password, and the certificate (PEM) that its sessions trust."""

    port: int
    secret: str
    authority: str


class RehearsalServer:
    """A running server. It ends by itself when this process ends, whatever way."""

    def __init__(self, process: Process, port: int, path: str, web: WayToTheWeb, log: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.port = port
        self.path = path
        """A secret: nobody who asks for another path is answered."""
        self.url = f"http://127.0.0.1:{port}{path}"
        """What ANTHROPIC_BASE_URL is set to."""
        self.web = web
        self.log = log
        """The request log, `<state>/rehearsal/requests.jsonl`; it is continued by the next server."""

    @classmethod
    async def start(
        cls,
        state: Path,
        scene: Path | None = None,
        faults: str = "",
        seed: int = 0,
        briefing: Briefing | None = None,
        sandbox: SandboxCommand | None = None,
    ) -> Self:
        """Start a server for the job whose state folder this is; it listens when this returns.

        Without a briefing nothing is demanded of the prompts; without a sandbox the scene has the user's rights.

        UsageError when the scene or the faults are wrong; BrokenSetupError when it does not come up. The server gets
        an empty environment: no credential can reach a scene.
        """
        folder = make_folder(JobHome(state).rehearsal)
        log = folder / "requests.jsonl"
        words = ["--state", str(state), "--log", str(log), "--port-file", str(folder / "port"), "--seed", str(seed)]
        words += [f"--faults={faults}"] if faults else []
        words += ["--scene", str(scene)] if scene else []
        if sandbox is not None:
            write_private(folder / "sandbox.json", to_json(sandbox))
            words += ["--sandbox", str(folder / "sandbox.json")]
        if briefing is not None:
            write_private(folder / "briefing.json", briefing.to_json())
            words += ["--briefing", str(folder / "briefing.json")]
        stderr = os.open(folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "harness.rehearsal.server",
                *words,
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                cwd=folder,
                env={"PYTHONPATH": str(Path(harness.__file__).parent.parent), "LANG": "C.UTF-8", "PATH": os.defpath},
                start_new_session=True,  # Ctrl-C is for the supervisor; this one ends when its pipe is closed
            )
        finally:
            os.close(stderr)
        try:
            return cls(process, *await _listening(process, folder / "server.log"), log)
        except BaseException:
            await _end(process)
            raise

    async def stop(self) -> None:
        """End the server and wait for its end. The log stays. Calling it twice does no harm."""
        await _end(self._process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def _listening(process: Process, server_log: Path) -> tuple[int, str, WayToTheWeb]:
    """Port, path and web of a server that has come up."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_S):
            line = await process.stdout.readline()
    except TimeoutError:
        raise BrokenSetupError(
            f"the rehearsal server did not come up within {_START_S:g} s; see {server_log}"
        ) from None
    try:
        told = json.loads(line)
    except ValueError:
        raise BrokenSetupError(f"the rehearsal server ended before it listened; see {server_log}") from None
    if "problem" in told:
        raise UsageError([Problem(told["where"], told["problem"])])
    web = told["web"]
    return int(told["port"]), str(told["path"]), WayToTheWeb(int(web["port"]), web["secret"], web["authority"])


async def _end(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
