"""The rehearsal server: a local Messages API, in a process of its own, that a job's scene answers for.

    python -m harness.rehearsal.server --state DIR --log FILE --port-file FILE [--scene FILE] [--sandbox FILE]
        [--briefing FILE] [--faults SPEC] [--seed N]

Listens on a free port of 127.0.0.1, writes the number to the port file (whole or not at all) and one line of JSON to
standard output: `{"port": 40123, "path": "/...", "web": {...}}`, or `{"where": ..., "problem": ...}` before it exits
with 2. Only who knows the path is answered. It ends when its standard input is closed, so that it never outlives
whoever started it.
Every request is in the log before its answer.
"""

import argparse
import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from harness.base.errors import UsageError
from harness.base.files import write_atomic
from harness.evaluation.check_sandbox import from_json
from harness.rehearsal.access import BodyTooLargeError, Porter, too_large
from harness.rehearsal.attempt_index import Attempts
from harness.rehearsal.brief import Briefing
from harness.rehearsal.delivery import LiveConnections, protocol_for
from harness.rehearsal.endpoints import CountTokens, Hello, Messages, Models, not_found
from harness.rehearsal.fault_orders import parse_faults
from harness.rehearsal.pages import Web
from harness.rehearsal.proxy import WebProxy
from harness.rehearsal.rehearsal import RehearsalState
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.stage import SceneError, SceneStage


def main() -> None:
    arguments = _arguments()
    try:
        sandbox = from_json(arguments.sandbox.read_bytes()) if arguments.sandbox else None
        scene = SceneStage(arguments.scene.resolve(), sandbox=sandbox) if arguments.scene else None
        orders = parse_faults(arguments.faults)
    except SceneError as error:
        _give_up(error.where, error.message, error.trace)
    except UsageError as error:
        _give_up("--faults", error.message)
    web = scene.web if scene else Web()
    rehearsal = RehearsalState(
        attempts=Attempts(arguments.state),
        history=RequestHistory(arguments.log),
        scene=scene,
        orders=orders,
        seed=arguments.seed,
        briefing=Briefing.read(arguments.briefing) if arguments.briefing else Briefing(strict=False),
        web=web,
    )
    threading.Thread(target=_end_with_parent, daemon=True).start()
    secret = secrets.token_urlsafe(24)
    proxy = WebProxy(web, arguments.log.with_name("web.jsonl"), secret, rehearsal.web_failed)
    _serve(rehearsal, arguments.port_file, proxy, secret)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.rehearsal.server")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--sandbox", type=Path)
    parser.add_argument("--briefing", type=Path)
    parser.add_argument("--faults", default="")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _give_up(where: str, problem: str, trace: str = "") -> NoReturn:
    print(json.dumps({"where": where, "problem": problem}), flush=True)
    print(trace or f"{where}: {problem}", file=sys.stderr, flush=True)
    raise SystemExit(2)


def _serve(rehearsal: RehearsalState, port_file: Path, proxy: WebProxy, secret: str) -> None:
    listener, to_web = _listen(), _listen()
    live = LiveConnections()
    path = f"/{secrets.token_urlsafe(24)}"
    config = uvicorn.Config(
        Porter(application(rehearsal, live), path),
        http=protocol_for(live),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=300,  # the CLI keeps its connection between turns
    )
    port = listener.getsockname()[1]
    write_atomic(port_file, f"{port}\n".encode())
    web = {"port": to_web.getsockname()[1], "secret": secret, "authority": proxy.authority}
    print(json.dumps({"port": port, "path": path, "web": web}), flush=True)
    _Server(config, proxy, to_web).run(sockets=[listener])


def _listen() -> socket.socket:
    # The protocol must be named: asyncio switches Nagle's algorithm off only then, and with it on every answer on a
    # kept connection takes 40 ms more (measured: 48 ms a request with it, 8 ms without).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    return listener


def application(rehearsal: RehearsalState, live: LiveConnections) -> Starlette:
    """The routes of the Messages API that Claude Code and the anthropic client use."""
    return Starlette(
        routes=[
            Route("/v1/messages", Messages(rehearsal, live), methods=["POST"]),
            Route("/v1/messages/count_tokens", CountTokens(), methods=["POST"]),
            Route("/v1/models", Models(), methods=["GET"]),
            Route("/api/hello", Hello(), methods=["GET", "HEAD"]),
        ],
        exception_handlers={404: not_found, 405: not_found, BodyTooLargeError: too_large},
    )


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: SIGTERM ends the process at once, the log is complete at any moment. On its
    loop the proxy serves too."""

    def __init__(self, config: uvicorn.Config, proxy: WebProxy, to_web: socket.socket) -> None:
        super().__init__(config)
        self._proxy = proxy
        self._to_web = to_web

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._serving = await self._proxy.serve(self._to_web)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _end_with_parent() -> None:
    """Standard input is a pipe that only the parent holds; its end is the end of the rehearsal."""
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
