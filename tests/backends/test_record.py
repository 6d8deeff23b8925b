"""Laws of what is kept of a session's words: whole lines, no secrets, bounded growth."""

import base64
import json
from pathlib import Path
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from harness.backends.session_record import Drain, Liner, Recorder, Redactor

SECRET = "v3ry-s3cret-value"


def recorder(path: Path, *secrets: str, head: int = 1000, tail: int = 100) -> Recorder:
    return Recorder(path, Redactor(secrets), head_bytes=head, tail_bytes=tail)


def test_I10_secrets_are_redacted_where_bytes_are_written(tmp_path: Path) -> None:
    kept = recorder(tmp_path / "log", SECRET)
    kept.write(f"a {SECRET} b sk-ant-api03-AbC_d-123456 c\n".encode())
    kept.close()
    assert (tmp_path / "log").read_text() == "a [secret] b [secret] c\n"


HARD = 'Authorization: "b\\\\k"/+é %&?=\n{x}'
"""With everything in it that JSON, URLs and base64 write otherwise."""


@given(st.binary(max_size=5), st.binary(max_size=5), st.sampled_from([SECRET, HARD, "kurz€1"]))
def test_M7_a_secret_is_redacted_in_every_form_that_programs_write_it_in(
    before: bytes, behind: bytes, secret: str
) -> None:
    raw = secret.encode()
    inside = json.dumps({"text": secret}), json.dumps({"text": secret}, ensure_ascii=False)
    forms = {
        "raw": raw,
        "JSON": inside[0].encode(),
        "JSON as UTF-8": inside[1].encode(),
        "JSON with its slashes escaped": inside[0].replace("/", "\\/").encode(),
        "JSON in JSON": json.dumps({"line": inside[0]}).encode(),
        "a URL": quote(secret, safe="").encode(),
        "a path": quote(secret).encode().lower().replace(b"authorization", b"Authorization"),
        "a form": urlencode({"k": secret}).encode(),
    }
    cleaned = {name: Redactor([secret]).clean(form) for name, form in forms.items()}
    whole = {name for name, form in forms.items() if b"[secret]" not in cleaned[name]}
    assert not whole
    for encoded in (base64.b64encode(before + raw + behind), base64.urlsafe_b64encode(before + raw + behind)):
        assert b"[secret]" in Redactor([secret]).clean(encoded)


def test_M7_what_is_no_secret_stays_and_json_stays_json() -> None:
    redactor = Redactor([SECRET, HARD])
    innocent = json.dumps(
        {"text": "authorization is b k", "n": [1, 2.5], "base": base64.b64encode(b"innocent" * 9).decode()}
    )
    assert redactor.clean(innocent.encode()) == innocent.encode()
    told = json.loads(redactor.clean(json.dumps({"a": HARD, "b": f'"{SECRET}"'}).encode()))
    assert told == {"a": "[secret]", "b": '"[secret]"'}


def test_a_line_is_on_disk_before_anything_else_happens(tmp_path: Path) -> None:
    kept = recorder(tmp_path / "log")
    kept.write(b"one\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"
    kept.close()


def test_H09_a_flood_keeps_its_head_and_its_tail(tmp_path: Path) -> None:
    kept = recorder(tmp_path / "log", head=20, tail=20)
    for number in range(1000):
        kept.write(b"line %04d\n" % number)
    kept.close()
    content = (tmp_path / "log").read_bytes()
    assert content.startswith(b"line 0000\nline 0001\n")
    assert content.endswith(b"line 0998\nline 0999\n")
    assert b"bytes left out" in content
    assert len(content) < 100


def test_I10_a_secret_in_an_endless_line_is_found_across_the_cuts(tmp_path: Path) -> None:
    kept = recorder(tmp_path / "log", SECRET, head=10_000_000)
    drain = Drain(kept)
    for _ in range(40):
        drain.feed(b"x" * 10_007)
        drain.feed(SECRET[:7].encode())
        drain.feed(SECRET[7:].encode())
    drain.flush()
    kept.close()
    content = (tmp_path / "log").read_bytes()
    assert SECRET.encode() not in content
    assert content.count(b"[secret]") == 40


def test_a_full_disk_ends_the_writing_and_not_the_reading() -> None:
    kept = recorder(Path("/dev/full"))
    kept.write(b"one\n")
    kept.write(b"two\n")
    assert kept.failure is not None
    kept.close()


@given(st.binary(max_size=200), st.lists(st.integers(1, 20)))
def test_lines_do_not_depend_on_how_they_arrive(content: bytes, cuts: list[int]) -> None:
    liner = Liner()
    lines: list[bytes] = []
    rest = content
    for cut in cuts:
        lines += liner.push(rest[:cut])
        rest = rest[cut:]
    lines += liner.push(rest)
    whole = b"".join(lines) + liner.rest()
    assert whole == content
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
