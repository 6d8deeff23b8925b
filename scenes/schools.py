"""The rehearsal of the schools job: synthetic coaches with synthetic careers, and the fault that a real night brings.

Nothing in here is a fact about anybody. Every answer is a function of the request alone.
"""

import json
import random
import zlib
from typing import Any

from harness.rehearsal.scene import Ask, InjectedFault, Page, Reply, Text, Tool, Turn

NEVER_FOUND = "University of New Mexico"
"""Its roster page is never found: three strikes."""
WRONG_ONCE = "San José State University"
"""Its first report forgets the data quality of one coach; the reasons mend it."""
OVERLOADED = "Oregon State University"
"""Two of its requests meet a 529."""
IDLES = "University of Utah"
"""Its session writes a good report and then hangs."""
UNREAD = "Utah State University"
"""Its first session names the page of its last coach without having fetched it; the reasons mend it."""

SITE = "https://rehearsal.invalid"
NO_ROSTER = "/roster"
_SEARCHED, _FETCHED, _WROTE, _READ = range(4)
"""What each turn of a session is for."""

PLACES = (
    "Appalachian State University",
    "Baylor University",
    "Boise State University",
    "Kansas State University",
    "Oregon State University",
    "San Diego State University",
    "Texas State University",
    "Troy University",
    "University of Arizona",
    "University of Idaho",
    "University of Nevada, Reno",
    "University of New Mexico",
    "University of Oregon",
    "University of Washington",
)
POSITIONS = (
    "Head Coach",
    "Offensive Coordinator",
    "Defensive Coordinator",
    "Special Teams Coordinator",
    "Quarterbacks Coach",
    "Strength and Conditioning Coach",
)
RETRIEVED = "2026-01-31"

Record = dict[str, Any]


def scene(ask: Ask) -> Reply:
    """Search, fetch, write the report, read it over: slowly enough to be watched, and with a fault for some."""
    school = ask.ids[0]
    reply = _session(ask, school)
    if school == OVERLOADED and ask.turn == 0:
        return InjectedFault("529", times=2, then=reply)
    if school == IDLES and ask.turn > _WROTE:
        return InjectedFault("hang", times=None, then=reply)
    return InjectedFault("slow", seconds=1, then=reply) if ask.turn == 0 else reply


def pages(url: str) -> Page | None:
    """Every page of the synthetic site but the roster that is never found; there is no other."""
    if not url.startswith(SITE) or url.endswith(NO_ROSTER):
        return None
    return Page(f"<html><body><p>Rehearsal: {url} is synthetic.</p></body></html>")


def searches(query: str) -> list[tuple[str, str]]:
    return [(f"Rehearsal: {query}", f"{SITE}/{zlib.crc32(query.encode()):08x}/staff")]


def drive_years(school: str) -> list[int]:
    """The synthetic years of donor drives at a school; data/donor_drives.json is this function, written down."""
    number = zlib.crc32(school.encode())
    return [] if number % 3 == 0 else sorted({2010 + number // 7 % 15, 2010 + number // 113 % 15})


def report(ask: Ask, school: str) -> Record:
    """What the session writes about a school; the same for the same school and seed, except where a scene errs."""
    if school == NEVER_FOUND:
        return _report(school, [], "Rehearsal: the athletics site shows no roster page.")
    rng = ask.rng_of(school)
    coaches = [_coach(rng, school, number) for number in range(1, 5 + len(school) % 2)]
    if school == WRONG_ONCE and not ask.reasons.get(school):
        del coaches[-1]["data_quality"]
    return _report(school, coaches, "Rehearsal: coaches, careers and donor drives are synthetic.")


def _session(ask: Ask, school: str) -> Turn:
    path = f"{ask.cwd}/{ask.output['file']}"
    if ask.turn == _SEARCHED:
        said = f"[{school}] 1/4 looking for the coaching staff."
        return Turn([Text(said), Tool("WebSearch", {"query": f"{school} football coaching staff"})], stop="tool_use")
    if ask.turn == _FETCHED:
        urls = _sources(report(ask, school))
        if school == UNREAD and not ask.reasons.get(school):
            del urls[-1]
        asked = urls or [f"{SITE}{NO_ROSTER}"]
        fetches = [Tool("WebFetch", {"url": url, "prompt": "Name, position and career?"}) for url in asked]
        return Turn([Text(f"[{school}] 2/4 reading the careers of {len(urls)} coaches."), *fetches])
    if ask.turn == _WROTE:
        written = json.dumps(report(ask, school), ensure_ascii=False, indent=2)
        again = " Fixing what was rejected." if ask.reasons.get(school) else ""
        said = f"[{school}] 3/4 overlaps compared, writing the report.{again}"
        return Turn([Text(said), Tool("Write", {"file_path": path, "content": written})], stop="tool_use")
    if ask.turn == _READ:
        said = f"[{school}] 4/4 reading the report over."
        return Turn([Text(said), Tool("Read", {"file_path": path})], stop="tool_use")
    return Turn([Text(f"[{school}] The report is written.")], stop="end_turn")


def _sources(written: Record) -> list[str]:
    """The pages that a report names, each once."""
    return list(dict.fromkeys(step["source_url"] for coach in written["coaches"] for step in coach["career"]))


def _report(school: str, coaches: list[Record], notes: str) -> Record:
    return {"school": school, "retrieved": RETRIEVED, "coaches": coaches, "notes": notes}


def _coach(rng: random.Random, school: str, number: int) -> Record:
    name = f"Rehearsal Coach {rng.choice('ABCDEFGHKLMNPRSTW')}. {number}"
    earlier = rng.sample([place for place in PLACES if place != school], 2)
    career = _career(rng, [*earlier, school], f"{SITE}/{zlib.crc32(school.encode()):08x}/coaches/{number}")
    found = {step["school"]: _shared(step) for step in career if _shared(step)}
    return {
        "name": name,
        "position": POSITIONS[number - 1],
        "career": career,
        "nmdp_overlap": "YES" if found else "NO",
        "overlap_details": "; ".join(f"{place}: {', '.join(map(str, years))}" for place, years in found.items()),
        "data_quality": rng.choice(("high", "medium", "low")),
    }


def _career(rng: random.Random, schools: list[str], url: str) -> list[Record]:
    steps: list[Record] = []
    year = rng.randint(2004, 2012)
    for school in schools:
        last = year + rng.randint(1, 4)
        years = f"{year}-present" if school == schools[-1] else f"{year}-{last}"
        steps.append({"years": years, "school": school, "position": rng.choice(POSITIONS), "source_url": url})
        year = last + 1
    return steps


def _shared(step: Record) -> list[int]:
    first, _, last = step["years"].partition("-")
    end = int(RETRIEVED[:4]) if last == "present" else int(last)
    return [year for year in drive_years(step["school"]) if int(first) <= year <= end]
