"""Generate the course of a code, as document 004 names them: `ita_for_eng_100`, `spa_for_eng_20seeds`.

    python3 scripts/generate_course.py spa_for_eng_20seeds              the real thing; again: goes on
    python3 scripts/generate_course.py spa_for_eng_20seeds --rehearse   without a model and without cost

A code is TARGET_for_KNOWN, two languages by ISO 639-3, and which seeds: 100, 100seeds, s0001-0030 or full, which is
meant when nothing is said. Each code is a job of its own, `--as CODE` of examples/course/course.yaml; what comes behind
the code goes to harness. Exits as harness does, 2 for a code that cannot be generated.
"""

import argparse
import re
import sys
from pathlib import Path

from project import ROOT, use_own_python

COURSE = ROOT / "examples" / "course"
SEEDS = 668
_CODE = re.compile(r"([a-z]{3}_for_[a-z]{3})(?:_(.+))?")
_FIRST = re.compile(r"([0-9]+)(?:seeds)?")
_RANGE = re.compile(r"s([0-9]{4})-([0-9]{4})")


def read_code(code: str, languages: Path) -> tuple[str, str]:
    """`spa_for_eng_20seeds` -> `("spa_for_eng", "20seeds")`. ValueError with what was expected for any other code."""
    found = _CODE.fullmatch(code)
    if found is None:
        raise ValueError(f"expected a code such as ita_for_eng_100 or spa_for_eng_20seeds, got {code!r}")
    course, which = found[1], found[2] or "full"
    known = sorted(path.name for path in languages.iterdir() if (path / "rules.json").is_file())
    if course not in known:
        raise ValueError(f"there is no language folder for {course!r} in {languages}; there are {', '.join(known)}")
    first, of = _FIRST.fullmatch(which), _RANGE.fullmatch(which)
    span = (1, int(first[1])) if first else (int(of[1]), int(of[2])) if of else (1, SEEDS)
    if which != "full" and not (first or of):
        raise ValueError(f"expected the seeds as 100, 100seeds, s0001-0030 or full, got {which!r}")
    if not 1 <= span[0] <= span[1] <= SEEDS:
        raise ValueError(f"expected seeds between 1 and {SEEDS}, got {which!r}")
    return course, which


def words(course: str, which: str, *, rehearse: bool, program: bool, others: list[str]) -> list[str]:
    """What harness is called with."""
    manifest, name = COURSE / "course.yaml", f"{course}_{which}"
    if program:
        manifest, name = COURSE / "course-command.yaml", f"{name}_by_program"
    settings = ["--set", f"vars.course={course}", "--set", f"vars.seeds={which}"]
    return ["rehearse" if rehearse else "launch", str(manifest), "--as", name, *settings, *others]


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate a course.", epilog="Anything else goes to harness.")
    parser.add_argument(
        "code", metavar="CODE", help="such as ita_for_eng_100, spa_for_eng_20seeds, spa_for_eng_s0001-0030"
    )
    parser.add_argument("--rehearse", action="store_true", help="play it without a model and without cost")
    parser.add_argument("--program", action="store_true", help="by the program of course-command.yaml, not by a model")
    asked, others = parser.parse_known_args()
    try:
        course, which = read_code(asked.code, COURSE / "languages")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from harness.cli.main import run

    return run(words(course, which, rehearse=asked.rehearse, program=asked.program, others=others))


if __name__ == "__main__":
    use_own_python()
    sys.exit(main())
