"""Words of 0.1.0 that manifests and scenes may still hold: read as the words of today, and each named in one line."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.base.texts import TextError, read_text, shown
from harness.job.yaml_text import KeyEntry, Node

_SESSIONS = (("session",), ("rehearsal", "session"), ("phases", None, "session"))
"""Where a manifest describes a session; None = any key."""
_OLD_KEY, _NEW_KEY = "linger", "idle_after_output"
_OLD_SANDBOX, _NEW_SANDBOX = "guardian", "permissions"
_OLD_CLASS = re.compile(r"\bTrouble\b")
_MOST_SCENE_BYTES = 1024 * 1024


def in_todays_words(root: Node, name: str) -> tuple[Node, tuple[str, ...]]:
    """The manifest `name` in the words of today, and a line for each old one."""
    lines: list[str] = []

    def session(node: Node) -> Node:
        if not isinstance(node.content, Mapping) or _OLD_KEY not in node.content or _NEW_KEY in node.content:
            return node
        entries: Mapping[str, KeyEntry] = node.content
        lines.append(_line(f"{name}:{entries[_OLD_KEY].place.line}", _OLD_KEY, _NEW_KEY))
        return replace(node, content={_NEW_KEY if key == _OLD_KEY else key: each for key, each in entries.items()})

    def sandbox(node: Node) -> Node:
        if node.content != _OLD_SANDBOX:
            return node
        lines.append(_line(f"{name}:{node.place.line}", _OLD_SANDBOX, _NEW_SANDBOX))
        return replace(node, content=_NEW_SANDBOX)

    for path in _SESSIONS:
        root = _changed(root, path, session)
    return _changed(root, ("sandbox",), sandbox), tuple(lines)


def key_of_today(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The key that a `--set` names, in the words of today."""
    is_a_session = any(
        len(steps) == len(path) + 1 and all(want in (None, step) for want, step in zip(path, steps, strict=False))
        for path in _SESSIONS
    )
    return (*steps[:-1], _NEW_KEY) if is_a_session and steps[-1] == _OLD_KEY else steps


def old_words_of_scene(scene: Path) -> Iterator[str]:
    """A line for the old word that a scene imports."""
    try:
        text = read_text(scene, most_bytes=_MOST_SCENE_BYTES)
    except TextError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if _OLD_CLASS.search(line):
            yield _line(f"{shown(scene)}:{number}", "Trouble", "InjectedFault")
            return


def _line(where: str, old: str, new: str) -> str:
    return f"{where}: `{old}` is now called `{new}`; the old word still works"


def _changed(node: Node, path: Sequence[str | None], change: Callable[[Node], Node]) -> Node:
    """The node with what lies at `path` changed; nodes without any change are the very same."""
    if not path:
        return change(node)
    if not isinstance(node.content, Mapping):
        return node
    entries: Mapping[str, KeyEntry] = node.content
    content = {
        key: replace(each, node=_changed(each.node, path[1:], change)) if path[0] in (None, key) else each
        for key, each in entries.items()
    }
    return replace(node, content=content)
