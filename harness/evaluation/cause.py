"""What the kernel refused a program of the user's that raised: facts, from which `denied` concludes."""

import os
import socket
from collections.abc import Iterator
from typing import Any

_MOST = 20


def cause_of(error: BaseException, file: str) -> dict[str, Any] | None:
    """`{"errno": number or "name", "path": text or None}`, or `{"module": name, "beside": folder}`; None for others.

    Libraries wrap what the kernel said in errors of their own, so what an error was caused by is looked at too. Must
    need nothing of ours: it is loaded in the child too.
    """
    for each in _chain(error):
        if isinstance(each, socket.gaierror):
            return {"errno": "name", "path": None}
        if isinstance(each, ModuleNotFoundError) and each.name:
            return {"module": each.name, "beside": os.path.dirname(file)}  # noqa: PTH120  start-up of the child counts
        if isinstance(each, OSError) and each.errno is not None:
            return {"errno": each.errno, "path": each.filename if isinstance(each.filename, str) else None}
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, `reason` of urllib's among it."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _MOST:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        before = (getattr(each, "reason", None), each.__cause__, each.__context__)
        waiting += [found for found in before if isinstance(found, BaseException)]
