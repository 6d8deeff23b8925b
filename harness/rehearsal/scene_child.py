"""The process, in a sandbox or not, that a scene runs in: `python -m harness.rehearsal.scene_child FILE SECONDS`.

Frames, each 8 bytes of length and so many bytes, go over what were standard input and output. The first one out says
that the scene was loaded. Then comes a pickled question in, (`scene`, Ask), (`page`, address) or (`search`, words), for
each reply out, as JSON (`replies`); before it answers, the scene may ask `{"count": [name, match]}` and is given a
number. What it prints goes where errors go.
"""

import importlib.util
import json
import os
import pickle
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import IO, Any, Final

from harness.evaluation.cause import cause_of
from harness.rehearsal.pages import Web, WebError, web_of
from harness.rehearsal.prompt_values import UntoldError
from harness.rehearsal.replies import document_of, problem_of
from harness.rehearsal.scene import Ask

LENGTH: Final = struct.Struct(">Q")


class _TooSlowError(BaseException):
    """Raised in a scene whose time is over; `line` is that of its own file."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Parent:
    """The server, at the other ends of the two pipes; `count` makes it a `History`."""

    def __init__(self) -> None:
        self._questions, self._answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)

    def question(self) -> tuple[str, Any] | None:
        """None when there are no more."""
        head = self._questions.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        what, asked = pickle.loads(self._questions.read(LENGTH.unpack(head)[0]))  # noqa: S301  the server made it
        return what, replace(asked, history=self) if isinstance(asked, Ask) else asked

    def say(self, frame: Mapping[str, Any]) -> None:
        body = json.dumps(frame).encode()
        _write(self._answers, LENGTH.pack(len(body)) + body)

    def count(self, name: str, match: Mapping[str, object]) -> int:
        self.say({"count": [name, dict(match)]})
        head = self._questions.read(LENGTH.size)
        return int(self._questions.read(LENGTH.unpack(head)[0]))


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(content)
    pipe.flush()


class _Scene:
    """The function `scene` of a Python file, and how what it does is said."""

    def __init__(self, path: Path, longest_s: float, parent: _Parent) -> None:
        self._path = path
        self._longest_s = longest_s
        self._parent = parent
        self._web = Web()
        signal.signal(signal.SIGALRM, self._too_slow)

    def load(self) -> Callable[[Ask], Any] | None:
        """None when that was said to be impossible."""
        sys.path.insert(0, str(self._path.parent))  # a scene may import what lies beside it
        try:
            found = importlib.util.spec_from_file_location("rehearsal_scene", self._path)
            if found is None or found.loader is None:
                self._parent.say(self._error("expected a Python file"))
                return None
            module = importlib.util.module_from_spec(found)
            found.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            self._parent.say(self._raised(error))
            return None
        scene = getattr(module, "scene", None)
        if not callable(scene):
            self._parent.say(self._error("has no function scene(ask)"))
            return None
        try:
            self._web = web_of(module)
        except WebError as error:
            self._parent.say(self._error(str(error)))
            return None
        self._parent.say({"loaded": True})
        return scene  # type: ignore[no-any-return]  # whatever it returns is checked

    def answer(self, scene: Callable[[Ask], Any], what: str, asked: Any) -> Mapping[str, Any]:
        try:
            signal.setitimer(signal.ITIMER_REAL, self._longest_s)
            try:
                if what == "page":
                    return {"page": asdict(self._web.page(asked))}
                if what == "search":
                    return {"results": list(self._web.search(asked))}
                reply = scene(asked)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except WebError as error:
            return {"web_error": str(error)}
        except _TooSlowError as error:
            said = f"no answer after {self._longest_s:g} s; a scene must answer at once"
            return self._error(said, line=error.line)
        except (Exception, SystemExit) as error:
            return self._raised(error)
        if problem := problem_of(reply):
            return self._error(problem)
        try:
            return json.loads(json.dumps({"reply": document_of(reply)}))  # type: ignore[no-any-return]
        except (TypeError, ValueError, RecursionError) as error:
            return {"no_json": str(error)}

    def _too_slow(self, _: int, frame: FrameType | None) -> None:
        while frame is not None and Path(frame.f_code.co_filename) != self._path:
            frame = frame.f_back
        raise _TooSlowError(frame.f_lineno if frame else 0)

    def _error(self, message: str, line: int = 0) -> dict[str, Any]:
        where = f"{self._path.name}:{line}" if line else self._path.name
        return {"error": {"where": where, "message": message}}

    def _raised(self, error: BaseException) -> dict[str, Any]:
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, SyntaxError) and error.filename:
            where = f"{Path(error.filename).name}:{error.lineno}"
            return {"error": {"where": where, "message": f"SyntaxError: {error.msg}", "trace": trace}}
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).parent == self._path.parent]
        at = (own or list(frames))[-1:]
        where = f"{Path(at[0].filename).name}:{at[0].lineno}" if at else self._path.name
        is_untold = isinstance(error, UntoldError)
        message = str(error) if is_untold else f"{type(error).__name__}: {error}"
        told = {"where": where, "message": message, "trace": trace, "is_untold": is_untold}
        return {"error": told, "cause": cause_of(error, str(self._path))}


def main() -> None:
    parent = _Parent()
    scene_of = _Scene(Path(sys.argv[1]), float(sys.argv[2]), parent)
    scene = scene_of.load()
    while scene is not None and (question := parent.question()) is not None:
        parent.say(scene_of.answer(scene, *question))


if __name__ == "__main__":
    main()
