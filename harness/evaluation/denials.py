"""Whether it was the sandbox that kept a program of the user's from something, by what the kernel answered."""

import errno
import importlib.machinery
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from harness.evaluation.check_sandbox import Allowed, MissingFreedom

NAME_NOT_FOUND: Final = "name"
"""What stands for a name of a machine that could not be looked up, which has no errno."""

_OF_THE_NETWORK = (
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.ECONNREFUSED,
)
_OF_FILES = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR)


def denied(cause: Mapping[str, Any], allowed: Allowed, folder: Path | None) -> MissingFreedom | None:
    """What the program would have to be allowed, so that this does not happen; None when where it runs had no part in
    it. `folder` is the job's, None for a program that runs in no sandbox.

    `cause` is `{"errno", "path"}` or `{"module", "beside"}`, as `bounded_child` tells it. A path counts when there is
    something outside: what is nowhere cannot be found in a sandbox either.
    """
    number, path = cause.get("errno"), cause.get("path")
    if number in (*_OF_FILES, errno.EROFS) and isinstance(path, str) and not path.startswith("/"):
        return "place"
    if "everything" in allowed or folder is None:
        return None
    if cause.get("module"):
        return "everything" if _is_elsewhere(str(cause["module"]), str(cause["beside"])) else None
    if number == NAME_NOT_FOUND or number in _OF_THE_NETWORK:
        return None if "network" in allowed else "network"
    if number == errno.EROFS:
        is_inside = isinstance(path, str) and Path(path).is_relative_to(folder)
        return "write" if is_inside and "write" not in allowed else "everything"
    if number in _OF_FILES and isinstance(path, str) and path.startswith("/"):
        return "everything" if _is_there(path) else None
    return None


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _is_elsewhere(module: str, beside: str) -> bool:
    top = module.partition(".")[0]
    try:
        return importlib.machinery.PathFinder.find_spec(top, [beside, *sys.path]) is not None
    except (ImportError, ValueError, OSError):
        return False
