"""The child program behind `bounded.Bounded`: runs jq, JSON Schema and the user's Python where nothing can be hurt.

Started as a file, alone (`python -I`): imports nothing of ours. Requests come on standard input and answers go to what
was standard output, each as 8 bytes of length and that much JSON. A Python check runs in a fork of its own, so its
globals are fresh each time and its crash is only its own. Arguments: bytes of memory, number of the lifeline pipe.
"""

import contextlib
import fcntl
import importlib
import importlib.util
import json
import os
import resource
import signal
import struct
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import IO, Any

Answer = dict[str, Any]

_LENGTH = struct.Struct(">Q")
_NO_MEMORY = 112
"""Exit code for a question that did not even fit; no signal and no usual code of Python."""
_RLIMIT_LOCKS = 10
"""Marks processes; see base/processes.py, from where nothing is imported here."""
_TRIES = 10
_MOST_ANSWER_BYTES = 64 * 1024 * 1024


class TooBigError(Exception):
    """An answer is longer than what was asked for."""


def main() -> None:
    """Answer requests until standard input ends."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    kept = {name: os.environ[name] for name in sys.argv[4:]}
    os.environ.clear()  # the interpreter adds LC_CTYPE by itself, and a shell in between PWD
    os.environ.update(kept)
    memory, lifeline, locks = map(int, sys.argv[1:4])
    _die_with_parent(lifeline)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CORE, 0)
    if locks and sys.platform == "linux":
        _limit(_RLIMIT_LOCKS, locks)
    while question := _receive(questions):
        _allow_cpu(_cpu_used() + float(question["timeout_s"]) + 1)
        answer = _fork(question, (questions, answers)) if question["do"] in _IN_A_FORK else _answer(question)
        _send(answers, answer)
        if answer.get("kind") == "memory":
            return


def _answer(question: Mapping[str, Any]) -> Answer:
    """Whatever the user's program raises becomes an answer; nothing of it may end or confuse this process."""
    try:
        return {"ok": _DO[question["do"]](question)}
    except MemoryError:
        return {"kind": "memory", "message": "not enough memory"}
    except TooBigError as error:
        return {"kind": "too_big", "message": str(error)}
    except RecursionError:
        return {"kind": "error", "message": "nested too deeply"}
    except BaseException as error:
        answer = {"kind": "error", "message": _in_words(error, question.get("file"))}
        cause = _beside("cause").cause_of(error, question["file"]) if question.get("file") else None
        return {**answer, "cause": cause} if cause else answer


# --- jq ---------------------------------------------------------------------------------------------------------------


def _jq(question: Mapping[str, Any]) -> list[Answer]:
    """For each value `{"results": [...]}`, or `{"results": [], "error": text}`. The program can open no file."""
    with _nothing_to_open():
        program = _as_texts(question["program"], json.dumps(question["variables"]))
        left = question["most"]
        outcomes: list[Answer] = []
        for text in question["texts"]:
            outcome = _jq_once(program.input_text(text), left)
            left -= len(outcome["results"])
            outcomes.append(outcome)
        return outcomes


def _jq_once(stream: Iterable[str], left: int) -> Answer:
    results: list[Any] = []
    try:
        for result in stream:
            if len(results) == left:
                raise TooBigError("more results than asked for")
            results.append(json.loads(result, parse_float=_number))
    except ValueError as error:
        return {"results": [], "error": str(error)}
    return {"results": results}


def _number(text: str) -> int | float:
    """jq makes no difference between 1 and 1.0, and neither does what is hashed of an item."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _check_jq(question: Mapping[str, Any]) -> None:
    with _nothing_to_open():
        _compiled(question["program"], json.dumps(dict.fromkeys(question["variables"])))


@lru_cache(maxsize=64)
def _as_texts(program: str, variables: str) -> Any:
    """The program with each result as its JSON text, in which jq writes every number as it read it.

    As values, numbers are floats, which know no integer above 2^53.
    """
    _compiled(program, variables)  # what is wrong is said of the program as it was written
    return _compiled(f"({program}\n) | tojson", variables)


def _compiled(program: str, variables: str) -> Any:
    import jq

    return jq.compile(program, args=json.loads(variables))


@contextlib.contextmanager
def _nothing_to_open() -> Iterator[None]:
    """jq's import, include and modulemeta read files; with no descriptor to get they cannot."""
    import jq  # noqa: F401  (opened before the door closes)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- modules beside this one ------------------------------------------------------------------------------------------


@lru_cache
def _beside(name: str, room: str = "evaluation") -> Any:
    """A module of ours that needs nothing of ours, loaded when it is asked for."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    return _loaded(f"harness_{name}", os.path.join(package, room, f"{name}.py"))  # noqa: PTH118


def _schema(question: Mapping[str, Any]) -> list[list[list[str]]]:
    complaints: list[list[list[str]]] = _beside("bounded_schema").complaints(question["schema"], question["texts"])
    return complaints


def _refusal(question: Mapping[str, Any]) -> str | None:
    with open(question["path"], "rb") as file:  # noqa: PTH123  (start-up of this program counts)
        content = file.read()
    reader = _beside("strict_json", "base")
    refusal: str | None = reader.refusal_of(content, question["most_bytes"], question["most_records"])
    return refusal


def _call(question: Mapping[str, Any]) -> Any:
    """The one thing of ours that runs here, and only when it is asked for."""
    if question["package"] not in sys.path:
        sys.path.append(question["package"])
    return getattr(importlib.import_module(question["module"]), question["function"])(question["argument"])


def _check_schema(question: Mapping[str, Any]) -> None:
    _beside("bounded_schema").check_schema(question["schema"])


# --- the user's Python ------------------------------------------------------------------------------------------------


def _fork(question: Mapping[str, Any], ours: Sequence[IO[bytes]]) -> Answer:
    """Answer in a fork that dies with this process's group and cannot reach this process's pipes."""
    reading, writing = os.pipe()
    child = _forked()
    if child == 0:
        os.close(reading)
        for pipe in ours:
            os.close(pipe.fileno())
        _allow_cpu(float(question["timeout_s"]) + 1)
        with os.fdopen(writing, "wb") as answers:
            _send(answers, _answer(question))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = _receive(answers)
    _, status = os.waitpid(child, 0)
    return answer or _ended(os.waitstatus_to_exitcode(status))


def _forked() -> int:
    """`os.fork`, tried for some seconds where the machine has no room for a process at this moment."""
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            return os.fork()
        time.sleep(0.2)
    return os.fork()


def _ended(code: int) -> Answer:
    if code == -signal.SIGXCPU:
        return {"kind": "timeout", "message": "used more processor time than it may"}
    how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code} before it answered"
    return {"kind": "crashed", "message": how}


def _python(question: Mapping[str, Any]) -> dict[str, list[Any]]:
    answer = _load(question)(question["items"], question["records"], question["context"])
    return _reasons(answer, question["function"])


def _check_python(question: Mapping[str, Any]) -> None:
    _load(question)


def _load(question: Mapping[str, Any]) -> Any:
    file: str = question["file"]
    sys.path.insert(0, os.path.dirname(file))  # noqa: PTH120  (start-up of this program counts)
    return getattr(_loaded("harness_user_check", file), question["function"])


def _loaded(name: str, file: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _reasons(answer: Any, function: str) -> dict[str, list[Any]]:
    if not isinstance(answer, dict):
        raise TypeError(f"{function} must return {{id: [reason]}}, got {type(answer).__name__}")
    reasons: dict[str, list[Any]] = {}
    for id_, words in answer.items():
        listed = _beside("check_answers").reasons_in(words)
        if not isinstance(id_, str) or listed is None:
            expected = f"{{id: [reason]}} with texts or {_beside('check_answers').OBJECT}"
            raise TypeError(f"{function} must return {expected}, got {id_!r:.80}: {words!r:.80}")
        reasons[id_] = listed
    return reasons


def _in_words(error: BaseException, file: str | None) -> str:
    """`checks.py:12: ValueError: ...` with the innermost line of the user's file; else only what was said."""
    said = f"{type(error).__name__}: {error}" if file else str(error) or type(error).__name__
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"{os.path.basename(file or '')}:{error.lineno}: SyntaxError: {error.msg}"  # noqa: PTH119
    where = f"{os.path.basename(file or '')}:{lines[-1].lineno}: " if lines else ""  # noqa: PTH119
    return (where + said)[:2000]


# --- frames and limits ------------------------------------------------------------------------------------------------


def _receive(pipe: IO[bytes]) -> dict[str, Any]:
    """The next frame; empty when the pipe ended."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return {}
    body = pipe.read(_LENGTH.unpack(head)[0])
    if not body.endswith(b"}"):
        return {}  # the writer died in the middle
    frame: dict[str, Any] = json.loads(body)
    return frame


def _send(pipe: IO[bytes], answer: Answer) -> None:
    try:
        body = json.dumps(answer, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        body = json.dumps({"kind": "error", "message": f"the answer is not JSON: {error}"}).encode()
    except MemoryError:
        body = b'{"kind": "memory", "message": "not enough memory"}'
    if len(body) > _MOST_ANSWER_BYTES:
        said = f"the answer has {len(body):,} bytes, more than {_MOST_ANSWER_BYTES:,}"
        body = json.dumps({"kind": "too_big", "message": said}).encode()
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def _die_with_parent(lifeline: int) -> None:
    """The parent holds the other end of this pipe. When it is gone the kernel sends SIGIO to the whole group, whose
    default action ends a process even inside jq's C loop. PDEATHSIG would fire when the starting *thread* ends."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        if os.read(lifeline, 1) == b"":
            os._exit(0)  # it was gone before this could be arranged


def _limit(which: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS refuses RLIMIT_AS
        resource.setrlimit(which, (value, value))


def _allow_cpu(seconds: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _cpu_used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


_DO = {
    "jq": _jq,
    "check_jq": _check_jq,
    "schema": _schema,
    "check_schema": _check_schema,
    "python": _python,
    "load": _check_python,
    "refusal": _refusal,
    "call": _call,
}
_IN_A_FORK = ("python", "load")

if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        sys.exit(_NO_MEMORY)
