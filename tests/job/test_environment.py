"""Laws of `session.env`, `helper` and `auth`: a closed list, and never a secret in a manifest."""

from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.environment import ALLOWED, uses_cloud
from harness.job.fingerprint import fingerprint
from harness.job.job import Job
from harness.job.load import load

MANIFEST = """
items: {file: items.csv}
budget: none
output: {key: .id, fields: {id: string}}
session:
  model: sonnet
  prompt: look at it
"""


def job(folder: Path, session: str = "", rest: str = "", *, rehearsal: bool = False) -> Job:
    (folder / "items.csv").write_text("id\n1\n")
    (folder / "job.yaml").write_text(f"{MANIFEST}{session}{rest}")
    return load(folder / "job.yaml", rehearsal=rehearsal)


def refused(folder: Path, session: str = "", rest: str = "") -> str:
    with pytest.raises(UsageError) as refusal:
        job(folder, session, rest)
    return str(refusal.value)


def test_words_files_and_names_of_variables_are_passed_on(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("made up")
    env = "  env: {CLAUDE_CODE_USE_BEDROCK: true, AWS_REGION: eu-west-1, AWS_BEARER_TOKEN_BEDROCK: $TOKEN, "
    passed = job(tmp_path, env + "NODE_EXTRA_CA_CERTS: ca.pem}\n").phases[0].session.env
    assert passed == {
        "CLAUDE_CODE_USE_BEDROCK": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_BEARER_TOKEN_BEDROCK": "$TOKEN",
        "NODE_EXTRA_CA_CERTS": str(tmp_path / "ca.pem"),
    }


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("AWS_REGIO: eu-west-1", "session.env.AWS_REGIO: is not passed on to sessions, did you mean 'AWS_REGION'?"),
        ("LD_PRELOAD: /tmp/x.so", "is not passed on"),
        ("NODE_OPTIONS: --require=x", "is not passed on"),
        ("CLAUDE_CODE_OAUTH_REFRESH_TOKEN: $X", "is not passed on"),
        ("AWS_BEARER_TOKEN_BEDROCK: abcdef", "a secret does not belong in a manifest"),
        ("ANTHROPIC_CUSTOM_HEADERS: 'X-Key: abc'", "a secret does not belong in a manifest"),
        ("HTTPS_PROXY: http://me:pass@proxy:8080", "a secret does not belong in a manifest"),
        ("AWS_REGION: $not-a-name", "expected $NAME"),
        ("NODE_EXTRA_CA_CERTS: missing.pem", "missing.pem"),
        ("AWS_PROFILE: work", "does not see ~/.aws"),
    ],
)
def test_everything_else_is_refused_at_its_line(tmp_path: Path, env: str, said: str) -> None:
    text = refused(tmp_path, f"  env: {{{env}}}\n")
    assert said in text
    assert "job.yaml:8:" in text
    assert "pass@" not in text


def test_a_rehearsal_is_given_nothing_of_it(tmp_path: Path) -> None:
    session = job(tmp_path, "  env: {HTTPS_PROXY: $HTTPS_PROXY}\n", rehearsal=True).phases[0].session
    assert session.env == {}


def test_the_way_to_the_model_shapes_no_record(tmp_path: Path) -> None:
    plain = fingerprint(job(tmp_path))
    assert fingerprint(job(tmp_path, "  env: {AWS_REGION: eu-west-1}\n", "auth: api_key\n")) == plain


@pytest.mark.parametrize(
    ("env", "is_cloud"),
    [
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, True),
        ({"CLAUDE_CODE_USE_VERTEX": "$USE_VERTEX"}, True),
        ({"CLAUDE_CODE_USE_BEDROCK": "0"}, False),
        ({"AWS_REGION": "eu-west-1"}, False),
    ],
)
def test_a_session_that_asks_a_cloud_is_known(env: dict[str, str], is_cloud: bool) -> None:
    assert uses_cloud(env) is is_cloud


def test_a_helper_is_a_program_with_a_lifetime(tmp_path: Path) -> None:
    (tmp_path / "key.sh").write_text("#!/bin/sh\necho key\n")
    (tmp_path / "key.sh").chmod(0o755)
    helper = job(tmp_path, rest="helper: {command: [./key.sh, prod], lifetime: 10m}\nauth: helper\n").helper
    assert helper is not None
    assert helper.command == (str(tmp_path / "key.sh"), "prod")
    assert helper.lifetime.total_seconds() == 600


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("auth: helper\n", "auth: helper is not written"),
        ("helper: {command: [no-such-program-here]}\n", "no-such-program-here"),
        ("helper: {command: []}\n", "helper.command"),
        ("auth: keychain\n", "auth"),
    ],
)
def test_a_helper_that_is_not_there_is_told(tmp_path: Path, rest: str, said: str) -> None:
    assert said in refused(tmp_path, rest=rest)


def test_the_page_on_authentication_lists_every_name() -> None:
    page = (Path(__file__).parents[2] / "docs" / "authentication.md").read_text()
    assert [name for name in ALLOWED if f"`{name}`" not in page] == []
