"""Whether a provider can be reached at all: what never left this machine was not billed."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

_PATIENCE_S: Final = 2.0


async def is_within_reach(address: str) -> bool:
    """Whether somebody accepts a connection at the host and port of this URL, within two seconds."""
    parts = urlsplit(address)
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, ValueError, TimeoutError):
        return False
    writer.close()
    return True
