"""Laws of what a program needs to be seen: its installation, and never a job, a repository or a home."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends.start_request import Launch
from harness.base.errors import BrokenSetupError, UsageError
from harness.executors import bubblewrap, installations
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import Bubblewrap, mounts_of
from harness.executors.containment import choose
from harness.executors.installations import covered, needed_by
from harness.executors.preflight import preflight
from harness.workspaces.empty import EmptyWorkspace
from tests.specs import altered

if TYPE_CHECKING:
    from tests.executors.conftest import Bench


@pytest.fixture(autouse=True)
def _homes() -> Iterator[None]:
    installations.homes.cache_clear()
    yield
    installations.homes.cache_clear()


def program(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).mkdir() if name.endswith("/") else (folder / name).write_text("")
    return folder


def test_H4_a_program_in_a_folder_called_bin_shows_nothing_around_it(tmp_path: Path) -> None:
    for where in (".cargo", "srv/app", "data", "job"):
        tool = program(tmp_path / where / "bin" / "work")
        made(tmp_path / where, "credentials.toml", ".env", ".harness/job/ledger.db")
        assert needed_by(tool, [tmp_path / "job"]) == {tool}


@pytest.mark.parametrize("sign", ["pyvenv.cfg", "lib/python3.12/", "conda-meta/", "lib/node_modules/", "lib/ruby/"])
def test_H4_an_installation_is_one_by_what_is_in_it(tmp_path: Path, sign: str) -> None:
    tool = program(made(tmp_path / "there", sign) / "bin" / "tool")
    assert needed_by(tool, []) == {tmp_path / "there"}


def test_H4_links_of_an_installation_are_followed_one_by_one(tmp_path: Path) -> None:
    """As uv has it: bin/tool -> .venv/bin/python -> cpython-3.12 -> cpython-3.12.1."""
    real = made(tmp_path / "cpython-3.12.1", "lib/python3.12/")
    program(real / "bin" / "python3")
    (tmp_path / "cpython-3.12").symlink_to("cpython-3.12.1")
    venv = made(tmp_path / ".venv", "pyvenv.cfg", "bin/")
    (venv / "bin" / "python").symlink_to("../../cpython-3.12/bin/python3")
    tool = made(tmp_path / "mine", "bin/") / "bin" / "tool"
    tool.symlink_to(venv / "bin" / "python")
    assert needed_by(tool, []) == {tool, venv, tmp_path / "cpython-3.12", real}


def test_H4_a_copied_environment_and_a_first_line_lead_to_their_interpreter(tmp_path: Path) -> None:
    base = made(tmp_path / "base", "lib/python3.12/")
    program(base / "bin" / "python3")
    venv = made(tmp_path / "venv", "bin/")
    (venv / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\n")
    program(venv / "bin" / "python")
    script = program(tmp_path / "job" / "work.py", f"#!{venv / 'bin' / 'python'} -u\n")
    assert needed_by(script, []) == {script, venv, base}


@pytest.mark.parametrize("inside", ["job", "deeper/job", ".git", ".harness"])
def test_H4_an_installation_around_a_job_or_a_repository_is_shown_in_parts(tmp_path: Path, inside: str) -> None:
    prefix = made(tmp_path / "app", "pyvenv.cfg", "lib/python3.12/", f"{inside}/", "leads.csv", "share/", ".env")
    tool = program(prefix / "bin" / "python")
    parts = {prefix / "bin", prefix / "lib", prefix / "share", prefix / "pyvenv.cfg"}
    assert needed_by(tool, [prefix / inside]) == {tool, *parts}
    made(prefix, "share/job/")
    assert needed_by(tool, [prefix / inside, prefix / "share/job"]) == {tool, *parts} - {prefix / "share"}


def test_H4_nobodys_home_is_shown_whoever_is_asked_and_whatever_HOME_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Anna:
        pw_uid, pw_dir = 1000, str(tmp_path / "home" / "anna")

    monkeypatch.setattr("pwd.getpwall", lambda: [Anna])
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    for prefix in (tmp_path / "home", tmp_path / "home" / "anna"):
        made(prefix, "pyvenv.cfg", "lib/python3.12/", "letters/")
        tool = program(prefix / "bin" / "tool")
        assert needed_by(tool, []) == {tool, prefix / "bin", prefix / "lib", prefix / "pyvenv.cfg"}


def test_H4_credentials_and_repositories_in_what_is_shown_are_hidden_unless_named(tmp_path: Path) -> None:
    names = ("lib/python3.12/", "src/pkg/.git/", "etc/npmrc", ".env", "share/credentials.json", ".ssh/", "bin/x")
    there = made(tmp_path / "there", *names)
    (there / "pip.conf").symlink_to("/etc/passwd")
    hidden = {(path.relative_to(there).as_posix(), is_folder) for path, is_folder in covered([there]).hidden}
    assert hidden == {
        *((".env", False), ("etc/npmrc", False), ("share/credentials.json", False)),
        *((".ssh", True), ("src/pkg/.git", True)),
    }
    assert there / ".env" not in {path for path, _ in covered([there], named=[there / ".env"]).hidden}


def test_H4_a_folder_that_the_manifest_names_is_looked_through_to_its_bottom_or_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = "a/b/c/d/e/f"
    there = made(
        tmp_path / "there", f"{deep}/.env", f"{deep}/.ssh/", f"{deep}/x", "lib/pkg/a/b/credentials/", "a/.npmrc"
    )
    named = covered([there], named=[there])
    assert {path.relative_to(there).as_posix() for path, _ in named.hidden} == {
        *(f"{deep}/.env", f"{deep}/.ssh", "a/.npmrc", "lib/pkg/a/b/credentials")
    }
    assert named.unsearched == frozenset()
    assert {path.relative_to(there).as_posix() for path, _ in covered([there]).hidden} == {"a/.npmrc"}
    sandbox = Bubblewrap("bwrap", (), [there])
    assert [way for way in sandbox.weaknesses() if "credentials in" in way] == []
    monkeypatch.setattr(installations, "MOST_NAMED_ENTRIES", 5)
    assert covered([there], named=[there]).unsearched == {there}
    bubblewrap._seen.cache_clear()
    assert "name a smaller one" in sandbox.weaknesses()[f"credentials in {there}"]


@pytest.mark.linux
def test_H4_a_session_sees_neither_job_nor_secrets_and_its_environment_works(bench: "Bench") -> None:
    """A virtual environment that is the job's own folder, with a repository and a key in it: seen from inside."""
    job = bench.folder / "job"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", job], check=True)
    made(job, ".git/config", "leads.csv", ".env", "lib/credentials.json", "bin/work.sh")
    spec = bench.program(
        "import json, os, sys, pathlib\n"
        f"job = pathlib.Path({str(job)!r})\n"
        "names = sorted(os.listdir(job))\n"
        "def read(name):\n"
        "    try: return (job / name).read_text()\n"
        "    except OSError as error: return type(error).__name__\n"
        "seen = {'id': 'a', 'names': names, 'key': read('lib/credentials.json'), 'prefix': sys.prefix}\n"
        "json.dump([seen], open('output.json', 'w'))\n"
    )
    command = (str(job / "bin" / "python"), *spec.session.command[2:])
    spec = altered(spec, session=replace(spec.session, command=command))
    ending = asyncio.run(bench.run(spec, Bubblewrap("bwrap", (job,))))
    assert ending.fault is None, (spec.folder / "stderr.log").read_text()
    (seen,) = json.loads(bench.content(ending))
    assert {*seen["names"]} <= {"bin", "lib", "lib64", "include", "pyvenv.cfg"}
    assert seen["key"] in ("PermissionError", "") and seen["prefix"] == str(job)


def with_command(bench: "Bench", command: tuple[str, ...], **changes: Any) -> Any:
    job = bench.job(**changes)
    session = replace(job.phases[0].session, command=command)
    return replace(job, phases=(replace(job.phases[0], session=session),))


@pytest.mark.linux
def test_H4_the_preflight_starts_what_the_job_starts_and_finds_a_mount_that_is_too_wide(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    job = with_command(bench, (str(program(bench.folder / "bin" / "work.sh", "#!/bin/sh\n")),))
    sandbox = Bubblewrap("bwrap", (job.folder, job.state))
    assert f"look into {job.folder}" in asyncio.run(preflight(sandbox, job, bench.guardian))
    monkeypatch.setattr(installations, "_is_installation", lambda prefix: True)
    monkeypatch.setattr(installations, "_holds", lambda folder, kept_out: False)
    monkeypatch.setattr(installations, "NEVER", ())
    with pytest.raises(BrokenSetupError) as failure:
        asyncio.run(preflight(Bubblewrap("bwrap", (job.state,)), job, bench.guardian))
    assert f"look into {job.folder}" in failure.value.message and "read a secret" in failure.value.message


@pytest.mark.linux
def test_H4_a_program_that_cannot_be_started_inside_is_said_before_the_first_session(bench: "Bench") -> None:
    job = with_command(bench, (str(program(bench.folder / "work.sh", "#!/opt/not/there\n")),))
    with pytest.raises(BrokenSetupError, match=r"could not find the program .*work\.sh"):
        asyncio.run(preflight(Bubblewrap("bwrap"), job, bench.guardian))


@pytest.mark.linux
def test_H4_what_a_command_names_is_refused_where_it_holds_a_job_or_a_home(bench: "Bench") -> None:
    made(bench.folder, ".git/config", ".harness/job/ledger.db")
    (bench.folder / "up").symlink_to("..")
    (bench.folder / "repository").symlink_to(".git")
    named = [bench.folder / name for name in ("up", ".harness", "repository", ".git/config", "job.yaml")]
    job = bench.job(readable=tuple(named))
    with pytest.raises(UsageError) as refusal:
        choose(job)
    said = [problem.message for problem in refusal.value.problems]
    assert len(said) == 4 and f"'up', which no session may see: it holds {bench.folder.resolve()}" in said[0]
    assert "it holds" in said[1] and "lies in .git" in said[2] and "lies in .git" in said[3]


@pytest.mark.linux
def test_H4_a_job_within_a_system_folder_is_covered(bench: "Bench", monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers: /usr/src/app."""
    monkeypatch.setattr("harness.executors.bubblewrap.SYSTEM", ("/usr", str(bench.folder.parent)))
    tool = program(bench.folder / "work.sh")
    launch = Launch((str(tool),), {}, readable=(tool,))
    wrapped = Bubblewrap("bwrap", (bench.folder,)).wrap(
        AttemptFolder(bench.folder / "attempt", EmptyWorkspace()), launch
    )
    mounts = [(mount.kind, mount.path) for mount in mounts_of(wrapped.argv)]
    assert mounts.index(("in memory", str(bench.folder))) < mounts.index(("read-only", str(tool)))
    assert wrapped.argv.index("--remount-ro") < len(wrapped.argv)


@pytest.mark.linux
def test_L7_no_path_of_this_machine_is_in_the_arguments_of_what_holds_a_session(bench: "Bench") -> None:
    """Read from inside, and what is started from outside."""
    spec = bench.program(
        "import json\n"
        "words = open('/proc/1/cmdline', 'rb').read().decode().split('\\0')\n"
        "fds = sorted(__import__('os').readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2))\n"
        "json.dump([{'id': 'a', 'words': words, 'fds': fds}], open('output.json', 'w'))\n"
    )
    ending = asyncio.run(bench.run(spec, Bubblewrap("bwrap")))
    assert ending.fault is None, (spec.folder / "stderr.log").read_text()
    (seen,) = json.loads(bench.content(ending))
    (before, _), program = seen["words"][:2], seen["words"].index("--")
    assert before.endswith("bwrap") and seen["words"][1] == "--args"
    assert not any(str(spec.folder) in word for word in seen["words"][:program])
