"""What `doctor` and `launch` say about credentials, with a made-up login in a made-up home."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.errors import Problem, UsageError

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

MANIFEST = """
items: {file: items.csv}
budget: none
session: {model: sonnet, prompt: look at it}
output: {key: .id, fields: {id: string}}
"""
TOKENS = {"accessToken": "sk-ant-oat01-made-up-canary", "refreshToken": "sk-ant-ort01-made-up-canary"}


@pytest.fixture
def home(desk: "Desk", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where Claude Code is logged in, and a job that needs a credential."""
    config = tmp_path / "made-up-home" / ".claude"
    config.mkdir(parents=True)
    told = {"claudeAiOauth": {**TOKENS, "expiresAt": 3_900_000_000_000, "subscriptionType": "pro"}}
    (config / ".credentials.json").write_text(json.dumps(told))
    monkeypatch.setenv("HOME", str(config.parent))
    (desk.folder / "job.yaml").write_text(MANIFEST)
    (desk.folder / "items.csv").write_text("id\n1\n")
    return config.parent


def test_doctor_says_that_the_login_is_used_and_that_a_key_comes_before_it(
    desk: "Desk", home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = desk.types("doctor")
    assert "the login of Claude Code (a plan: pro)" in said.out
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-made-up-canary")
    with_key = desk.types("doctor")
    assert "ANTHROPIC_API_KEY (an account billed by use)" in with_key.out
    assert "not used" in with_key.out
    assert "canary" not in said.out + said.err + with_key.out + with_key.err


def test_doctor_runs_the_helper_when_asked_and_tells_what_came_of_it(desk: "Desk", home: Path) -> None:
    (desk.folder / "key.sh").write_text("#!/bin/sh\nexit 3\n")
    (desk.folder / "key.sh").chmod(0o755)
    (desk.folder / "job.yaml").write_text(MANIFEST + "helper: {command: [./key.sh]}\n")
    assert "credential  what key.sh prints (api_key); not tested" in desk.types("doctor").out
    said = desk.types("doctor", "--helper")
    assert said.code == 4
    assert "the credential helper failed with exit code 3" in said.out


def test_launch_refuses_what_is_not_set_before_anything_is_started(desk: "Desk", home: Path) -> None:
    session = "session: {model: sonnet, prompt: look at it, env: {AWS_BEARER_TOKEN_BEDROCK: $TOKEN}}"
    (desk.folder / "job.yaml").write_text(MANIFEST.replace("session: {model: sonnet, prompt: look at it}", session))
    said = desk.types("launch")
    assert said.code == 2
    assert "session.env.AWS_BEARER_TOKEN_BEDROCK: $TOKEN is not set" in said.err
    assert not (desk.folder / ".harness").exists()


def test_a_start_on_a_cli_that_was_not_tested_says_so(
    desk: "Desk", home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise UsageError([Problem("test", "stops here")])

    monkeypatch.setattr("harness.cli.run_to_end.to_end", stop)
    assert "was not tested" not in desk.types("launch").err
    monkeypatch.setattr("harness.backends.bundled.TESTED", ("2.0.0", "2.0.1"))
    assert "was not tested with this harness (tested: 2.0.0 to 2.0.1)" in desk.types("launch").err
    assert "was not tested with this harness" in desk.types("doctor").out
