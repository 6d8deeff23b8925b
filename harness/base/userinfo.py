"""User and password in addresses: found, and taken out."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

_USERINFO = re.compile(r"^(?P<scheme>(?:(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//)?)(?P<userinfo>[^/?#]*)@")
"""Also of an address without a scheme, `user:password@host`; everything before the last @ of the host."""


def userinfo(address: str) -> str:
    """`user:password` as it is written; empty without one."""
    found = _USERINFO.match(address.strip())
    return found["userinfo"] if found else ""


def without_userinfo(address: str) -> str:
    """The address as it may be shown."""
    return _USERINFO.sub(r"\g<scheme>", address.strip())


def secrets_of(address: str) -> Iterator[str]:
    """User and password together, as Basic authentication sends them, and the password; as written and as meant."""
    if written := userinfo(address):
        for text in (written, unquote(written)):
            yield text
            password = text.partition(":")[2]
            if password:
                yield password
