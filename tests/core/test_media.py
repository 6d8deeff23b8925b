"""Images and documents are counted by the provider's public rules, however long their base64 is."""

import base64
import json
import struct
import zlib
from typing import Any

import pytest

from harness.core.media import chars_of, image_tokens, media_tokens, pages_of, size_of

NEW, OLD = "claude-sonnet-5-5", "claude-sonnet-4-5"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 2, 0, 0, 0)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0"


def jpeg(width: int, height: int) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", 40_002) + b"\xff\xc0" * 20_000  # a thumbnail's frame is none of this image
    return b"\xff\xd8" + exif + b"\xff\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\0" * 9


def webp(kind: bytes, rest: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + rest


SIZES = [
    png(1400, 1000),
    gif(1400, 1000),
    jpeg(1400, 1000),
    webp(b"VP8X", b"\0\0\0\0" + (1399).to_bytes(3, "little") + (999).to_bytes(3, "little")),
    webp(b"VP8L", b"\x2f" + (1399 | 999 << 14).to_bytes(4, "little")),
    webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 1400, 1000)),
]


@pytest.mark.parametrize("image", SIZES, ids=["png", "gif", "jpeg", "webp", "webp lossless", "webp lossy"])
def test_every_kind_of_image_tells_its_size_in_its_header(image: bytes) -> None:
    assert size_of(image) == (1400, 1000)
    assert size_of(image[:9]) is None


@pytest.mark.parametrize(
    ("size", "model", "tokens"),
    [
        ((1400, 1000), NEW, 1867),
        ((1400, 1000), OLD, 1600),
        ((1000, 1000), OLD, 1333),
        ((200, 200), NEW, 53),
        ((4000, 400), OLD, 328),
        ((8000, 8000), NEW, 4784),
        ((1, 1), NEW, 1),
        (None, NEW, 4784),
        ((1400, 1000), "claude-opus-4-7", 1867),
        ((1400, 1000), "claude-haiku-4-5-20251001", 1600),
        ((1400, 1000), "claude-opus-4-20250514", 1600),
    ],
)
def test_an_image_is_its_pixels_by_750_after_it_was_scaled_to_the_models_limits(
    size: tuple[int, int] | None, model: str, tokens: int
) -> None:
    assert image_tokens(size, model) == tokens


def test_pages_of_a_pdf_are_counted_in_compressed_objects_too() -> None:
    page, tree = b"<< /Type /Page /Parent 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 3 >>"
    packed = zlib.compress(b" ".join([tree, page, page, page]))
    assert pages_of(b"%PDF-1.4\n" + tree + page + page) == 2
    assert pages_of(b"%PDF-1.5\n<< /Type /ObjStm >>\nstream\r\n" + packed + b"\nendstream") == 3
    assert pages_of(b"%PDF-1.5\n<< /Type /Pages /Count 7 >>") == 7
    assert pages_of(b"no pdf") == 1


def medium(kind: str, content: bytes) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "base64", "media_type": "x/y", "data": base64.b64encode(content).decode()}}


def test_a_block_is_as_long_as_its_text_and_its_media_whoever_gave_them_back() -> None:
    picture, paper = (
        medium("image", png(1400, 1000) + b"\0" * 400_000),
        medium("document", b"%PDF /Type /Page /Type /Page"),
    )
    assert media_tokens(paper, NEW) == 6_000
    result = {"type": "tool_result", "content": [{"type": "text", "text": "here"}, picture, paper]}
    text = json.dumps(result)
    assert 4 * (1867 + 6_000) < chars_of(result, text, NEW) < 4 * (1867 + 6_000) + 400
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x" * 1000}}
    assert chars_of(plain, json.dumps(plain), NEW) == len(json.dumps(plain)), "a text is its characters"
