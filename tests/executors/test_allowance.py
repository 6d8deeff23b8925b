"""Laws of what a session may take: beyond it that session ends, and nothing else notices."""

import asyncio
import json
import os
import resource
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.base.marks import TOKEN_MARK, marked
from harness.core.messages import message
from harness.executors.allowance import Allowance, written
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.containment import NoSandbox
from harness.executors.memory import Neighbours, nameless_bytes
from harness.views.fault_words import fault_text
from tests.covers import covers

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = pytest.mark.linux
MIB = 1 << 20

ALL_SANDBOXES = [Bubblewrap("bwrap"), NoSandbox("permissions"), NoSandbox("off")]
GOOD = 'open("output.json", "w").write(\'[{"id": "a"}]\')\n'


def allowing(**most: Any) -> dict[str, Any]:
    return {"allowance": Allowance(**most)}


def too_much(bench: "Bench", spec: Any, sandbox: Any, **most: Any) -> tuple[str, Any]:
    """What it was ended for, in words, and its ending."""
    ending = asyncio.run(bench.run(spec, sandbox, tools=allowing(**most)))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("too_big", "session"), ending.fault
    assert marked(TOKEN_MARK, spec.token) == []
    return fault_text(ending.fault.why), ending


@covers("F165")
@pytest.mark.parametrize("sandbox", ALL_SANDBOXES, ids=lambda sandbox: sandbox.name)
def test_C08_every_process_of_a_session_is_under_the_kernels_limits(bench: "Bench", sandbox: Any) -> None:
    names = ("CORE", "NPROC", "DATA", "NOFILE", "FSIZE")
    asked = f"[__import__('resource').getrlimit(n) for n in {[getattr(resource, f'RLIMIT_{n}') for n in names]}]"
    spec = bench.stub("python", f"({asked}, open('/proc/self/oom_score_adj').read())", ids=["a"])
    ending = asyncio.run(bench.run(spec, sandbox))
    assert ending.fault is None
    limits, oom_score = json.loads(bench.content(ending))[0]["value"]
    core, processes, memory, files, size = (hard for _, hard in limits)
    usual = Allowance()
    assert (core, files, size) == (0, usual.open_files, usual.written_bytes)
    assert 0 < processes < resource.getrlimit(resource.RLIMIT_NPROC)[0]
    assert memory > usual.resident_bytes
    assert int(oom_score) == 500, "when memory runs out the kernel takes the session, not the supervisor"


def test_limits_that_are_lower_already_stay(bench: "Bench") -> None:
    program = "import resource, json\n" + GOOD.replace('\'[{"id": "a"}]\'', "json.dumps([{'id': 'a', 'value': found}])")
    program = program.replace("json\n", "json\nfound = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    ending = asyncio.run(bench.run(bench.program(program), NoSandbox("off"), tools=allowing(open_files=before[1] + 1)))
    assert json.loads(bench.content(ending))[0]["value"] == before[1]


FORKS = """
import os, time
for _ in range(400):
    if os.fork() == 0:
        os.setsid()
        time.sleep(3600)
time.sleep(3600)
"""


@pytest.mark.parametrize("sandbox", ALL_SANDBOXES, ids=lambda sandbox: sandbox.name)
def test_C08_a_session_that_multiplies_is_ended_with_all_it_made(bench: "Bench", sandbox: Any) -> None:
    """Also for root, whose number of processes no limit of the kernel bounds."""
    said, _ = too_much(bench, bench.program(FORKS), sandbox, processes=100)
    assert "more than 100 processes" in said


BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""


def test_C08_a_fork_bomb_in_the_sandbox_is_ended(bench: "Bench") -> None:
    """Its first look comes when it has grown as large as it may in a second."""
    spec = bench.program(BOMB.replace("while True", "for _ in range(10)") + "import time; time.sleep(3600)")
    said, _ = too_much(bench, spec, Bubblewrap("bwrap"), processes=500)
    assert "processes" in said


@pytest.mark.parametrize("sandbox", ALL_SANDBOXES, ids=lambda sandbox: sandbox.name)
def test_C08_a_memory_hog_is_ended(bench: "Bench", sandbox: Any) -> None:
    spec = bench.program("import time\nhoard = bytearray(300 << 20)\ntime.sleep(3600)\n")
    said, _ = too_much(bench, spec, sandbox, resident_bytes=200 * MIB)
    assert "MiB of memory, more than 200" in said


HOARDS = {
    "a file in memory": "fd = os.memfd_create('hoard')\nos.posix_fallocate(fd, 0, 150 << 20)\n",
    "/tmp": "with open('/tmp/hoard', 'wb') as file: os.posix_fallocate(file.fileno(), 0, 150 << 20)\n",
    "/dev/shm": "with open('/dev/shm/hoard', 'wb') as file: os.posix_fallocate(file.fileno(), 0, 150 << 20)\n",
}


@pytest.mark.parametrize("where", HOARDS)
def test_M4_memory_that_no_process_has_in_its_own_is_counted(bench: "Bench", where: str) -> None:
    spec = bench.program(f"import os, time\n{HOARDS[where]}time.sleep(3600)\n")
    said, _ = too_much(bench, spec, Bubblewrap("bwrap"), resident_bytes=100 * MIB)
    assert "MiB of memory, more than 100" in said


def test_M4_folders_in_memory_are_bounded(bench: "Bench") -> None:
    filling = (
        "import os\ndef fills(path):\n  try: os.posix_fallocate(os.open(path, os.O_CREAT | os.O_RDWR), 0, 257 << 20)\n"
    )
    filling += "  except OSError as error: return error.errno\n"
    spec = bench.program(f"{filling}assert fills('/tmp/x') == fills('/dev/shm/x') == 28\n{GOOD}")
    assert asyncio.run(bench.run(spec, Bubblewrap("bwrap"))).fault is None


def test_M4_when_the_machine_has_hardly_memory_left_the_largest_session_ends_and_nobody_else() -> None:
    whole, now = 16 << 30, [0.0]
    left = [2 << 30]
    neighbours = Neighbours(lambda: (left[0], whole), lambda: now[0])
    now[0] = 100.0
    sizes = {"small": 200 * MIB, "large": 3 << 30, "larger": 4 << 30}
    assert [neighbours.excess(*one) for one in sizes.items()] == [None, None, None]
    left[0] = 1 << 30
    said = {name: neighbours.excess(name, size) for name, size in sizes.items()}
    assert {name for name, why in said.items() if why} == {"larger"}
    assert said["larger"] == message("most_memory", mib=4096, left_mib=1024)
    neighbours.leave("larger")
    assert not neighbours.excess("large", sizes["large"]), "what it held is being given back"
    now[0] += 6
    assert neighbours.excess("large", sizes["large"])
    neighbours.leave("large")
    now[0] += 6
    assert not neighbours.excess("small", sizes["small"]), "what others take is not its doing"


def test_memory_that_processes_share_is_counted_once(bench: "Bench") -> None:
    program = "import os, time\nhoard = bytearray(150 << 20)\nr, w = os.pipe()\n" + (
        "for _ in range(4):\n  if os.fork() == 0:\n    os.close(w); os.read(r, 1); os._exit(0)\n"
    )
    spec = bench.program(f"{program}time.sleep(2.5)\n{GOOD}")
    ending = asyncio.run(bench.run(spec, NoSandbox("off"), tools=allowing(resident_bytes=400 * MIB)))
    assert ending.fault is None


def test_C08_a_session_that_leaks_descriptors_meets_its_own_limit(bench: "Bench") -> None:
    leaking = "import os\nheld = []\ntry:\n  while True: held.append(os.open('/dev/null', 0))\nexcept OSError: pass\n"
    ending = asyncio.run(bench.run(bench.program(leaking + "[os.close(fd) for fd in held]\n" + GOOD)))
    assert ending.fault is None


FILES = """
import os
for number in range(1_000_000):
    os.close(os.open(f"{WHERE}/{number}", os.O_CREAT | os.O_WRONLY))
"""


@pytest.mark.parametrize("where", [".", "os.environ['TMPDIR']"])
def test_I12_a_million_files_are_stopped_and_removed(bench: "Bench", where: str) -> None:
    here = f'WHERE = "."{FILES}' if where == "." else f"import os\nWHERE = {where}{FILES}"
    spec = bench.program(GOOD + here)
    said, ending = too_much(bench, spec, Bubblewrap("bwrap"), files=2000)
    assert "more than 2,000 files" in said
    assert len(ending.artifacts) == 1, "what was good is kept"
    left = [path for path in spec.folder.rglob("*") if path.is_file()]
    assert len(left) < 20
    removed = message("work_folder_removed", excess={"kind": "too_many_files", "facts": {"limit": 2000}})
    assert (removed in ending.notes) == (where == ".")


def test_I12_a_short_session_that_leaves_too_much_is_found_at_its_end(bench: "Bench") -> None:
    spec = bench.program(f'{GOOD}WHERE = "."{FILES.replace("1_000_000", "300")}')
    said, ending = too_much(bench, spec, NoSandbox("off"), files=200)
    assert "more than 200 files" in said
    assert len(ending.artifacts) == 1


def test_I12_bytes_are_counted_as_the_disk_counts_them(bench: "Bench") -> None:
    spec = bench.program(GOOD + "import time\nopen('big', 'wb').write(b'x' * (30 << 20))\ntime.sleep(3600)\n")
    said, _ = too_much(bench, spec, NoSandbox("off"), written_bytes=20 * MIB + 512)
    assert "file" in said


NAMELESS = """
import os, time
for number in range(3):
    never_linked = os.open(".", os.O_TMPFILE | os.O_RDWR)
    unlinked = os.open("x", os.O_CREAT | os.O_RDWR)
    os.unlink("x")
    for fd in (never_linked, unlinked):
        os.posix_fallocate(fd, 0, SIZE)
        os.dup(fd)
if os.fork() == 0:
    time.sleep(3600)
"""


@pytest.mark.parametrize("sandbox", [Bubblewrap("bwrap"), NoSandbox("off")], ids=lambda sandbox: sandbox.name)
def test_open_files_without_a_name_count_as_written(bench: "Bench", sandbox: Any) -> None:
    spec = bench.program(NAMELESS.replace("SIZE", "5 << 20") + "time.sleep(3600)\n")
    said, _ = too_much(bench, spec, sandbox, written_bytes=20 * MIB)
    assert said.endswith("more than 20 MiB in files")


def test_a_file_without_a_name_is_counted_once_and_not_as_memory() -> None:
    with tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile() as named:
        before = nameless_bytes([os.getpid()])
        memory = os.memfd_create("x")
        os.posix_fallocate(memory, 0, 2 * MIB)
        for held in (file.fileno(), named.fileno()):
            os.posix_fallocate(held, 0, MIB)
        copies = [memory, os.dup(memory), os.dup(file.fileno())]
        after = nameless_bytes([os.getpid(), os.getpid()])
        for copy in copies:
            os.close(copy)
    assert [now - then for now, then in zip(after, before, strict=True)] == [2 * MIB, MIB]


def test_a_session_of_many_threads_is_ended(bench: "Bench") -> None:
    threads = "for _ in range(150): threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n"
    spec = bench.program(f"import threading, time\n{threads}time.sleep(3600)\n")
    said, _ = too_much(bench, spec, Bubblewrap("bwrap"), threads=100)
    assert said.endswith("more than 100 threads")


@pytest.mark.parametrize("sandbox", ALL_SANDBOXES, ids=lambda sandbox: sandbox.name)
def test_I12_a_sparse_file_of_200_gb_cannot_be_made(bench: "Bench", sandbox: Any) -> None:
    spec = bench.program(
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('f', 'w').truncate(200 << 30)"
    )
    too_much(bench, spec, sandbox)
    assert max(path.stat().st_size for path in spec.folder.rglob("*") if path.is_file()) < 1 << 20


def test_I12_folders_deeper_than_a_path_can_name_are_too_much(tmp_path: Path) -> None:
    inner = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 20, dir_fd=inner)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=inner)
        os.close(inner)
        inner = below
    os.close(inner)
    assert written(Allowance(), [tmp_path]) == message("too_deep")


def test_what_a_link_leads_to_is_not_counted(tmp_path: Path) -> None:
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    work.mkdir()
    elsewhere.mkdir()
    for number in range(50):
        (elsewhere / str(number)).touch()
    (work / "link").symlink_to(elsewhere)
    assert written(Allowance(files=10), [work]) is None
    assert written(Allowance(files=10), [elsewhere]) == message("too_many_files", limit=10)


def test_L8_a_folder_that_is_swapped_for_a_link_while_it_is_looked_at_is_not_gone_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing of `work` and the opening of `work/inner`."""
    inner, elsewhere = tmp_path / "work" / "inner", tmp_path / "elsewhere"
    inner.mkdir(parents=True)
    elsewhere.mkdir()
    for number in range(50):
        (elsewhere / str(number)).touch()
    real = os.open

    def swapping(path: object, *arguments: int, **others: int) -> int:
        if path == "inner" and not inner.is_symlink():
            inner.rmdir()
            inner.symlink_to(elsewhere)
        return real(path, *arguments, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", swapping)
    assert written(Allowance(files=10), [tmp_path / "work"]) is None
    assert inner.is_symlink()


FLOOD = "import os\nchunk = b'y\\n' * 65536\nfor _ in range(AMOUNT // len(chunk)):\n  os.write(2, chunk)\n"


def test_H09_gigabytes_of_stderr_are_drained_into_a_bounded_log(bench: "Bench") -> None:
    spec = bench.program(FLOOD.replace("AMOUNT", str(1 << 30)) + GOOD)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ending = asyncio.run(bench.run(spec, Bubblewrap("bwrap")))
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert ending.fault is None
    assert (spec.folder / "stderr.log").stat().st_size < 10 * MIB
    assert grown_kib < 64 * 1024
