"""`evidence` is refused where no record could ever have any, and it shapes what a job's records are."""

from pathlib import Path

import pytest

from harness.job.change import Change
from harness.job.fingerprint import differences, fingerprint
from harness.job.load import load
from tests.job.conftest import GOOD, problems

FETCHING = GOOD.replace("tools: [Read, Write]", "tools: [Read, Write, WebFetch]")
ASKING = FETCHING.replace("  merge:", "  evidence: .source_url\n  merge:")


def test_one_place_or_several_are_taken_and_are_new_in_the_fingerprint(folder: Path) -> None:
    Path("job.yaml").write_text(ASKING)
    asking = load(Path("job.yaml"))
    assert asking.phases[0].output.evidence == (".source_url",)
    Path("job.yaml").write_text(FETCHING)
    before = fingerprint(load(Path("job.yaml")))
    assert "output.evidence" not in before
    assert differences(before, fingerprint(asking)) == [Change("field_added", "output.evidence", now='[".source_url"]')]
    Path("job.yaml").write_text(ASKING.replace(" .source_url", ' [.a, ".b[].url"]'))
    assert load(Path("job.yaml")).phases[0].output.evidence == (".a", ".b[].url")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            ASKING.replace(", WebFetch]", "]"),
            "output.evidence: no session can fetch pages: WebFetch is not one of its tools",
        ),
        (ASKING.replace(" .source_url", ' ".x["'), "output.evidence[0]: '.x[' is not a valid jq program"),
        (
            ASKING.replace("model: sonnet", "backend: command\n  command: [python3, checks.py]").replace(
                ", WebFetch", ""
            ),
            "is read in the stream of a session of backend: claude",
        ),
    ],
)
def test_evidence_that_nobody_could_give_is_refused_with_its_place(folder: Path, text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text))


def test_what_the_evidence_names_is_kept_of_a_record_with_fields(folder: Path) -> None:
    fields = "  fields: {text: string}\n  evidence: .source_url"
    Path("job.yaml").write_text(
        ASKING.replace("  schema: schema.json", fields).replace("  evidence: .source_url\n  merge", "  merge")
    )
    assert "source_url" in (load(Path("job.yaml")).phases[0].output.known or ())
