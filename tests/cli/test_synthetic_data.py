"""Data that says it is synthetic: rehearsed on gladly, never launched on."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.job.load import load
from harness.job.synthetic import refuse_synthetic

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("more", "mark"),
    [
        ("session.command=[cat, facts.json]", "synthetic"),
        ("vars.facts=facts.json", "synthetic"),
        ("items.match=facts.json", "_synthetic"),
    ],
)
def test_a_real_launch_is_refused_while_a_file_that_the_job_names_is_marked_synthetic(
    more: str, mark: str, desk: "Desk"
) -> None:
    desk.job({"1": "good"})
    facts = desk.folder / "facts.json"
    facts.write_text(json.dumps({mark: True, "1": ["one"]}))
    for words in (["launch"], ["launch", "--reset"], ["check"]):
        refused = desk.types(*words, "--set", more)
        assert refused.code == 2 and "facts.json: is marked synthetic" in refused.err, refused
        assert f"without the key {mark!r}" in refused.err
    assert not (desk.folder / ".harness/job/ledger.db").exists()
    facts.write_text(json.dumps({mark: False, "1": ["one"]}))
    assert "synthetic" not in desk.types("check", "--only", "plan", "--set", more).err


def test_the_same_data_can_be_rehearsed(desk: "Desk") -> None:
    desk.job({"1": "good"}, more="vars: {facts: facts.json}\n")
    (desk.folder / "facts.json").write_text('{"_synthetic": "real facts"}')
    assert desk.types("rehearse").code == 0
    assert desk.types("check", "--only", "plan", "--rehearsal").code == 0


def test_the_schools_refuse_a_real_launch_and_say_what_to_replace(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("job.yaml", "checks", "data", "prompts", "scenes"):
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, desk.folder / part)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-no-key")
    refused = desk.types("launch")
    assert refused.code == 2 and "data/donor_drives.json: is marked synthetic" in refused.err
    assert "replace it by the registry's own records of its Get in the Game donor drives" in refused.err
    assert not (desk.folder / ".harness").exists()
    drives = json.loads((desk.folder / "data/donor_drives.json").read_text())
    del drives["_synthetic"]
    (desk.folder / "data/donor_drives.json").write_text(json.dumps(drives))
    refuse_synthetic(load(desk.folder / "job.yaml"))
