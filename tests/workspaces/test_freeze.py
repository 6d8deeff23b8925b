"""Only a plain file of the session's own is taken, as a private copy; nothing it plants instead is followed."""

import os
import socket
import threading
from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.reason import Reason
from harness.core.messages import message
from harness.core.seam import Collected
from harness.core.types import OutputFault
from harness.job.job import OutputSpec
from harness.workspaces.freeze import freeze
from tests.outputs.conftest import why


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    (tmp_path / "artifacts").mkdir()
    return ArtifactStore(tmp_path / "artifacts")


ONE = OutputSpec("out.json", "array", ".id", ".id", (), None, None)
DEEP = OutputSpec("a/b/out.json", "array", ".id", ".id", (), None, None)
FILES = OutputSpec("{id}.md", "files", ".id", ".id", (), None, None)


def _reason(frozen: Collected) -> Reason:
    assert frozen.artifacts == ()
    (fault,) = frozen.output_faults
    return fault.reason


def _missing(name: str, *found: str) -> Reason:
    return why("file_missing", file=name, found=list(found), more=0)


def _special(found: str) -> Reason:
    return why("file_not_regular", found=found, file="out.json")


def test_the_output_is_copied_into_the_store(work: Path, store: ArtifactStore) -> None:
    (work / "out.json").write_bytes(b"[1]")
    frozen = freeze(work, ONE, ["A"], store)
    (artifact,) = frozen.artifacts
    assert (artifact.name, artifact.size_bytes, store.get(artifact.sha)) == ("out.json", 3, b"[1]")
    assert frozen.output_faults == ()
    (work / "out.json").write_bytes(b"changed later")
    assert store.get(artifact.sha) == b"[1]"


def test_an_output_in_a_folder_is_found(work: Path, store: ArtifactStore) -> None:
    (work / "a/b").mkdir(parents=True)
    (work / "a/b/out.json").write_bytes(b"[]")
    assert freeze(work, DEEP, ["A"], store).artifacts[0].name == "a/b/out.json"


def test_O01_a_missing_file_is_told_with_what_is_there(work: Path, store: ArtifactStore) -> None:
    assert _reason(freeze(work, ONE, ["A"], store)) == _missing("out.json")
    (work / "Out.json").write_bytes(b"[]")
    assert _reason(freeze(work, ONE, ["A"], store)) == _missing("out.json", "Out.json")
    assert _reason(freeze(work, DEEP, ["A"], store)) == _missing("a/b/out.json", "Out.json")


def test_O01_a_work_folder_that_is_gone_is_a_missing_output(work: Path, store: ArtifactStore) -> None:
    work.rmdir()
    assert _reason(freeze(work, ONE, ["A"], store)) == _missing("out.json")


def test_O01_I02_links_folders_pipes_sockets_and_devices_are_refused(
    work: Path, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("[]")
    out = work / "out.json"

    out.symlink_to(canary)
    assert _reason(freeze(work, ONE, ["A"], store)) == _special("symbolic link")
    out.unlink()
    out.symlink_to("/nowhere")
    assert _reason(freeze(work, ONE, ["A"], store)) == _special("symbolic link")
    out.unlink()
    out.hardlink_to(canary)
    assert _reason(freeze(work, ONE, ["A"], store)) == why("file_hard_link", names=2, file="out.json")
    out.unlink()
    out.mkdir()
    assert _reason(freeze(work, ONE, ["A"], store)) == _special("folder")
    out.rmdir()
    os.mkfifo(out)
    assert _reason(freeze(work, ONE, ["A"], store)) == _special("pipe")
    out.unlink()
    monkeypatch.chdir(work)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("out.json")
        assert _reason(freeze(work, ONE, ["A"], store)) == _special("socket")
    assert not list(store.root.iterdir())


@pytest.mark.root
@pytest.mark.linux
def test_O01_a_device_is_refused(work: Path, store: ArtifactStore) -> None:
    try:
        os.mknod(work / "out.json", 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.fail("needs CAP_MKNOD")
    assert _reason(freeze(work, ONE, ["A"], store)) == _special("device")


def test_O01_a_pipe_that_takes_the_place_of_the_file_does_not_block(
    work: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = work / "out.json"
    out.write_bytes(b"[]")
    real = os.lstat

    def swap_after_the_look(path: str, *, dir_fd: int | None = None) -> os.stat_result:
        status = real(path, dir_fd=dir_fd)
        out.unlink()
        os.mkfifo(out)
        return status

    monkeypatch.setattr(os, "lstat", swap_after_the_look)
    assert _reason(freeze(work, ONE, ["A"], store)) == _special("pipe")


def test_I02_a_link_in_the_middle_of_the_path_is_refused(work: Path, store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/b").mkdir(parents=True)
    (tmp_path / "elsewhere/b/out.json").write_text("[]")
    (work / "a").symlink_to(tmp_path / "elsewhere")
    assert _reason(freeze(work, DEEP, ["A"], store)) == why("file_behind_link", file="a/b/out.json")


def test_O08_a_file_above_the_cap_is_refused_unread(work: Path, store: ArtifactStore) -> None:
    with (work / "out.json").open("wb") as file:
        file.truncate(200 * 1024**3)  # sparse
    facts = {"bytes": 214_748_364_800, "limit": 8_388_608, "file": "out.json"}
    assert _reason(freeze(work, ONE, ["A"], store)) == why("file_too_large", **facts)


def test_O11_what_is_judged_is_one_private_copy_of_a_file_that_is_rewritten_all_the_time(
    work: Path, store: ArtifactStore
) -> None:
    out = work / "out.json"
    out.write_bytes(b"a" * 100_000)
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for letter in (b"a", b"b"):
                out.write_bytes(letter * 100_000)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        artifacts = [freeze(work, ONE, ["A"], store).artifacts[0] for _ in range(20)]
    finally:
        stop.set()
        writer.join()
    for artifact in artifacts:
        assert len(store.get(artifact.sha)) == artifact.size_bytes


@pytest.mark.parametrize("name", ["../canary.json", "a/../../canary.json", "/etc/hostname"])
def test_I02_a_name_that_leads_out_of_the_work_folder_is_refused(work: Path, store: ArtifactStore, name: str) -> None:
    (work / "a").mkdir()
    (work.parent / "canary.json").write_text("[]")
    spec = OutputSpec(name, "array", ".id", ".id", (), None, None)
    assert _reason(freeze(work, spec, ["A"], store)) == why("file_outside", file=name)


# --- one file per item ------------------------------------------------------------------------------------------------


def test_files_are_taken_by_the_names_that_the_prompt_gave(work: Path, store: ArtifactStore) -> None:
    (work / "A1.md").write_text("one")
    (work / "x~c1a1b0b3a1c3e0a0.md").write_text("a stranger")
    frozen = freeze(work, FILES, ["A1", "A2"], store)
    assert [artifact.name for artifact in frozen.artifacts] == ["A1.md"]
    assert frozen.output_faults == ()
    assert frozen.notes == (message("file_invented", file="x~c1a1b0b3a1c3e0a0.md"),)


def test_I01_an_id_never_leads_out_of_the_work_folder(work: Path, store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    frozen = freeze(work, FILES, ["../secret", "/etc/hostname", ".", "a\0b"], store)
    assert frozen.artifacts == ()


def test_files_none_there_is_an_output_fault_and_a_bad_one_spoils_only_itself(work: Path, store: ArtifactStore) -> None:
    assert _reason(freeze(work, FILES, ["A1", "A2"], store)) == _missing("A1.md")
    (work / "A1.md").write_text("one")
    (work / "A2.md").symlink_to("A1.md")
    frozen = freeze(work, FILES, ["A1", "A2"], store)
    assert [artifact.name for artifact in frozen.artifacts] == ["A1.md"]
    assert frozen.output_faults == (OutputFault("A2.md", _special("symbolic link").with_facts(file="A2.md")),)
