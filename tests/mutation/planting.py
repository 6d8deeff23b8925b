"""A pytest plugin that plants faults one by one: tests are collected once, and each fault has a fork of its own.

The fault is planted in memory, and in the tree for the processes that tests start. Its tests run until one fails.
"""

import json
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.swapping import swap

ORDERS = "MUTATION_ORDERS"
"""The environment's name of a file of lines {name, module, code, tests, seconds}; `code` null: it is in the tree.
Beside it, with the suffix .ended, a line for each is written: {name, ended, by, seconds}."""
_ROOT = Path(__file__).resolve().parents[2]
_GRACE_S = 30.0
_ENDS = {0: "survived", 1: "caught", 3: "not planted", None: "timed out"}


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    if session.testsfailed:
        raise session.Interrupted("a file of tests could not be imported")
    tests = {item.nodeid: item for item in session.items}
    orders = Path(os.environ[ORDERS])
    with orders.with_suffix(".ended").open("a", encoding="utf-8") as ended:
        for order in map(json.loads, orders.read_text(encoding="utf-8").splitlines()):
            result = _try(order, [tests[test] for test in order["tests"] if test in tests])
            ended.write(json.dumps({"name": order["name"], **result}) + "\n")
            ended.flush()
    return True


def _try(order: dict[str, Any], tests: Sequence[pytest.Item]) -> dict[str, Any]:
    file, began = _ROOT / order["module"], time.monotonic()
    before = file.read_text(encoding="utf-8")
    after = before if order["code"] is None else order["code"]
    told, tell = os.pipe()
    try:
        file.write_text(after, encoding="utf-8")
        code = _in_a_fork(lambda: _run(str(file), before, after, tests, tell), _GRACE_S + 2 * order["seconds"])
    finally:
        file.write_text(before, encoding="utf-8")
        os.close(tell)
    with os.fdopen(told, encoding="utf-8") as pipe:
        by = pipe.read()
    return {"ended": _ENDS.get(code, "died"), "by": by, "seconds": round(time.monotonic() - began, 1)}


def _run(file: str, before: str, after: str, tests: Sequence[pytest.Item], tell: int) -> int:
    if before != after and not swap(file, before, after):
        return 3
    for item, following in zip(tests, [*tests[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            os.write(tell, item.nodeid.encode())
            return 1
    return 0


def _in_a_fork(act: Callable[[], int], within_s: float) -> int | None:
    """The exit code of a fork that does `act`; None = it took too long and was killed, with all of its session."""
    child = os.fork()
    if not child:
        os.setsid()
        code = 2
        try:
            code = act()
        finally:
            os._exit(code)
    waits, pidfd = select.poll(), os.pidfd_open(child)
    waits.register(pidfd, select.POLLIN)
    has_ended = waits.poll(within_s * 1000)
    os.close(pidfd)
    if not has_ended:
        os.killpg(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if has_ended else None
