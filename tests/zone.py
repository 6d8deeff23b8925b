"""The local time zone of this process, as tests set it."""

import contextlib
import os
import time
from collections.abc import Iterator


@contextlib.contextmanager
def in_utc() -> Iterator[None]:
    """Local time is UTC inside, and as before afterwards."""
    before = os.environ.get("TZ")
    _set_zone("UTC")
    try:
        yield
    finally:
        _set_zone(before)


def _set_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()
