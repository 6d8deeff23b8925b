"""The long sweeps: `python -m tests.soak [NAME]...`, or all of them.

Names: course, kills, starts, nights, sweep, weather, money, terminal, ids.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.docs.fault_matrix import IDS, carried, rows
from tests.end_to_end.costly import costly_night
from tests.end_to_end.evening import play_evening
from tests.end_to_end.killing import SIGNS, Kills, Sign, play_killed
from tests.end_to_end.playing import Job, course_job, course_verdicts
from tests.end_to_end.weather import weather
from tests.simulation.soak import soak
from tests.simulation.trial import broken_money, three_dollars
from tests.sweeps.sweep import sweep

KILLS = 30
STARTS = 40
NIGHTS, COSTLY = 200, 10
EVENINGS = 10
LEAST_IDS = 110
LEFT_S = 1.0
"""What the acceptance gives the processes of sessions to be gone after a kill."""

PLENTY = "budget=$2000"
"""A session that is killed with its supervisor is charged what was reserved for it: thirty kills take over $150."""


def main(words: Sequence[str]) -> int:
    sweeps: dict[str, Callable[[Path], bool]] = {
        "course": course,
        "kills": kills,
        "starts": starts,
        "nights": nights,
        "sweep": sweep,
        "weather": weather,
        "money": money,
        "terminal": terminal,
        "ids": ids,
    }
    unknown = [word for word in words if word not in sweeps]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(sweeps)}", file=sys.stderr)
        return 2
    passed = True
    for name in words or sweeps:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"soak-{name}-") as scratch:
            is_well = sweeps[name](Path(scratch))
        passed &= is_well
        print(f"{name}: {'passed' if is_well else 'FAILED'} in {time.monotonic() - began:.0f} s\n", flush=True)
    return 0 if passed else 1


def course(scratch: Path) -> bool:
    """Acceptance 2: a hundred seeds on the real CLI with all faults of the scene, 668 on backend `command`."""
    return all(
        [
            _whole(_job(scratch, "real", "course.yaml", 100)),
            _whole(_job(scratch, "programs", "course-command.yaml", 668)),
        ]
    )


def kills(scratch: Path) -> bool:
    """Acceptance 3: thirty kills of a hundred seeds on the real CLI; the bytes of a calm night, and of one by one."""
    draw = random.Random(3)
    signs: list[Sign] = [*SIGNS * 5, *["time"] * 5]  # type: ignore[list-item]
    draw.shuffle(signs)
    seen, job = Kills(), _job(scratch, "killed", "course.yaml", 100, PLENTY)
    lives = 0
    while len(seen.signs) < KILLS:
        lives += 1
        said = play_killed(job, signs[len(seen.signs) :], draw, seen)
        print(f"course {lives}: exit code {said.code} after {len(seen.signs)} kills")
        if said.code != 0:
            print(said.all)
            return False
        if len(seen.signs) < KILLS:
            job = _job(scratch, f"killed-{lives}", "course.yaml", 100, PLENTY)
    _tell(seen)
    calm, serial = _job(scratch, "calm", "course.yaml", 100), _job(scratch, "serial", "course.yaml", 100, "parallel=1")
    well = _whole(calm) and _whole(serial)
    same = job.merged() == calm.merged() == serial.merged()
    print(f"merged files of the killed, the calm and the serial course are the same bytes: {same}")
    print(f"verdicts on the killed course's files: {course_verdicts(job) or 'none'}")
    return well and same and not course_verdicts(job) and max(seen.gone_after_s) <= LEFT_S


def starts(scratch: Path) -> bool:
    """Kills aimed at the moment in which a session is being started, when no sandbox holds it yet."""
    draw, longest = random.Random(9), 0.0
    aimed: list[Sign] = ["attempt"] * STARTS
    for sandbox in ("bubblewrap", "permissions", "off"):
        settings = (PLENTY, "budget_per_session=$1", f'sandbox="{sandbox}"')
        job, seen = _job(scratch, sandbox, "course-command.yaml", 668, *settings), Kills()
        said = play_killed(job, aimed, draw, seen, longest_s=0.03)
        met, slowest = sum(map(bool, seen.alive)), max(seen.gone_after_s)
        print(
            f"sandbox {sandbox}: {len(seen.signs)} kills at the start of a session, {met} with one alive; "
            f"all gone after {slowest * 1000:.0f} ms at most; exit code {said.code}",
            flush=True,
        )
        if said.code != 0 or len(seen.signs) < STARTS:
            print(said.all)
            return False
        longest = max(longest, slowest)
    return longest <= LEFT_S


def nights(scratch: Path) -> bool:
    """Simulated nights: production core, supervisor and ledger in a scripted world, and every mutant of them."""
    return soak()


def money(scratch: Path) -> bool:
    """What is billed stays within the budget, and the ledger knows of all of it: simulated nights, and real ones."""
    violations = broken_money(range(NIGHTS))
    three_dollars(range(NIGHTS))
    print(f"simulated nights with broken answers: {NIGHTS}, violations {len(violations)}", flush=True)
    for each in violations:
        print(f"  seed={each.seed} {each.what}")
    outcomes = [costly_night(scratch / f"costly-{seed}", seed) for seed in range(COSTLY)]
    return all(outcomes) and not violations


def terminal(scratch: Path) -> bool:
    """Evenings of five schools on the interactive CLI, one interrupted, one hung, one at the usage limit, each in a
    network with nothing but loopback: the bytes, strikes and faults of an evening on backend `claude`."""
    outcomes = []
    for number, backend in enumerate(["claude", *["terminal"] * EVENINGS]):
        home = scratch / f"home{number}"
        home.mkdir()
        job, evening = play_evening(scratch / f"job{number}", home, backend)
        job.assert_laws_hold()
        outcomes.append((evening.merged, evening.strikes, evening.faults))
        is_same = evening.left == () and evening.said.code == 0 and outcomes[-1] == outcomes[0]
        what = "the same as the first" if is_same else "ANOTHER END"
        faults = ", ".join(fault or "well" for fault in evening.faults)
        print(
            f"{backend}: attempts ended {faults}; {evening.strikes} strikes, {len(evening.left)} left: {what}",
            flush=True,
        )
        if not is_same:
            print(evening.said.all)
            return False
    return True


def ids(scratch: Path) -> bool:
    """Which faults of the matrix a test carries, and why the others have none (docs/faults.md)."""
    tested = carried()
    print(f"fault ids covered {len(tested)}/{len(IDS)}; open:")
    for identifier, reason in rows():
        if identifier not in tested:
            print(f"  {identifier}  {reason}")
    return len(tested) >= LEAST_IDS


def _job(scratch: Path, name: str, manifest: str, seeds: int, *settings: str) -> Job:
    home = scratch / f"{name}-home"
    home.mkdir()
    return course_job(scratch / name, home, manifest, seeds, *settings)


def _whole(job: Job) -> bool:
    """Play it to its end and look at everything."""
    began = time.monotonic()
    said = job.play()
    took = time.monotonic() - began
    job.assert_laws_hold()
    verdicts = course_verdicts(job)
    record = job.record()
    faults = sorted({asked.fault for asked in record.requests if asked.fault})
    print(
        f"{job.manifest} {' '.join(job.settings)}: exit code {said.code} in {took:.1f} s, "
        f"{job.count('AttemptStarted')} attempts, {job.count('ItemAccepted')} items accepted, "
        f"{job.count('ItemStruck')} strikes, faults met: {', '.join(faults) or 'none'}; "
        f"checkers: {verdicts or 'nothing to say'}",
        flush=True,
    )
    return said.code == 0 and not verdicts


def _tell(seen: Kills) -> None:
    print("kill  after            s into its life  sessions alive  gone after ms")
    for number, sign in enumerate(seen.signs):
        print(
            f"{number + 1:4}  {sign:<15} {seen.after_s[number]:16.2f} {seen.alive[number]:15} "
            f"{seen.gone_after_s[number] * 1000:14.0f}"
        )
    print(f"session processes met: {sum(seen.alive)}; the last was gone {max(seen.gone_after_s) * 1000:.0f} ms after")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
