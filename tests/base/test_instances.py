"""A state folder is that of one job, one instance of it, or the rehearsal of one of these, and tells which."""

from pathlib import Path

import pytest

from harness.base.instances import StateOrigin, complaint_about, instances_of, origin_of, state_folder, with_instance


@pytest.mark.parametrize("name", ["acme", "2026-w49", "Müller_und_Sohn", "木", "a" * 60])
def test_a_name_is_a_word_of_any_script(name: str, tmp_path: Path) -> None:
    assert complaint_about(name) is None
    for rehearsal in (False, True):
        state = state_folder(tmp_path / "job.yaml", name, rehearsal=rehearsal)
        assert origin_of(state) == StateOrigin(tmp_path / "job.yaml", name, rehearsal)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a.b", "a@b", "-a", "_a", "a b", "CON", "com1", "a" * 61, "e\u0301", "x\n", "a:b"]
)
def test_what_could_be_another_path_or_state_is_no_name(name: str) -> None:
    assert complaint_about(name) is not None


def test_a_manifest_with_an_at_in_its_name_keeps_its_own_state(tmp_path: Path) -> None:
    (tmp_path / "job@acme.yaml").touch()
    state = state_folder(tmp_path / "job@acme.yaml", None, rehearsal=False)
    assert origin_of(state) == StateOrigin(tmp_path / "job@acme.yaml", None, False)
    (tmp_path / "job.yaml").touch()
    state.mkdir(parents=True)
    (state / "ledger.db").touch()
    assert instances_of(tmp_path / "job.yaml") == []


def test_the_instances_of_a_manifest_are_those_with_a_ledger(tmp_path: Path) -> None:
    for name in ("job@b", "job@a", "job@c.rehearsal", "job", "other@d", "job@a.backup-20260101T000000Z", "job@empty"):
        (tmp_path / ".harness" / name).mkdir(parents=True)
        if name != "job@empty":
            (tmp_path / ".harness" / name / "ledger.db").touch()
    assert instances_of(tmp_path / "job.yaml") == ["a", "b"]
    assert instances_of(tmp_path / "job.yaml", rehearsal=True) == ["c"]


def test_the_name_of_an_instance_stands_before_the_ending() -> None:
    assert with_instance(Path("output/posts.json"), "acme") == Path("output/posts@acme.json")
    assert with_instance(Path("output/letters"), "acme") == Path("output/letters@acme")
