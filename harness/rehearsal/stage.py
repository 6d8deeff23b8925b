"""Asks a job's scene, in a process of its own, so that whatever it does comes back as a reply or as a clear error."""

import asyncio
import json
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final, NoReturn, Protocol

import harness
from harness.base.child import PipedChild, start
from harness.base.descriptors import passed_as_descriptors
from harness.evaluation.check_sandbox import SandboxCommand, cure
from harness.evaluation.denials import denied
from harness.rehearsal.pages import Results, Web, WebError
from harness.rehearsal.replies import reply_of
from harness.rehearsal.scene import Ask, Page, Reply
from harness.rehearsal.scene_child import LENGTH
from harness.rehearsal.script import ReplyError

_LONGEST_S: Final = 10.0
"""What a scene gets for one answer."""
_SLACK_S: Final = 5.0
"""How much longer a scene is waited for that does not even hear that its time is over."""
_START_S: Final = 60.0
_MOST_BYTES: Final = 256 * 2**20


class SceneError(Exception):
    """The scene is wrong: `scenes.py:12: ZeroDivisionError: division by zero`. `trace` is the whole traceback.

    `is_untold`: not the scene is, but the prompt, which does not pass on what the scene asks for.
    """

    def __init__(self, where: str, message: str, trace: str = "", *, is_untold: bool = False) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where
        self.message = message
        self.trace = trace
        self.is_untold = is_untold


class Stage(Protocol):
    """Whoever answers in the model's place."""

    async def answer(self, ask: Ask) -> Reply: ...


class SceneStage:
    """The function `scene` of a Python file, loaded in a child. SceneError when the file cannot be loaded.

    To be made, and asked, on the main thread: a sandbox ends with the thread that made it.
    """

    def __init__(self, path: Path, longest_s: float = _LONGEST_S, sandbox: SandboxCommand | None = None) -> None:
        self._path = path
        self._longest_s = longest_s
        self._sandbox = sandbox
        if not path.is_file():
            raise SceneError(path.name, "no such file")
        self._turn = threading.Lock()
        """One question at a time."""
        self._child: _SceneChild | None = self._started()
        self.web = Web(self._page, self._search)
        """What the file declares of the web; to be asked in threads."""

    async def answer(self, ask: Ask) -> Reply:
        """What the scene says. SceneError when it raises, takes too long or returns something else than a reply;
        ReplyError when what it returns is no JSON."""
        if self._child is None:
            self._child = self._started()
        try:
            frame = await asyncio.to_thread(self._asked, self._child, "scene", replace(ask, history=None), ask.count)
        except (TimeoutError, EOFError) as error:
            self.close()
            why = "ended before it answered"
            if isinstance(error, TimeoutError):
                why = f"no answer after {self._longest_s:g} s; a scene must answer at once"
            raise SceneError(self._path.name, why) from None
        return self._understood(frame)

    def close(self) -> None:
        """End the child; the next question starts another."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _started(self) -> "_SceneChild":
        child = _SceneChild(self._path, self._longest_s, self._sandbox)
        try:
            frame = child.read(time.monotonic() + _START_S)
        except (TimeoutError, EOFError):
            child.kill()
            raise SceneError(self._path.name, "its process did not start; see server.log of the rehearsal") from None
        if "loaded" not in frame:
            child.kill()
            self._raise(frame)
        return child

    def _page(self, url: str) -> Page:
        frame = self._found("page", url)
        try:
            return Page(**frame["page"])
        except (KeyError, TypeError) as error:
            raise WebError(f"pages: the answer cannot be read: {error}") from None

    def _search(self, query: str) -> Results:
        return [(str(title), str(url)) for title, url in self._found("search", query).get("results", ())]

    def _found(self, what: str, asked: str) -> Mapping[str, Any]:
        try:
            if self._child is None:
                raise EOFError
            frame = self._asked(self._child, what, asked)
        except (TimeoutError, EOFError):
            raise WebError(f"{what}: the scene did not answer") from None
        if "error" in frame or "web_error" in frame:
            raise WebError(str(frame.get("web_error") or frame["error"].get("message")))
        return frame

    def _asked(
        self, child: "_SceneChild", what: str, asked: object, count: Callable[..., int] = lambda *_, **__: 0
    ) -> Mapping[str, Any]:
        """Blocking; a scene's questions about the past are answered meanwhile."""
        with self._turn:
            deadline = time.monotonic() + self._longest_s + _SLACK_S
            child.write(pickle.dumps((what, asked)), deadline)
            while True:
                frame = child.read(deadline)
                if "count" not in frame:
                    return frame
                name, match = frame["count"]
                child.write(str(count(str(name), **match)).encode(), deadline)

    def _understood(self, frame: Mapping[str, Any]) -> Reply:
        if "no_json" in frame:
            raise ReplyError(f"the records are not valid JSON: {frame['no_json']}")
        if "reply" not in frame:
            self._raise(frame)
        try:
            return reply_of(frame["reply"])
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:  # whatever wrote it is not believed
            raise SceneError(self._path.name, f"its reply cannot be read: {error}") from None

    def _raise(self, frame: Mapping[str, Any]) -> NoReturn:
        told = frame.get("error") or {}
        cause = frame.get("cause")
        missing = (
            denied(cause, self._sandbox.allowed, self._sandbox.folder) if self._sandbox is not None and cause else None
        )
        message = f"{told.get('message')}{f'; {cure(missing)}' if missing else ''}"
        where, trace = str(told.get("where")), str(told.get("trace", ""))
        raise SceneError(where, message, trace, is_untold=told.get("is_untold") is True)


class _SceneChild:
    """The process and its two pipes. Everything that comes from it may be anything."""

    def __init__(self, path: Path, longest_s: float, sandbox: SandboxCommand | None) -> None:
        words = (sys.executable, "-P", "-m", "harness.rehearsal.scene_child", str(path), str(longest_s))
        with passed_as_descriptors(
            (*(sandbox.argv if sandbox else ()), *words), sandbox.contents if sandbox else ()
        ) as (argv, descriptors):
            process = start(
                argv,
                streams=(PIPE, PIPE, None),
                env={"PYTHONPATH": str(Path(harness.__file__).parent.parent), "LANG": "C.UTF-8", "PATH": os.defpath},
                descriptors=descriptors,
                own_session=False,
            )
        self._pipes = PipedChild(process)

    def write(self, body: bytes, deadline: float) -> None:
        """TimeoutError after the deadline (monotonic), EOFError when it has ended."""
        self._pipes.write(LENGTH.pack(len(body)) + body, deadline)

    def read(self, deadline: float) -> Mapping[str, Any]:
        """The next frame. As `write`; EOFError also for what is no frame."""
        size = LENGTH.unpack(self._pipes.read(LENGTH.size, deadline))[0]
        if size > _MOST_BYTES:
            raise EOFError
        try:
            frame = json.loads(self._pipes.read(size, deadline))
        except (ValueError, RecursionError):
            raise EOFError from None
        if not isinstance(frame, dict):
            raise EOFError
        return frame

    def kill(self) -> None:
        self._pipes.process.kill()
        self._pipes.process.wait()
        self._pipes.close()
