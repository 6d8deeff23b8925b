"""`keys`: the names of variables of the environment that a job's own programs need; never a value of one."""

import re

from harness.job.checker import ManifestChecker
from harness.job.job import KeysSpec
from harness.job.select_words import Keys
from harness.job.yaml_text import ValuePath

_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
"""No small letters: a key that stands here in place of its name is neither taken for one nor ever printed."""
_OURS = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "TZ",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "BASH_ENV",
)


def resolve_keys(checker: ManifestChecker, keys: Keys) -> KeysSpec:
    """The names; problems for what is none, or is named twice, and for a value in place of a name."""
    seen: dict[str, str] = {}
    for kind, names in (("required", keys.required), ("optional", keys.optional)):
        for number, name in enumerate(names):
            place: ValuePath = ("keys", kind, number)
            if not _NAME.fullmatch(name):
                expected = "expected the name of a variable, such as REDDIT_CLIENT_ID"
                hint = "write the name, not the value: a secret does not belong in a manifest"
                checker.complain(place, expected, hint)
            elif name in _OURS or name.startswith("HARNESS_"):
                checker.complain(place, f"{name} is set by harness itself")
            elif name in seen:
                checker.complain(place, f"{name} is named under {seen[name]} already")
            seen.setdefault(name, kind)
    return KeysSpec(tuple(keys.required), tuple(keys.optional))
