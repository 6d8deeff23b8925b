"""Disks that fill up or lose their last inode in the middle of a run, or are read-only, one place at a time."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sweeps.forge import ROOT
from tests.sweeps.nights import ITEMS, MANIFEST, MERGED, MORE, WORK

pytestmark = [pytest.mark.linux, pytest.mark.root]

_SPOILING = WORK.replace(
    'echo "$HARNESS', 'job="${0%/*}"; [ "$HARNESS_BATCH" = 3 ] && . "$job/spoil.sh"\necho "$HARNESS'
).replace("-lt 4", "-lt 2")
_FILL = 'head -c 100M /dev/zero > "$job/{0}/filler" 2> /dev/null; :'
_NIGHT = """
set -e
mkdir -p "$PLACE"
mount -t tmpfs -o "$OPTIONS" tmpfs "$PLACE"
night() {
    code=0; python -m harness launch --plain > "$1.out" 2> "$1.err" || code=$?; echo $code > "$1.code"
    python -m tests.checker.laws .harness/job > "$1.laws" || :
    sqlite3 .harness/job/ledger.db "SELECT kind, body FROM entries ORDER BY seq DESC LIMIT 1" > "$1.last" || :
}
night first
. ./heal.sh; : > spoil.sh
night second
night third
cp output/all.json merged.json
"""
"""Runs in a mount namespace of its own: nothing that is mounted here is seen, or left, outside."""


@dataclass(frozen=True)
class Spoiled:
    """A place of the job folder with a small disk of its own, what a session does to it, and what mends it."""

    place: str
    options: str
    spoil: str
    heal: str
    says: str
    more: str = ""
    """What each record says besides."""


_CASES = {
    "H01 ledger": Spoiled(".harness/job", "size=6m", _FILL, 'rm "$PLACE/filler"', "the disk of .* is full"),
    "H01 artifacts": Spoiled(
        ".harness/job/artifacts",
        "size=2m",
        _FILL,
        'rm "$PLACE/filler"',
        "artifacts.* is full",
        MORE,
    ),
    "H01 work": Spoiled(".harness/job/attempts", "size=2m", _FILL, 'rm "$PLACE/filler"', "attempts.* is full"),
    "H01 merge": Spoiled("output", "size=2m", _FILL, 'rm "$PLACE/filler"', "cannot merge into .*No space left"),
    "H03 inodes": Spoiled(
        ".harness/job/artifacts",
        "size=2m,nr_inodes=40",
        'i=0; while : > "$job/{0}/f$i"; do i=$((i+1)); done 2> /dev/null',
        'rm "$PLACE"/f*',
        "no inodes left",
        MORE,
    ),
    "T15 read-only": Spoiled(".harness/job", "size=6m,ro", ":", 'mount -o remount,rw "$PLACE"', "is read-only"),
}


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES.keys())
def test_H01_H02_H03_T15_a_disk_that_fails_costs_nothing_but_time(tmp_path: Path, case: Spoiled) -> None:
    (tmp_path / "job.yaml").write_text(json.dumps(MANIFEST))
    (tmp_path / "items.json").write_text(json.dumps([{"id": item} for item in ITEMS]))
    (tmp_path / "work.sh").write_text(_SPOILING)
    (tmp_path / "more").write_text(case.more)
    (tmp_path / "spoil.sh").write_text(case.spoil.replace("{0}", case.place))
    (tmp_path / "heal.sh").write_text(case.heal)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "HARNESS_TRUST": "1"}
    env |= {"PLACE": str(tmp_path / case.place), "OPTIONS": case.options}
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _NIGHT]
    subprocess.run(words, cwd=tmp_path, env=env, check=True, timeout=300)
    said = {path.name: path.read_text() for path in tmp_path.glob("*.*") if path.name.startswith(("f", "s", "t"))}
    assert [said[f"{night}.laws"] for night in ("first", "second", "third")] == ["every law holds\n"] * 3
    assert [said[f"{night}.code"].strip() for night in ("first", "second", "third")] == ["4", "0", "0"], said
    assert "Traceback" not in said["first.err"]
    assert re.search(case.says, said["first.err"])
    assert "again" in said["first.err"].split("stopped: ")[-1].split("error: ")[-1], "it says what to do"
    if case.spoil is _FILL:
        assert said["first.last"].startswith("RunEnded|") and '"exit_code":4' in said["first.last"], "the stop is told"
    expected = [f"about {item[1:]}{case.more if item > 'i1' else ''}" for item in ITEMS]
    assert [record["text"] for record in json.loads((tmp_path / "merged.json").read_bytes())] == expected
    assert "started" not in said["third.err"]


def test_H01_a_full_disk_under_the_log_of_a_run_does_not_end_it(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(json.dumps(MANIFEST))
    (tmp_path / "items.json").write_text(json.dumps([{"id": item} for item in ITEMS]))
    (tmp_path / "work.sh").write_text(WORK)
    (tmp_path / "more").write_text(MORE)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "HARNESS_TRUST": "1"}
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "harness", "launch", "--plain"]
        ended = subprocess.run(words, cwd=tmp_path, env=env, stdout=full, stderr=full, check=False)
    assert ended.returncode == 0
    assert json.loads((tmp_path / "output" / "all.json").read_bytes()) == MERGED


_LOOKS = """
set -e
python -m harness launch --plain > /dev/null 2>&1
mount --bind . "$MOUNTED" && mount -o remount,ro,bind "$MOUNTED"
cd "$MOUNTED"
for words in "status" "status --json" "why i1" "show i5" "log"; do
    code=0; said=$(python -m harness $words 2>&1) || code=$?
    [ $code = 0 ] || echo "$words: exit code $code: $said"
done
python -m harness launch --plain 2>&1 || echo "launch: $?"
"""


def test_T15_a_job_that_is_mounted_read_only_can_be_looked_at(tmp_path: Path) -> None:
    """A backup, say: status, why, show and log say what they always say."""
    job, mounted = tmp_path / "job", tmp_path / "mounted"
    for folder in (job, mounted):
        folder.mkdir()
    (job / "job.yaml").write_text(json.dumps(MANIFEST))
    (job / "items.json").write_text(json.dumps([{"id": item} for item in ITEMS]))
    (job / "work.sh").write_text(WORK)
    (job / "more").write_text(MORE)
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "MOUNTED": str(mounted),
    }
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _LOOKS]
    ended = subprocess.run(
        argv, cwd=job, env={**env, "PYTHONPATH": str(ROOT), "HARNESS_TRUST": "1"}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert "exit code" not in ended.stdout, ended.stdout
    assert "is read-only" in ended.stdout, ended.stdout
    assert ended.stdout.rstrip().endswith("launch: 4"), ended.stdout
