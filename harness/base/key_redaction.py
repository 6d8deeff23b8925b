"""Redacts the values of keys in what the user's own programs say."""

import json
from collections.abc import Mapping

_LEAST_SECRET = 6
"""A shorter value is no secret, and redacting it would garble every other word."""


def without_values(content: bytes, variables: Mapping[str, str]) -> bytes:
    """What a program says, with the values of the keys that it was given redacted: reasons are kept and shown."""
    for name, value in variables.items():
        for form in {value.encode(errors="surrogateescape"), json.dumps(value)[1:-1].encode()}:
            content = content.replace(form, f"[{name}]".encode()) if len(form) >= _LEAST_SECRET else content
    return content
