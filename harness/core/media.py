"""How many tokens images and documents are, by the provider's public rules; the length of their base64 says nothing.

An image is width x height / 750 tokens. A larger one is scaled down before: to a long edge of 1,568 pixels and 1,600
tokens for models before 4.7, to 2,576 pixels and 4,784 tokens for later ones. A page of a PDF is 1,500 to 3,000 tokens,
by how much is on it: 3,000 are taken.
"""

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

PIXELS_PER_TOKEN: Final = 750
PAGE_TOKENS: Final = 3_000
_CHARS_PER_TOKEN: Final = 4
_SMALL_EDGE, _SMALL_TOKENS = 1_568, 1_600
_LARGE_EDGE, _LARGE_TOKENS = 2_576, 4_784
_OF_SMALL_IMAGES: Final = re.compile(r"claude-(2|3|instant)|claude-[a-z]+-4(-[0-6])?(-\d{8})?$|claude-[a-z]+-4-[0-6]\b")
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_COUNT: Final = re.compile(rb"/Count\s+(\d{1,6})")
_OBJECT_STREAM: Final = re.compile(rb"/ObjStm\b.*?stream\r?\n", re.DOTALL)
_MOST_INFLATED: Final = 64 * 1024 * 1024
_SOF: Final = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
"""JPEG markers that begin a frame, and tell its size."""


def chars_of(block: Any, text: str, model: str) -> int:
    """The length of a content block whose JSON is `text`, with its media counted as four characters a token."""
    return len(text) + sum(
        _CHARS_PER_TOKEN * media_tokens(medium, model) - _length(medium) for medium in _media_in(block)
    )


def media_tokens(block: Mapping[str, Any], model: str) -> int:
    """The tokens of one `image` or `document` block of a request."""
    source = block["source"]
    content = _decoded(source.get("data")) if source.get("type") == "base64" else b""
    if block["type"] == "document":
        return PAGE_TOKENS * pages_of(content)
    return image_tokens(size_of(content), model)


def image_tokens(size: tuple[int, int] | None, model: str) -> int:
    """Of an image of `size`, width and height in pixels; the most that there is for one of unknown size."""
    is_small = _OF_SMALL_IMAGES.search(model) is not None
    edge, most = (_SMALL_EDGE, _SMALL_TOKENS) if is_small else (_LARGE_EDGE, _LARGE_TOKENS)
    if size is None:
        return most
    scale = min(1.0, edge / max(*size, 1))
    return max(1, min(most, round(size[0] * size[1] * scale * scale / PIXELS_PER_TOKEN)))


def size_of(image: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, JPEG or WebP image, from its header; None for anything else."""
    try:
        if image.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack(">II", image[16:24])
        if image.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack("<HH", image[6:10])
        if image.startswith(b"\xff\xd8"):
            return _size_of_jpeg(image)
        if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
            return _size_of_webp(image)
    except (struct.error, IndexError):
        return None
    return None


def pages_of(pdf: bytes) -> int:
    """Pages of a PDF, those in compressed object streams too; at least 1."""
    found = len(_PAGE.findall(pdf))
    inflated = 0
    for match in _OBJECT_STREAM.finditer(pdf):
        content = _inflated(pdf[match.end() :], _MOST_INFLATED - inflated)
        inflated += len(content)
        found += len(_PAGE.findall(content))
        if inflated >= _MOST_INFLATED:
            break
    return found or max((int(count) for count in _COUNT.findall(pdf)), default=1) or 1


def _media_in(block: Any) -> Iterator[Mapping[str, Any]]:
    """Images and documents anywhere in a block, those that a tool has given back among them."""
    if isinstance(block, Mapping):
        source = block.get("source")
        kind = source.get("type") if isinstance(source, Mapping) else None
        if block.get("type") in ("image", "document") and kind in ("base64", "url", "file"):
            yield block
            return
        for value in block.values():
            yield from _media_in(value)
    elif isinstance(block, list):
        for value in block:
            yield from _media_in(value)


def _length(block: Mapping[str, Any]) -> int:
    data = block["source"].get("data")
    return len(data) if isinstance(data, str) else 0


def _decoded(data: Any) -> bytes:
    try:
        return base64.b64decode(data) if isinstance(data, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _size_of_jpeg(image: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(image):
        if image[at] != 0xFF:
            return None
        marker = image[at + 1]
        if marker in _SOF:
            height, width = struct.unpack(">HH", image[at + 5 : at + 9])
            return width, height
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:  # fill bytes, and markers without a length
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int(struct.unpack(">H", image[at + 2 : at + 4])[0])
    return None


def _size_of_webp(image: bytes) -> tuple[int, int] | None:
    kind = image[12:16]
    if kind == b"VP8X":
        width, height = int.from_bytes(image[24:27], "little"), int.from_bytes(image[27:30], "little")
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(image[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", image[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _inflated(content: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, most)
    except zlib.error:
        return b""
