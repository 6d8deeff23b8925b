"""Laws of staying awake: a lock is held exactly as long as we live, and where there is none that is said."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.base.termination import wait_gone
from harness.executors.keep_awake import Awake

pytestmark = pytest.mark.linux


def stub(folder: Path, text: str) -> str:
    """A search path on which `systemd-inhibit` is this shell script."""
    program = folder / "systemd-inhibit"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(folder)


HOLDER = 'echo "$@" > "$(dirname "$0")/asked"; echo $$ > "$(dirname "$0")/pid"; shift 4; exec "$@"'


def test_the_machine_is_kept_awake_until_it_is_released(tmp_path: Path) -> None:
    with Awake("job 7's run; $(touch x)", stub(tmp_path, HOLDER)) as awake:
        assert awake.describe() == "is kept awake by systemd-inhibit"
        holder = int((tmp_path / "pid").read_text())
        assert Path(f"/proc/{holder}").exists()
    asked = (tmp_path / "asked").read_text()
    assert "--what=sleep:idle --mode=block --who=harness --why=job 7's run; $(touch x)" in asked
    assert not Path(f"/proc/{holder}").exists()


def test_the_lock_goes_with_a_killed_supervisor(tmp_path: Path) -> None:
    program = f"from harness.executors.keep_awake import Awake\na = Awake('x', {stub(tmp_path, HOLDER)!r})\n"
    ours = subprocess.Popen(
        [sys.executable, "-c", f"{program}print(a.describe(), flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert ours.stdout is not None
    assert ours.stdin is not None
    assert ours.stdout.readline().startswith(b"is kept awake")
    holder = int((tmp_path / "pid").read_text())
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    assert asyncio.run(wait_gone([holder], 30))
    ours.stdout.close()
    ours.stdin.close()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'Failed to connect to bus' >&2; exit 1", "systemd-inhibit: Failed to connect to bus"),
        ("exit 0", "systemd-inhibit: it ended at once"),
        ("echo nonsense; exit 1", "systemd-inhibit: it ended at once"),
    ],
)
def test_a_lock_that_cannot_be_had_is_said_and_is_no_error(tmp_path: Path, script: str, says: str) -> None:
    with Awake("x", stub(tmp_path, script)) as awake:
        assert awake.describe() == f"may fall asleep: {says}"


def test_a_lock_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.executors.keep_awake._PATIENCE_S", 0.2)
    with Awake("x", stub(tmp_path, "exec cat")) as awake:
        assert awake.describe() == "may fall asleep: systemd-inhibit: it does not answer"


def test_a_machine_without_the_means_is_said(tmp_path: Path) -> None:
    with Awake("x", str(tmp_path)) as awake:
        assert awake.describe() == "may fall asleep: neither systemd-inhibit nor caffeinate is here"


def test_on_a_mac_caffeinate_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it can be tried elsewhere."""
    stub(tmp_path, 'shift 1; exec "$@"')
    (tmp_path / "systemd-inhibit").rename(tmp_path / "caffeinate")
    monkeypatch.setattr(sys, "platform", "darwin")
    with Awake("x", str(tmp_path)) as awake:
        assert awake.describe() == "is kept awake by caffeinate"
