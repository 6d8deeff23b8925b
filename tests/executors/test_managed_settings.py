"""Laws of a company's managed settings: the real CLI obeys them in the sandbox too."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends import managed
from harness.backends.start_request import Launch
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import Bubblewrap
from tests.executors.staging import Stage, staged

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = pytest.mark.linux


@pytest.fixture
def stage(bench: "Bench") -> Iterator[Stage]:
    with staged(bench) as stage:
        yield stage


class Managed(Bubblewrap):
    """Shows a company's folder where the CLI looks for it; that of this machine is left alone."""

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Any:
        wrapped = super().wrap(folder, launch)
        here = managed.FOLDERS[0]
        there = [
            word if wrapped.argv[at - 2 : at] != ("--ro-bind", here) else "/etc/claude-code"
            for at, word in enumerate(wrapped.argv)
        ]
        return type(wrapped)(tuple(there), wrapped.env, wrapped.cwd, wrapped.contents)


def company(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    place = folder / "company"
    (place / "managed-settings.d").mkdir(parents=True)
    elsewhere = folder / "elsewhere.json"
    elsewhere.write_text(json.dumps(settings))
    (place / "managed-settings.d" / "10-rules.json").symlink_to(elsewhere)
    monkeypatch.setattr(managed, "FOLDERS", (str(place),))


@pytest.mark.parametrize("bypass", ["allowed", "forbidden"])
def test_M6_a_company_that_denies_a_tool_is_obeyed_in_a_sandbox(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, bypass: str
) -> None:
    rules: dict[str, Any] = {"deny": ["Bash"]}
    if bypass == "forbidden":
        rules["disableBypassPermissionsMode"] = "disable"
    company(stage.bench.folder, monkeypatch, {"permissions": rules})
    assert managed.forbids_bypass() == (bypass == "forbidden")
    spec = stage.spec("environment", tools=("Bash", "Write"))
    asyncio.run(stage.run(spec, Managed("bwrap")))
    said = (spec.folder / "stream.jsonl").read_text()
    assert "PATH=" not in said, "Bash ran"
    assert ('"permissionMode":"dontAsk"' in said) == (bypass == "forbidden")


def test_M6_without_bypass_a_session_still_does_its_work(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    company(stage.bench.folder, monkeypatch, {"permissions": {"disableBypassPermissionsMode": "disable"}})
    spec = stage.spec("environment", tools=("Bash", "Write"))
    asyncio.run(stage.run(spec, Managed("bwrap")))
    said = (spec.folder / "stream.jsonl").read_text()
    assert "PATH=" in said, "Bash may run"
    spec = stage.spec("a")
    assert asyncio.run(stage.run(spec, Managed("bwrap"))).fault is None


def test_M6_settings_that_cannot_be_read_count_as_forbidding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed, "FOLDERS", (str(tmp_path),))
    assert not managed.forbids_bypass() and managed.managed_paths() == [tmp_path]
    for text, forbids in (("{", True), ("[]", True), ("{}", False), ('{"permissions": 1}', False)):
        (tmp_path / "managed-settings.json").write_text(text)
        assert managed.forbids_bypass() == forbids, text
