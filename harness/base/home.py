"""Paths that begin with `~`, in manifests and on command lines: a shell expands them only where it sees them."""

import os
import re

_AT_HOME = re.compile(r"~[^/]*/|~$")


def at_home(path: str) -> str:
    """`~/x` below this user's home, `~anna/x` below anna's; any other path as it is. ValueError when there is no such
    home, so that nothing is ever written into a folder that is called `~`."""
    if not _AT_HOME.match(path):
        return path
    expanded = os.path.expanduser(path)  # noqa: PTH111  (Path.expanduser raises, and drops a slash at the end)
    if expanded == path:
        raise ValueError(f"{path!r}: the home folder {path.partition('/')[0]!r} does not exist")
    return expanded
