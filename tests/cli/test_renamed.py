"""A folder or a manifest under a new name is told its cure: what was done under the old name is gone on with."""

import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from tests.cli.conftest import merged

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import Desk


def test_a_renamed_folder_and_a_renamed_manifest_go_on_as_their_hints_say(
    desk: "Desk", monkeypatch: "pytest.MonkeyPatch"
) -> None:
    desk.job({"a": "good", "b": "good"})
    manifest = desk.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace("job: Numbers\n", ""))
    assert desk.types("launch", "--first", "1").code == 0
    folder = desk.folder.rename(desk.folder.with_name("elsewhere"))
    monkeypatch.chdir(folder)
    for command in ("check", "launch"):
        said = desk.types(command)
        assert (said.code, "--reset" in said.err) == (2, False)
        assert "its ledger belongs to the job 'work', not 'elsewhere'" in said.err
    found = re.search(r"write (job: \S+) into it", desk.types("check", "--only", "plan").err)
    assert found is not None
    (folder / "job.yaml").write_text(f"{found[1]}\n{(folder / 'job.yaml').read_text()}")
    assert desk.types("check", "--only", "plan").code == 0

    (folder / "job.yaml").rename(folder / "night.yaml")
    said = desk.types("launch", "night.yaml")
    assert (said.code, "--reset" in said.err) == (2, False)
    assert "error: night.yaml: .harness/job holds work of the job 'work', whose manifest job.yaml is gone" in said.err
    back, under = re.findall(r"`(mv [^`]+)`", said.err)
    for command in (back, under):
        subprocess.run(shlex.split(command), check=True, cwd=folder)
        if command == back:
            assert "1 of 2 numbers done" in desk.types("status").out
            (folder / "job.yaml").rename(folder / "night.yaml")
    assert desk.types("launch", "night.yaml").code == 0
    assert [record["id"] for record in merged(folder)] == ["a", "b"]


def test_another_job_in_the_folder_of_a_finished_one_needs_a_name_only(desk: "Desk") -> None:
    desk.job({"a": "good"})
    assert desk.types("launch").code == 0
    (desk.folder / "job.yaml").unlink()
    desk.job({"a": "good"}, stem="next")
    assert desk.types("launch", "next.yaml").code == 2
    text = (desk.folder / "next.yaml").read_text()
    (desk.folder / "next.yaml").write_text(text.replace("job: Numbers", "job: Others"))
    assert desk.types("launch", "next.yaml").code == 0
