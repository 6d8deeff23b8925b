"""The endpoints of the local Messages API."""

import json
import sys
import time
import traceback
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from harness.core.faults import STATUS_OF_A_BROKEN_SCENE
from harness.core.prices import known_models
from harness.rehearsal.cache import PromptCache, tokens
from harness.rehearsal.delivery import Channel, LiveConnections
from harness.rehearsal.play import Vanish
from harness.rehearsal.refusals import Refuse, plan_headers
from harness.rehearsal.rehearsal import RehearsalState, Speech

SERVER_ERROR = "rehearsal_server_error"
SESSION_HEADER = "x-claude-code-session-id"


class Messages:
    """POST /v1/messages, streaming and not."""

    def __init__(self, rehearsal: RehearsalState, live: LiveConnections) -> None:
        self._rehearsal = rehearsal
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await _body(request)
        if body is None:
            await _refuse("the request's body is not a JSON object")(scope, receive, send)
            return
        try:
            answer = await self._rehearsal.answer(body, request.headers.get(SESSION_HEADER))
        except Exception as error:  # the server goes on for all the others
            await _failed(error)(scope, receive, send)
            return
        channel = Channel(scope, receive, send, self._live)
        headers = {"request-id": f"req_rehearsal_{time.time_ns():x}", "x-rehearsal": "true"}
        if request.headers.get("authorization"):
            headers |= plan_headers(time.time())
        match answer:
            case Refuse():
                await channel.whole(answer.status, answer.body(headers["request-id"]), headers | dict(answer.headers))
            case Speech() if body.get("stream") is True:
                share = await channel.stream(answer, headers)
                if share < 1.0:
                    self._rehearsal.left(answer, share)
            case Speech():
                await channel.whole(200, answer.message.as_json(), headers, answer.seconds)
            case Vanish(how="hang"):
                await channel.hang()
            case Vanish():
                await channel.drop()


class CountTokens:
    """POST /v1/messages/count_tokens: the same estimate as in the accounts."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(Request(scope, receive))
        if body is None:
            response: Response = _refuse("the request's body is not a JSON object")
        else:
            try:
                response = JSONResponse({"input_tokens": tokens(PromptCache().look(body, 0.0).chars)})
            except Exception as error:
                response = _failed(error)
        await response(scope, receive, send)


class Models:
    """GET /v1/models: every model that has a price."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        models = [
            {"type": "model", "id": id_, "display_name": f"{id_} (rehearsal)", "created_at": "2026-01-01T00:00:00Z"}
            for id_ in known_models()
        ]
        ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]}
        await JSONResponse({"data": models, "has_more": False, **ends})(scope, receive, send)


class Hello:
    """GET and HEAD /api/hello: the CLI's sign of life."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"message": "hello from a rehearsal"})(scope, receive, send)


async def not_found(request: Request, error: Exception) -> Response:
    """Anything else, in the API's own form."""
    return _refuse(f"{request.method} {request.url.path} is not part of a rehearsal", "not_found_error", 404)


async def _body(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _failed(error: Exception) -> JSONResponse:
    """A fault of this server: no provider answers so, and it ends the rehearsal. No request of the CLI's is to blame,
    and no prompt."""
    traceback.print_exception(error, file=sys.stderr)
    message = f"the rehearsal server itself failed ({type(error).__name__}: {error}); its server.log has the traceback"
    refusal = Refuse(STATUS_OF_A_BROKEN_SCENE, SERVER_ERROR, message[:500])
    return JSONResponse(refusal.body("req_rehearsal_0"), refusal.status, {"x-should-retry": "false"})


def _refuse(message: str, type_: str = "invalid_request_error", status: int = 400) -> JSONResponse:
    return JSONResponse(Refuse(status, type_, message).body("req_rehearsal_0"), status)
