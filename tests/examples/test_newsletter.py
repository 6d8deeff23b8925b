"""The newsletters: discovered, selected, written within their budget; the next week leaves this one's topics out."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli.main import run
from harness.rehearsal.scene import Ask
from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "newsletter"
WEEK, NEXT = "2026-w49", "2026-w50"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    target = tmp_path / "newsletter"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns(".harness", "output", "__pycache__", "*.json.lock"))
    monkeypatch.chdir(target)
    monkeypatch.setenv("HARNESS_TRUST", "1")
    return target


@pytest.fixture
def runner() -> Any:
    """scripts/batch_runner.py as a module."""
    spec = importlib.util.spec_from_file_location("batch_runner", ROOT / "scripts" / "batch_runner.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["batch_runner"] = module
    spec.loader.exec_module(module)
    return module


def written(folder: Path, week: str) -> list[dict[str, str]]:
    records: list[dict[str, str]] = json.loads((folder / f"output/newsletters@{week}.json").read_text())
    return records


def status(capsys: pytest.CaptureFixture[str], week: str) -> Any:
    capsys.readouterr()
    assert run(["status", "by-program.yaml", "--as", week, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def digest(folder: Path) -> str:
    lines = [f"{path} {path.read_bytes() if path.is_file() else b''!r}" for path in sorted(folder.rglob("*"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@covers("F102")
def test_forty_dollars_pay_for_six_newsletters_sixty_for_eight_and_the_next_week_has_others(
    folder: Path, capsys: pytest.CaptureFixture[str], runner: Any
) -> None:
    """Acceptance: 8 topics of at least 6 categories out of 60; 6 done, $39 spent, 2 pending, exit code 3."""
    week = runner.BatchRunner(WEEK, manifest=folder / "by-program.yaml")
    dry = runner.BatchRunner(WEEK, manifest=folder / "by-program.yaml", dry_run=True)
    before = digest(folder)
    assert dry.run() == 0
    assert digest(folder) == before
    assert week.can_continue()
    assert week.discover() == 3  # something is left for another run
    capsys.readouterr()
    assert status(capsys, WEEK)["phases"][1]["counts"] == {
        "pending": 8, "running": 0, "done": 0, "failed": 0, "blocked": 0, "skipped": 52
    }  # fmt: skip
    assert week.run() == 3
    found = status(capsys, WEEK)
    counts = found["phases"][1]["counts"]
    assert (counts["done"], counts["pending"], counts["skipped"]) == (6, 2, 52)
    assert found["usage"]["cost_usd"] == 39.0
    assert week.can_continue()
    assert week.cost().total == 39.0
    assert run(["launch", "by-program.yaml", "--as", WEEK, "--set", "budget=60"]) == 0
    first = written(folder, WEEK)
    assert len(first) == 8
    assert len({runner.categorize_topic(each["title"]) for each in first}) >= 6
    assert run(["launch", "by-program.yaml", "--as", NEXT, "--set", "budget=60"]) == 0
    second = written(folder, NEXT)
    assert len(second) == 8
    assert not {each["title"] for each in first} & {each["title"] for each in second}
    capsys.readouterr()
    assert run(["report", "by-program.yaml", "--as", WEEK, "--summary"]) == 0
    front = capsys.readouterr().out.split("---")[1]
    told = yaml.safe_load(front)
    assert (told["phase"], told["cost_usd"], told["sessions"]) == ("newsletters", 52.0, 12)
    assert told["provides"] == ["output/newsletters@2026-w49.json"]


def test_the_topics_are_sixty_of_all_eight_categories(runner: Any) -> None:
    topics = _topics_module()
    found = [topic for source in topics.SOURCES for topic in topics.topics_of(source, source.title())]
    assert len(found) == len({topic["title"] for topic in found}) == 60
    chosen = runner.select_diverse_topics(found)
    assert len(chosen) == 8
    assert len({topic["ecom_category"] for topic in chosen}) == 8


def _topics_module() -> Any:
    spec = importlib.util.spec_from_file_location("newsletter_topics", EXAMPLE / "topics.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_scene_answers_with_what_the_request_holds_and_a_hasty_source_mends_its_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    spec = importlib.util.spec_from_file_location("newsletter_scenes", EXAMPLE / "scenes.py")
    assert spec is not None and spec.loader is not None
    scenes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scenes)

    def records(phase: str, id_: str, row: dict[str, Any], **reasons: list[str]) -> Any:
        views: list[dict[str, Any]] = [{"id": id_, "data": row, "file": None, "records": []}]
        ask = Ask(
            phase=phase, batch="1", items=views, ids=[id_], tries=0, attempt=0, reasons=reasons, vars={}, output={},
            context={}, cwd="", turn=0, prompt="", tool_results=[], seed=0,
        )  # fmt: skip
        return scenes.scene(ask).records

    assert len(records("discover", "reddit", {"name": "Reddit"})[0]["topics"]) == 15
    assert len(records("discover", scenes.HASTY, {"name": "Apify"})[0]["topics"]) == 3
    assert len(records("discover", scenes.HASTY, {"name": "Apify"}, apify=["too short"])[0]["topics"]) == 15
    told = records("newsletters", "x-1", {"title": "A plain title", "source": "Reddit"})[0]
    assert told["title"] == "A plain title" and "Reddit" in told["body"]


def test_the_two_manifests_select_alike() -> None:
    first, second = (yaml.safe_load((EXAMPLE / f"{name}.yaml").read_text()) for name in ("newsletter", "by-program"))
    assert first["phases"]["newsletters"]["items"] == second["phases"]["newsletters"]["items"]
    assert len(first["phases"]["newsletters"]["items"]["select"]["category"]["words"]) == 8


@covers("F96", "F97", "F98", "A38")
def test_the_document_s_flags_are_commands_with_their_exit_codes(folder: Path) -> None:
    """`--check-keys` alone names what is set; flags may be combined; values are never shown."""
    script = ROOT / "scripts" / "batch_runner.py"

    def asked(*flags: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "HARNESS_TRUST": "1", **environ}
        words = [sys.executable, str(script), "--manifest", str(folder / "newsletter.yaml"), "--week", WEEK, *flags]
        return subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, check=False)

    before = digest(folder)
    keyless = asked("--check-keys")
    assert (keyless.returncode, "ANTHROPIC_API_KEY" in keyless.stdout) == (4, True)
    secret = "sk-ant-api03-made-up-0123456789"
    both = asked("--check-keys", "--dry-run", ANTHROPIC_API_KEY=secret, APIFY_TOKEN="token-9876543")
    assert both.returncode == 0, both.stderr
    assert "APIFY_TOKEN is set" in both.stdout and "REDDIT_CLIENT_ID is not set" in both.stdout
    assert "no session was started" in both.stdout
    assert secret not in both.stdout + both.stderr and "token-9876543" not in both.stdout + both.stderr
    assert digest(folder) == before
