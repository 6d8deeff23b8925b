"""Laws of the sandbox: a session that tries everything gets nowhere, and nothing of it is left."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends.start_request import Launch
from harness.base.errors import BrokenSetupError, UsageError
from harness.base.marks import TOKEN_MARK, marked
from harness.base.termination import end_found, wait_gone
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import Bubblewrap, why_not
from harness.executors.confinement import CONFINE, TOOL_SHELL, Confinement
from harness.executors.containment import NoSandbox, choose, in_words
from harness.executors.preflight import preflight
from harness.executors.sandbox import Wrapped
from harness.workspaces.empty import EmptyWorkspace
from tests.specs import altered

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

linux_root = [pytest.mark.linux, pytest.mark.root]

ESCAPE = """
import ctypes, os, stat
libc = ctypes.CDLL(None, use_errno=True)
def said(result):
    return "possible" if result == 0 else os.strerror(ctypes.get_errno())
def opened(path, flags):
    try:
        os.close(os.open(path, flags))
    except OSError as error:
        return error.strerror
    return "possible"
def made(path):
    try:
        os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(8, 0))
    except OSError as error:
        return error.strerror
    return "possible"
def signalled(pid):
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.strerror
    return "possible"
outcome = {
    "own mounts": said(libc.unshare(0x20000)),
    "remount": said(libc.mount(None, b"/", None, 32 | 4096, None)),
    "remount usr": said(libc.mount(None, b"/usr", None, 32 | 4096, None)),
    "umount": said(libc.umount2(b"/usr", 2)),
    "umount proc": said(libc.umount2(b"/proc", 2)),
    "mknod": made("/mnt/work/device"),
    "ledger": opened(LEDGER, os.O_WRONLY),
    "canary": opened(CANARY, os.O_RDONLY),
    "other attempt": opened(OTHER, os.O_RDONLY),
    "kernel settings": opened("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    "sysrq": opened("/proc/sysrq-trigger", os.O_WRONLY),
    "disk": opened("/dev/vda", os.O_RDONLY),
    "shadow": opened("/etc/shadow", os.O_RDONLY),
    "setuid": said(libc.setresuid(12345, 12345, 12345)),
    "processes": sorted(entry for entry in os.listdir("/proc") if entry.isdigit()),
    "trace": said(libc.ptrace(16, SUPERVISOR, None, None)),
    "kill": signalled(SUPERVISOR),
    "home": os.path.isdir(HOME) and sorted(os.listdir(HOME)),
}
"""


@pytest.mark.linux
@pytest.mark.root
def test_a_session_of_root_that_tries_everything_gets_nowhere(bench: "Bench") -> None:
    """Acceptance: remount, umount, mknod, the ledger, a canary in the home, a setsid daemon. Fails without bwrap."""
    assert os.getuid() == 0, "this test means something as root only"
    canary = Path.home() / f".harness-canary-{secrets.token_hex(8)}"
    ledger = bench.job().state / "ledger.db"
    other = bench.job().state / "attempts" / "000099-p1-b001" / "prompt.md"
    other.parent.mkdir(parents=True)
    for path in (ledger, other):
        path.write_bytes(b"untouched")
    names = {"LEDGER": str(ledger), "CANARY": str(canary), "OTHER": str(other), "HOME": str(Path.home())}
    script = "".join(f"{name} = {value!r}\n" for name, value in (names | {"SUPERVISOR": os.getpid()}).items()) + ESCAPE
    program = bench.folder / "escape.py"
    program.write_text(script + DAEMON)
    spec = bench.stub("ok", ids=["a"])
    spec = altered(spec, session=replace(spec.session, command=(sys.executable, str(program))), readable=(program,))
    mounts_before = Path("/proc/self/mountinfo").read_text()
    try:
        canary.write_text("canary")
        ending = asyncio.run(bench.run(spec, Bubblewrap("bwrap")))
    finally:
        canary.unlink()
    assert ending.fault is None, (spec.folder / "stderr.log").read_text()
    outcome = json.loads(bench.content(ending))[0]
    assert {name for name, told in outcome.items() if told == "possible"} == set()
    assert outcome["home"] in (False, [], *homes_shown())
    assert str(os.getpid()) not in outcome["processes"] or len(outcome["processes"]) < 8
    assert Path("/proc/self/mountinfo").read_text() == mounts_before
    assert ledger.read_bytes() == b"untouched"
    assert marked(TOKEN_MARK, spec.token) == []


DAEMON = """
import json, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(3600)
    os._exit(0)
open("output.json", "w").write(json.dumps([{"id": "a"} | outcome]))
"""


def homes_shown() -> list[list[str]]:
    """A home may show the one folder on the way to an interpreter that is installed in it."""
    home = Path.home()
    shown = {
        path.relative_to(home).parts[0]
        for path in (Path(sys.executable), Path(sys.executable).resolve())
        if path.is_relative_to(home)
    }
    return [sorted(shown)]


@pytest.mark.linux
def test_A47_the_preflight_passes_in_a_whole_sandbox(bench: "Bench") -> None:
    refused = asyncio.run(preflight(Bubblewrap("bwrap"), bench.job(), bench.guardian))
    assert {"read a secret", "open the ledger", "unmount /usr", "make a device"} <= set(refused)
    assert not list(bench.job().state.glob("preflight-*"))


@pytest.mark.parametrize("sandbox", [NoSandbox("off"), NoSandbox("permissions")])
def test_the_preflight_without_a_kernel_sandbox_tries_a_start_and_a_write(bench: "Bench", sandbox: Any) -> None:
    assert asyncio.run(preflight(sandbox, bench.job(), bench.guardian)) == ()


class WithHole(Bubblewrap):
    """Sandboxes with a hole in them."""

    def __init__(
        self,
        drop: tuple[str, ...] = (),
        add: tuple[str, ...] = (),
        *,
        is_root: bool = False,
        is_bare: bool = False,
        shell: bytes = b"",
    ) -> None:
        """`is_bare`: without a filter of system calls and Landlock, which close some holes a second time."""
        super().__init__("bwrap")
        self.drop, self.add, self.shell = drop, add, shell
        if is_root:
            self._user = ()
        if is_bare:
            self._confinement = Confinement(None, 0)

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        wrapped = super().wrap(folder, launch)
        words, program = list(wrapped.argv), wrapped.argv.index("--chdir")
        words[program:program] = [str(folder.root) if word == "STATE" else word for word in self.add]
        for start in range(len(words)):
            if self.drop and tuple(words[start : start + len(self.drop)]) == self.drop:
                del words[start : start + len(self.drop)]
        contents = tuple((word, self.shell if word.endswith(TOOL_SHELL) else it) for word, it in wrapped.contents)
        return replace(wrapped, argv=tuple(words), contents=contents if self.shell else wrapped.contents)


@pytest.mark.linux
@pytest.mark.root
@pytest.mark.parametrize(
    ("sandbox", "said"),
    [
        (WithHole(drop=("--cap-drop", "ALL"), is_root=True, is_bare=True), "unmount /usr"),
        (WithHole(drop=("--remount-ro", "/proc"), is_bare=True), "change the kernel's settings"),
        (WithHole(drop=("--unshare-pid",)), "see the supervisor"),
        (WithHole(add=("--bind", "STATE", "STATE")), "read a secret"),
        (WithHole(add=("--bind", "/var/tmp", "/var/tmp"), is_bare=True), "write /var/tmp"),
        (WithHole(drop=("--seccomp", "\0filter")), "use the kernel's keyrings, use io_uring, open sockets"),
        (WithHole(drop=("--", CONFINE)), "reach abstract sockets"),
        (WithHole(shell=b'#!/bin/bash\neval "$1"\n'), "speak in the name of its CLI through a tool"),
        (WithHole(shell=b'#!/bin/bash\neval "$1"\n'), "read the CLI's credential through a tool"),
        (WithHole(add=("--size", str(1 << 30), "--tmpfs", "/dev/shm")), "fill the memory through a folder"),
    ],
)
def test_A47_I13_the_preflight_finds_every_planted_hole(bench: "Bench", sandbox: WithHole, said: str) -> None:
    mounts_before = Path("/proc/self/mountinfo").read_text()
    with pytest.raises(BrokenSetupError) as failure:
        asyncio.run(preflight(sandbox, bench.job(), bench.guardian))
    assert said in failure.value.message
    assert Path("/proc/self/mountinfo").read_text() == mounts_before


@pytest.mark.linux
@pytest.mark.root
@pytest.mark.parametrize(
    "sandbox", [WithHole(drop=("--cap-drop", "ALL"), is_bare=True), WithHole(is_root=True, is_bare=True)]
)
def test_I15_one_of_two_sandboxes_is_enough_to_keep_root_in(bench: "Bench", sandbox: WithHole) -> None:
    """Without capabilities, or in a user namespace of its own."""
    assert "unmount /usr" in asyncio.run(preflight(sandbox, bench.job(), bench.guardian))


@pytest.mark.linux
@pytest.mark.root
def test_I15_a_session_of_root_is_nobody_and_reads_and_writes_what_is_its_own(bench: "Bench") -> None:
    scan = bench.folder / "scan.txt"
    scan.write_text("words of the scan")
    scan.chmod(0o600)
    spec = bench.stub("python", "(os.getuid(), open('input/scan.txt').read())", ids=["a"])
    spec = altered(spec, items=(replace(spec.items[0], file=scan),))
    ending = asyncio.run(bench.run(spec, Bubblewrap("bwrap")))
    assert json.loads(bench.content(ending))[0]["value"] == [65534, "words of the scan"]
    assert (spec.folder / "work" / "output.json").stat().st_uid == 0


@pytest.mark.linux
def test_no_secret_is_ever_an_argument(bench: "Bench") -> None:
    folder = AttemptFolder(bench.folder / "attempt", EmptyWorkspace())
    for sandbox in (Bubblewrap("bwrap"), NoSandbox("permissions"), NoSandbox("off")):
        wrapped = sandbox.wrap(folder, Launch(("/usr/bin/true",), {"ANTHROPIC_API_KEY": "canary"}))
        assert "canary" not in " ".join(wrapped.argv)
        assert wrapped.env["ANTHROPIC_API_KEY"] == "canary"


@pytest.mark.linux
def test_the_root_and_the_home_are_never_mounted(bench: "Bench") -> None:
    folder = AttemptFolder(bench.folder / "attempt", EmptyWorkspace())
    tool = Path.home() / ".local" / "bin" / "tool"
    wrapped = Bubblewrap("bwrap").wrap(folder, Launch((str(tool),), {}))
    sources = [wrapped.argv[place + 1] for place, word in enumerate(wrapped.argv) if word in ("--bind", "--ro-bind")]
    assert not {"/", str(Path.home()), str(Path.home() / ".local"), "/etc", "/home", "/root"} & set(sources)


def test_I14_bash_without_a_kernel_sandbox_is_refused_with_the_remedy(bench: "Bench") -> None:
    job = with_tools(bench, "permissions", "Read", "Bash")
    with pytest.raises(UsageError) as refusal:
        choose(job)
    assert "tool Bash" in str(refusal.value)
    assert 'sandbox: "off"' in str(refusal.value)


def test_I14_a_missing_bubblewrap_is_said_when_it_was_asked_for(bench: "Bench") -> None:
    job = replace(bench.job(), sandbox="bubblewrap")
    with pytest.raises(UsageError, match=r"bwrap is not installed|needs Linux"):
        choose(job, search_path="/nonexistent")


def test_without_bubblewrap_auto_is_permission_rules(bench: "Bench") -> None:
    sandbox = choose(with_tools(bench, "auto", "Read", "Write"), search_path="/nonexistent")
    assert sandbox.name == "permissions"
    (said,) = in_words(sandbox, bench.job())
    assert "no kernel sandbox" in said and ("bwrap is not installed" in said or "needs Linux" in said)


def test_H1_where_bubblewrap_is_missing_tools_that_no_rule_holds_are_refused_all_at_once(bench: "Bench") -> None:
    with pytest.raises(UsageError) as refusal:
        choose(with_tools(bench, "auto", "Write", "EnterWorktree", "Bash"), search_path="/nonexistent")
    assert [problem.message.partition(" and ")[0] for problem in refusal.value.problems] == [
        "tool EnterWorktree reaches beyond a session's own folder",
        "tool Bash runs programs",
    ]


def test_off_is_off_only_when_typed_out(bench: "Bench") -> None:
    assert choose(with_tools(bench, "off", "Bash")).name == "off"


@pytest.mark.linux
def test_auto_is_bubblewrap_where_it_works(bench: "Bench") -> None:
    assert why_not(os.environ["PATH"]) == ""
    assert choose(with_tools(bench, "auto", "Bash"), search_path=os.environ["PATH"]).name == "bubblewrap"


def with_tools(bench: "Bench", sandbox: Any, *tools: str) -> Any:
    job = bench.job()
    session = replace(job.phases[0].session, backend="claude", tools=tools)
    return replace(job, sandbox=sandbox, phases=(replace(job.phases[0], session=session),))


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
import importlib.util
spec = importlib.util.spec_from_file_location("conftest", sys.argv[1])
conftest = importlib.util.module_from_spec(spec)
sys.modules["conftest"] = conftest
spec.loader.exec_module(conftest)
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.containment import NoSandbox
sandbox = Bubblewrap("bwrap") if sys.argv[3] == "bubblewrap" else NoSandbox(sys.argv[3])
async def main():
    bench = conftest.Bench(Path(sys.argv[2]))
    spec = bench.stub("daemon-and-hang")
    work = spec.folder / "work"
    async def ready():
        while not (work / "daemon.pid").exists():
            await asyncio.sleep(0.01)
        print(spec.token, flush=True)
    await asyncio.gather(bench.run(spec, sandbox), ready())
asyncio.run(main())
"""


@pytest.mark.linux
@pytest.mark.parametrize("sandbox", ["bubblewrap", "permissions", "off"])
def test_C04_nothing_of_a_session_outlives_a_killed_supervisor(bench: "Bench", sandbox: str) -> None:
    """Its child, and a daemon that went into a session of its own and ignores SIGTERM."""
    conftest = str(Path(__file__).parent / "conftest.py")
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, conftest, str(bench.folder), sandbox], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    token = supervisor.stdout.readline().strip()
    left = marked(TOKEN_MARK, token)
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    gone = asyncio.run(wait_gone(left, MERCY_S))
    asyncio.run(end_found(lambda: marked(TOKEN_MARK, token), 0))
    assert len(left) >= 2
    assert gone


MERCY_S = 20
"""So that a failure ends and cleans up; on a quiet machine they are gone within 0.1 s."""


def test_T09_a_sweep_ends_what_an_earlier_supervisor_left(bench: "Bench") -> None:
    async def leave_and_sweep() -> int:
        executor = bench.executor()
        sleeper = await asyncio.create_subprocess_exec(
            "sleep", "3600", env={**executor._marks, "PATH": os.environ["PATH"]}, start_new_session=True
        )
        swept = await executor.sweep()
        await sleeper.wait()
        return swept

    assert asyncio.run(leave_and_sweep()) == 1


def test_T10_an_innocent_process_is_not_swept(bench: "Bench") -> None:
    async def sweep() -> int | None:
        innocent = await asyncio.create_subprocess_exec("sleep", "3600")
        await bench.executor().sweep()
        alive = innocent.returncode
        innocent.kill()
        await innocent.wait()
        return alive

    assert asyncio.run(sweep()) is None
