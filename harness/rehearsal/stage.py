"""Loads a job's scene and asks it, so that whatever it does comes back as a reply or as a clear error."""

import asyncio
import contextlib
import ctypes
import importlib.util
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

from harness.rehearsal.pages import Web, WebError, web_of
from harness.rehearsal.scene import Ask, Records, Reply, Text, Tool, Trouble, Turn
from harness.rehearsal.told import UntoldError

_LONGEST_S: Final = 10.0
"""What a scene gets for one answer."""


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
    """The function `scene` of a Python file. SceneError when the file cannot be loaded."""

    def __init__(self, path: Path, longest_s: float = _LONGEST_S) -> None:
        self._path = path
        self._longest_s = longest_s
        self.web = Web()
        """What the file declares of the web."""
        self._scene = self._load()

    async def answer(self, ask: Ask) -> Reply:
        """What the scene says. SceneError when it raises, takes too long or returns something else than a reply.

        It runs in a thread of its own, so that even an endless scene cannot stop the server; a thread that is too
        slow is made to raise.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def settle(set_: Callable[[Any], None], value: Any) -> None:
            if not answered.done():
                set_(value)

        def settle_soon(set_: Callable[[Any], None], value: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits for this answer any more
                loop.call_soon_threadsafe(settle, set_, value)

        def ask_scene() -> None:
            try:
                reply = self._scene(ask)
            except (Exception, SystemExit) as error:
                settle_soon(answered.set_exception, self._raised(error))
            else:
                settle_soon(answered.set_result, reply)

        thread = threading.Thread(target=ask_scene, daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(self._longest_s):
                reply = await answered
        except TimeoutError:
            raise self._too_slow(thread) from None
        return self._checked(reply)

    def _load(self) -> Callable[[Ask], Any]:
        if not self._path.is_file():
            raise SceneError(self._path.name, "no such file")
        sys.path.insert(0, str(self._path.parent))  # a scene may import what lies beside it
        found = importlib.util.spec_from_file_location("rehearsal_scene", self._path)
        if found is None or found.loader is None:
            raise SceneError(self._path.name, "expected a Python file")
        module = importlib.util.module_from_spec(found)
        try:
            found.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise self._raised(error) from None
        scene = getattr(module, "scene", None)
        if not callable(scene):
            raise SceneError(self._path.name, "has no function scene(ask)")
        try:
            self.web = web_of(module)
        except WebError as error:
            raise SceneError(self._path.name, str(error)) from None
        return scene  # type: ignore[no-any-return]  # whatever it returns is checked

    def _raised(self, error: BaseException) -> SceneError:
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, SyntaxError) and error.filename:
            return SceneError(f"{Path(error.filename).name}:{error.lineno}", f"SyntaxError: {error.msg}", trace)
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).parent == self._path.parent]
        at = (own or list(frames))[-1:]
        where = f"{Path(at[0].filename).name}:{at[0].lineno}" if at else self._path.name
        if isinstance(error, UntoldError):
            return SceneError(where, str(error), trace, is_untold=True)
        return SceneError(where, f"{type(error).__name__}: {error}", trace)

    def _too_slow(self, thread: threading.Thread) -> SceneError:
        frame: FrameType | None = sys._current_frames().get(thread.ident or 0)
        while frame is not None and Path(frame.f_code.co_filename) != self._path:
            frame = frame.f_back
        where = f"{self._path.name}:{frame.f_lineno}" if frame else self._path.name
        if thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        return SceneError(where, f"no answer after {self._longest_s:g} s; a scene must answer at once")

    def _checked(self, reply: Any) -> Reply:
        problem = _problem_of(reply)
        if problem:
            raise SceneError(self._path.name, problem)
        return reply  # type: ignore[no-any-return]  # it has just been checked


def _problem_of(reply: Any) -> str | None:
    match reply:
        case Trouble(then=None):
            return None
        case Trouble(then=then):
            return _problem_of(then)
        case Records(records=records):
            is_fit = isinstance(records, dict | list | tuple)
            return None if is_fit else f"Records takes a list or a dict, got {records!r:.80}"
        case Turn(blocks=blocks):
            wrong = [block for block in blocks if not isinstance(block, Text | Tool)]
            return f"a Turn is made of Text and Tool, got {wrong[0]!r:.80}" if wrong else None
    return f"scene(ask) must return Records, Turn or Trouble, got {reply!r:.80}"
