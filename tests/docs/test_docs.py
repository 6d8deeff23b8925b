"""What the docs say is there: tests, files, decisions and commands that they name."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = {path: path.read_text(encoding="utf-8") for path in DOCS}
_FUNCTIONS = {
    name
    for path in (ROOT / "tests").rglob("*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_every_test_that_a_page_names_exists() -> None:
    wrong = {
        path.name: sorted(missing)
        for path, text in PAGES.items()
        if (missing := set(re.findall(r"`(test_\w+)`", text)) - _FUNCTIONS)
    }
    assert not wrong


def test_every_link_leads_somewhere() -> None:
    wrong = [
        f"{path.name}: {link}"
        for path, text in PAGES.items()
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        if "://" not in link and not (path.parent / link).exists()
    ]
    assert not wrong


def test_every_file_of_ours_that_a_page_names_exists() -> None:
    pattern = r"`((?:harness|tests|docs|examples|scripts|bench|tools)/[\w./-]*\w)`"
    wrong = [
        f"{path.name}: {name}"
        for path, text in PAGES.items()
        for name in re.findall(pattern, text)
        if not (ROOT / name).exists()
    ]
    assert not wrong


def test_pages_that_must_be_short_are_short() -> None:
    assert len((ROOT / "AGENTS.md").read_text(encoding="utf-8").splitlines()) <= 120
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 900


def test_the_sample_of_a_run_matches_what_runs_print() -> None:
    """The summary that a run ends with, and an item that is alone in its batch named once."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sample = readme.split("The end of `make demo`")[1].split("```")[1]
    assert not re.search(r"Batch \S+ \((.+?)\)  .*\1", sample)
    last = [
        "Usage: ",
        "Failed:",
        "Run 1 ended ",
        "Next: `harness",
        "The mock API served ",
        "Injected faults: ",
    ]
    assert [begin for begin in last if f"\n{begin}" in sample] == last


def test_the_changelog_has_one_short_line_for_each_change() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if len(line) >= 120 or line.startswith(" ")]
    assert {line for line in lines if line.startswith("### ")} == {"### Added", "### Changed", "### Fixed"}
