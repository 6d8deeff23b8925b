"""Laws of credentials: one, named, never shown."""

import pytest

from harness.backends.credentials import Credential, find_credential, rehearsal_credential
from harness.base.errors import UsageError

KEY = "sk-ant-api03-canary-canary-canary"
TOKEN = "sk-ant-oat01-canary-canary-canary"


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"ANTHROPIC_API_KEY": KEY}, "api_key"),
        ({"CLAUDE_CODE_OAUTH_TOKEN": TOKEN}, "oauth_token"),
        ({"ANTHROPIC_AUTH_TOKEN": "t0ken", "ANTHROPIC_BASE_URL": "https://gateway.example"}, "auth_token"),
        ({"ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_OAUTH_TOKEN": "  "}, "api_key"),
    ],
)
def test_the_only_credential_is_the_one(environ: dict[str, str], kind: str) -> None:
    assert find_credential(environ, None).kind == kind


def test_two_credentials_are_refused_by_name_and_never_by_value() -> None:
    with pytest.raises(UsageError) as refusal:
        find_credential({"ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_OAUTH_TOKEN": TOKEN}, None)
    text = str(refusal.value)
    assert "ANTHROPIC_API_KEY and CLAUDE_CODE_OAUTH_TOKEN are both set" in text
    assert "auth: api_key" in text
    assert "canary" not in text


def test_auth_decides_between_two() -> None:
    both = {"ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_OAUTH_TOKEN": TOKEN}
    assert find_credential(both, "oauth_token").secret == TOKEN


@pytest.mark.parametrize(
    ("environ", "auth", "said"),
    [
        ({}, None, "no credential is set"),
        ({"ANTHROPIC_API_KEY": KEY}, "oauth_token", "CLAUDE_CODE_OAUTH_TOKEN is not set"),
        ({"ANTHROPIC_AUTH_TOKEN": "t0ken"}, None, "without ANTHROPIC_BASE_URL"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(environ: dict[str, str], auth: None, said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        find_credential(environ, auth)
    assert said in str(refusal.value)
    assert refusal.value.problems[0].hint


def test_a_session_gets_its_credential_and_nothing_else_of_the_environment() -> None:
    found = find_credential({"ANTHROPIC_API_KEY": KEY, "HOME": "/home/me", "ANTHROPIC_BASE_URL": "http://x"}, None)
    assert found.environment() == {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://x"}


@pytest.mark.parametrize("credential", [Credential("api_key", KEY), rehearsal_credential("http://127.0.0.1:1")])
def test_I10_neither_repr_nor_description_shows_the_secret(credential: Credential) -> None:
    for text in (repr(credential), credential.describe(), credential.fingerprint):
        assert credential.secret not in text


def test_a_rehearsal_says_so_and_opens_nothing() -> None:
    credential = rehearsal_credential("http://127.0.0.1:1")
    assert "rehearsal" in credential.describe()
    assert credential.environment()["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://svc:PASS@gateway", "http://gateway"),
        ("https://svc:PA@SS@gateway:8443/v1?x=1", "https://gateway:8443/v1?x=1"),
        ("svc:PASS@gateway/path", "gateway/path"),
        ("https://PASS@gateway", "https://gateway"),
    ],
)
def test_M7_an_address_with_a_password_is_refused_with_the_one_to_set(address: str, shown: str) -> None:
    with pytest.raises(UsageError) as refusal:
        find_credential({"ANTHROPIC_AUTH_TOKEN": "token", "ANTHROPIC_BASE_URL": address}, None)
    (problem,) = refusal.value.problems
    assert problem.message == "ANTHROPIC_BASE_URL holds a user or a password"
    assert f"ANTHROPIC_BASE_URL={shown} and put the key into ANTHROPIC_AUTH_TOKEN" in str(problem.hint)
    assert "PA" not in f"{problem}".replace("PASSWORD", "").replace("ANTHROPIC_AUTH", "")
    told = Credential("auth_token", "token", address)
    assert told.describe().endswith(f" at {shown}") and any("PA" in secret for secret in told.secrets())


def test_M7_an_address_without_one_is_taken_whatever_signs_it_has() -> None:
    for address in ("https://gateway/v1?mail=a@b", "https://gateway#a@b", "http://127.0.0.1:80/@x"):
        assert find_credential({"ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": address}, None).base_url == address
