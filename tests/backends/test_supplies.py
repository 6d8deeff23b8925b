"""Laws of what a job authenticates with: the environment before a login, a helper outside, and nothing shown."""

import asyncio
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.backends.credentials import Credential, Supply
from harness.backends.helper import HelperSupply
from harness.backends.login import LoginSupply
from harness.backends.passed_environment import passed_on
from harness.backends.supply import find_supply
from harness.base.errors import UsageError
from harness.core.messages import Message, message
from harness.job.job import HelperSpec, Job
from harness.job.load import load

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
KEY = "sk-ant-api03-made-up-key"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "items.csv").write_text("id\n1\n")
    (tmp_path / "job.yaml").write_text(
        "items: {file: items.csv}\nbudget: none\nsession: {model: sonnet, prompt: look at it}\n"
        "output: {key: .id, fields: {id: string}}\n"
    )
    return load(tmp_path / "job.yaml")


def found(job: Job, environ: dict[str, str]) -> Supply | None:
    return find_supply(job, environ, job.folder / "home", job.folder / "state")


def log_in(job: Job) -> None:
    folder = job.folder / "home" / ".claude"
    folder.mkdir(parents=True)
    told = {"accessToken": "sk-ant-oat01-made-up", "refreshToken": "sk-ant-ort01-made-up", "expiresAt": 4e12 - 1}
    (folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": told}))


def with_env(job: Job, **env: str) -> Job:
    phase = job.phases[0]
    return replace(job, phases=(replace(phase, session=replace(phase.session, env=env)),))


def test_with_nothing_set_a_login_is_used(job: Job) -> None:
    log_in(job)
    supply = found(job, {})
    assert isinstance(supply, LoginSupply)
    assert "login of Claude Code" in supply.describe()


def test_what_is_set_comes_before_a_login(job: Job) -> None:
    log_in(job)
    supply = found(job, {"ANTHROPIC_API_KEY": KEY})
    assert isinstance(supply, Credential)
    assert supply.kind == "api_key"
    assert isinstance(found(replace(job, auth="login"), {"ANTHROPIC_API_KEY": KEY}), LoginSupply)


def test_a_login_is_not_sent_to_a_gateway_unasked(job: Job) -> None:
    log_in(job)
    with pytest.raises(UsageError, match="no credential is set"):
        found(job, {"ANTHROPIC_BASE_URL": "https://gateway.example"})


def test_a_login_that_is_not_there_is_told_with_its_remedy(job: Job) -> None:
    with pytest.raises(UsageError) as refusal:
        found(replace(job, auth="login"), {})
    assert "claude auth login" in str(refusal.value)
    with pytest.raises(UsageError, match="claude setup-token"):
        found(job, {})


def test_a_cloud_needs_no_credential_and_what_it_needs_must_be_set(job: Job) -> None:
    cloud = with_env(job, CLAUDE_CODE_USE_BEDROCK="1", AWS_BEARER_TOKEN_BEDROCK="$TOKEN")
    assert found(cloud, {"TOKEN": "x" * 20}) is None
    with pytest.raises(UsageError, match=r"AWS_BEARER_TOKEN_BEDROCK: \$TOKEN is not set"):
        found(cloud, {})


def test_I10_secrets_that_are_passed_on_are_known_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("made up")
    environ = {
        "TOKEN": "bedrock-canary",
        "HEADERS": "X-One: header-canary\nX-Two: another-canary",
        "https_proxy": "http://me:proxy%20canary@proxy:8080",
        "CA": str(tmp_path / "ca.pem"),
        "OTHER": "other-canary",
    }
    env = {
        "AWS_BEARER_TOKEN_BEDROCK": "$TOKEN",
        "ANTHROPIC_CUSTOM_HEADERS": "$HEADERS",
        "NODE_EXTRA_CA_CERTS": "$CA",
        "AWS_REGION": "eu-west-1",
    }
    passed = passed_on(env, environ)
    canaries = {"bedrock-canary", "header-canary", "another-canary", "proxy%20canary", "proxy canary"}
    assert canaries <= set(passed.secrets)
    assert passed.files == (tmp_path / "ca.pem",)
    assert set(passed.variables) == {*env, "https_proxy"}
    assert "canary" not in repr(passed)


@pytest.mark.parametrize("path", ["relative.pem", "/no/such/file.pem"])
def test_a_file_that_is_not_there_is_told(path: str) -> None:
    with pytest.raises(UsageError, match="absolute path of a file"):
        passed_on({"NODE_EXTRA_CA_CERTS": "$CA"}, {"CA": path})


def test_an_address_that_holds_a_password_is_refused() -> None:
    address = {"ANTHROPIC_BASE_URL": "https://gate.example/v1"}
    assert passed_on(address, {}).variables == address
    with pytest.raises(UsageError):
        passed_on({"ANTHROPIC_BASE_URL": "https://anna:word@gate.example/v1"}, {})


def helper(folder: Path, program: str, gives: Any = "api_key") -> HelperSupply:
    spec = HelperSpec((sys.executable, "-c", program), timedelta(minutes=5), gives, env=("ACCOUNT", "NOT_SET"))
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/home/me", "ACCOUNT": "prod", "CLAUDE_CODE_OAUTH_TOKEN": "canary"}
    return HelperSupply(spec, folder, environ)


def test_a_helper_gets_path_home_lang_and_what_the_manifest_names_of_the_environment(tmp_path: Path) -> None:
    supply = helper(tmp_path, "import os; print(' '.join(sorted(set(os.environ) - {'LC_CTYPE'})))")
    assert asyncio.run(supply.ask(NOW)) is None
    assert supply.current().secret == "ACCOUNT HOME PATH"


def test_a_key_that_a_helper_prints_lives_its_time(tmp_path: Path) -> None:
    supply = helper(tmp_path, "import os; print('key-of-' + os.environ['ACCOUNT'])")
    assert supply.hold(NOW) is not None
    assert asyncio.run(supply.ask(NOW)) is None
    assert supply.current().environment() == {"ANTHROPIC_API_KEY": "key-of-prod"}
    assert supply.hold(NOW + timedelta(minutes=4, seconds=59)) is None
    assert supply.hold(NOW + timedelta(minutes=5)) is not None
    assert supply.hold(NOW - timedelta(hours=1)) is not None, "the clock went back: nobody knows how old it is"
    assert "key-of-prod" not in f"{supply.describe()} {supply.current()!r}"


def test_the_account_of_a_helper_stays_when_its_key_changes(tmp_path: Path) -> None:
    supply = helper(tmp_path, "import time; print(f'key-{time.time_ns()}')")
    asyncio.run(supply.ask(NOW))
    first = supply.current()
    asyncio.run(supply.ask(NOW))
    assert supply.current().secret != first.secret
    assert supply.fingerprint == first.fingerprint


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; print('half a key'); sys.exit(3)", message("helper_failed", exit_code=3)),
        ("pass", message("helper_gave_no_key")),
        ("print('one\\ntwo')", message("helper_gave_no_key")),
        ("print('\\x1b[2J')", message("helper_gave_no_key")),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", message("helper_timed_out", seconds=60)),
    ],
)
def test_a_helper_that_gives_no_key_holds_starts_and_says_why(tmp_path: Path, program: str, why: Message) -> None:
    supply = helper(tmp_path, program)
    assert asyncio.run(supply.ask(NOW)) == why
    hold = supply.hold(NOW)
    assert hold is not None and hold[1] == why


def test_a_helper_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    spec = HelperSpec(("/no/such/program",), timedelta(minutes=5), "api_key")
    failure = asyncio.run(HelperSupply(spec, tmp_path, {}).ask(NOW))
    assert failure is not None and failure.kind == "helper_not_started"


def test_a_helper_and_a_key_in_the_environment_are_refused_until_auth_decides(job: Job) -> None:
    both = replace(job, helper=HelperSpec(("/bin/true",), timedelta(minutes=5), "api_key"))
    assert isinstance(found(both, {}), HelperSupply)
    with pytest.raises(UsageError, match="auth: helper"):
        found(both, {"ANTHROPIC_API_KEY": KEY})
    assert isinstance(found(replace(both, auth="helper"), {"ANTHROPIC_API_KEY": KEY}), HelperSupply)
    assert isinstance(found(replace(both, auth="api_key"), {"ANTHROPIC_API_KEY": KEY}), Credential)


def test_a_helper_for_a_gateway_needs_its_address(job: Job) -> None:
    gateway = replace(job, helper=HelperSpec(("/bin/true",), timedelta(minutes=5), "auth_token"))
    with pytest.raises(UsageError, match="ANTHROPIC_BASE_URL is not set"):
        found(gateway, {})
    supply = found(gateway, {"ANTHROPIC_BASE_URL": "https://gateway.example"})
    assert supply is not None
    assert set(supply.current().environment()) == {"ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"}


def test_M7_a_proxy_may_carry_a_password_which_is_redacted_and_a_gateway_may_not() -> None:
    proxy = "http://svc:p%40ss@proxy:3128"
    secrets = passed_on({}, {"HTTPS_PROXY": proxy}).secrets
    assert {"svc:p%40ss", "svc:p@ss", "p%40ss", "p@ss"} <= set(secrets)
    with pytest.raises(UsageError, match=r"ANTHROPIC_BEDROCK_BASE_URL: the address holds a user or a password"):
        passed_on({"ANTHROPIC_BEDROCK_BASE_URL": "$URL"}, {"URL": "https://svc:secret@there"})
