"""The independent checker: reads what a job left on disk and says which laws it breaks. It imports nothing of harness.

    python -m tests.checker.laws STATE_FOLDER

The laws are those that a reader of the ledger can see (V0 to V10 of the design's invariants).
"""

import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.checker.record import Entry, Key, Record

STRIKES = 3
BROKEN = 4
"""The exit code of a run that the machine or the set-up stopped."""
HOPELESS = ("refused", "too_long", "no_input")
NOT_THE_ITEMS_FAULT = ("provider", "host", "operator", "config")


def broken_laws(state: Path, *, strikes: int = STRIKES) -> list[str]:
    """Every law that the job in this state folder breaks, in words; empty is what is wanted.

    `strikes` is what the job allows. It may be running, killed or finished.
    """
    record = Record(state)
    if not record.entries:
        return []
    found = [f"{law.__name__.strip('_')}: {problem}" for law in _LAWS for problem in law(record)]
    return found + [f"strikes: {problem}" for problem in _strikes(record, strikes)]


def _the_chain_is_whole(record: Record) -> Iterator[str]:
    before = b"harness ledger 1"
    for expected, entry in enumerate(record.entries, 1):
        told = (before, entry.seq, entry.written.encode(), entry.kind.encode(), entry.text.encode())
        before = hashlib.sha256(b"%b\0%d\0%b\0%b\0%b" % told).digest()
        if entry.seq != expected or entry.hash != before:
            yield f"entry {expected} is not what was written"
            return


def _an_item_is_accepted_once_until_a_person_withdraws_it(record: Record) -> Iterator[str]:
    accepted: dict[Key, list[Any]] = {}
    for entry in record.of("ItemAccepted", "ItemWithdrawn"):
        span = [entry[name] for name in ("attempt", "sha", "offset", "length_bytes", "records")]
        if entry.kind == "ItemAccepted":
            if entry.key in accepted:
                yield f"{entry.key} was accepted again by attempt {entry['attempt']}"
            accepted[entry.key] = span
        elif accepted.pop(entry.key, None) != span:
            yield f"entry {entry.seq} withdraws other records of {entry.key} than were accepted"


def _nothing_accepted_is_started_again(record: Record) -> Iterator[str]:
    accepted: set[Key] = set()
    for entry in record.of("ItemAccepted", "ItemWithdrawn", "AttemptStarted"):
        if entry.kind == "ItemAccepted":
            accepted.add(entry.key)
        elif entry.kind == "ItemWithdrawn":
            accepted.discard(entry.key)
        elif again := accepted & set(entry.keys):
            yield f"attempt {entry['attempt']} took {sorted(again)}, accepted before"


def _nobody_asks_about_what_is_accepted(record: Record) -> Iterator[str]:
    """By the request log: no session works on an item between its acceptance and a withdrawal."""
    changes: dict[Key, list[Entry]] = {}
    for entry in record.of("ItemAccepted", "ItemWithdrawn"):
        changes.setdefault(entry.key, []).append(entry)
    numbers = record.phase_numbers()
    for asked in record.requests:
        for item in asked.ids:
            before = [each for each in changes.get((numbers[asked.phase], item), []) if each.time < asked.time]
            if before and before[-1].kind == "ItemAccepted":
                yield f"request {asked.number} at {asked.time} is about {item}, accepted at {before[-1].time}"


def standing(record: Record) -> list[Entry]:
    """The acceptances that were not withdrawn."""
    found: dict[Key, Entry] = {}
    for entry in record.of("ItemAccepted", "ItemWithdrawn"):
        if entry.kind == "ItemAccepted":
            found[entry.key] = entry
        else:
            found.pop(entry.key, None)
    return list(found.values())


def _every_request_belongs_to_a_started_attempt(record: Record) -> Iterator[str]:
    started = {entry["session_id"]: entry.time for entry in record.of("AttemptStarted")}
    for asked in record.requests:
        if asked.session is not None and (asked.session not in started or asked.time < started[asked.session]):
            yield f"request {asked.number} came before its attempt was committed"


def _one_live_attempt_per_item(record: Record) -> Iterator[str]:
    live: dict[int, set[Key]] = {}
    for entry in record.of("AttemptStarted", "AttemptEnded"):
        if entry.kind == "AttemptEnded":
            if live.pop(entry["attempt"], None) is None:
                yield f"attempt {entry['attempt']} ended without having been open"
            continue
        for attempt, keys in live.items():
            if both := keys & set(entry.keys):
                yield f"attempts {attempt} and {entry['attempt']} both live on {sorted(both)}"
        live[entry["attempt"]] = set(entry.keys)
    last = record.of("RunStarted", "RunEnded")[-1:]
    if live and last and last[0].kind == "RunEnded":
        yield f"the run ended, attempts {sorted(live)} did not"


def _only_open_attempts_accept_and_strike(record: Record) -> Iterator[str]:
    """A late result of an older attempt loses: what an attempt changes, it changes before its end, of its own items.

    What a person has rejudged is of an attempt that has ended, and that nobody works on.
    """
    live: dict[int, set[Key]] = {}
    ended: dict[int, set[Key]] = {}
    for entry in record.of("AttemptStarted", "AttemptEnded", "ItemAccepted", "ItemStruck", "ItemFailed"):
        if entry.kind == "AttemptStarted":
            live[entry["attempt"]] = set(entry.keys)
        elif entry.kind == "AttemptEnded":
            ended[entry["attempt"]] = live.pop(entry["attempt"], set())
        elif entry.kind == "ItemAccepted" and entry.body.get("source"):
            tried = {key for keys in (*live.values(), *ended.values()) for key in keys}
            if entry["attempt"] != 0 or entry["source_attempt"] < 1 or entry.key in tried:
                yield f"entry {entry.seq} takes {entry.key} over, which was tried here, or from nobody"
            elif datetime.fromisoformat(entry["made_at"]) > entry.time:
                yield f"entry {entry.seq} takes {entry.key} over before it was made"
        elif entry.kind == "ItemAccepted" and entry.body.get("rejudged"):
            if entry.key not in ended.get(entry["attempt"], set()) or any(entry.key in keys for keys in live.values()):
                yield f"entry {entry.seq} rejudges {entry.key}, which attempt {entry['attempt']} cannot give"
        elif entry.key not in live.get(entry["attempt"], set()):
            yield f"entry {entry.seq} ({entry.kind}) is of attempt {entry['attempt']}, which does not hold {entry.key}"


def _the_budget_is_never_overdrawn(record: Record) -> Iterator[str]:
    spent, reserved, budget = 0, dict[int, int](), None
    for entry in record.of("RunStarted", "AttemptStarted", "UsageSettled"):
        if entry.kind == "RunStarted":
            budget = entry["budget_microusd"]
        elif entry.kind == "UsageSettled":
            spent += entry["charged_microusd"]
            reserved.pop(entry["attempt"], None)
        else:
            reserved[entry["attempt"]] = entry["reserved_microusd"]
            if budget is not None and spent + sum(reserved.values()) > budget:
                yield f"attempt {entry['attempt']} started at {spent} + {sum(reserved.values())} of {budget}"


def _no_start_during_a_hold(record: Record) -> Iterator[str]:
    until: datetime | None = None
    for entry in record.of("HoldPlaced", "HoldLifted", "AttemptStarted"):
        if entry.kind == "HoldLifted":
            until = None
        elif entry.kind == "HoldPlaced":
            end = datetime.fromisoformat(entry["until"])
            until = end if until is None else max(until, end)
        elif until is not None and entry.time < until:
            yield f"attempt {entry['attempt']} started at {entry.time}, held until {until}"


def _the_tables_say_what_the_entries_say(record: Record) -> Iterator[str]:
    expected = _states(record)
    for key, state in record.states().items():
        if expected.get(key) != state:
            yield f"{key} is {state!r}, by the entries {expected.get(key)!r}"


def _states(record: Record) -> dict[Key, str]:
    """One state per item, replayed by a reading of its own."""
    states: dict[Key, str] = {}
    running: dict[int, list[Key]] = {}
    for entry in record.entries:
        match entry.kind:
            case "ItemAdded" | "ItemReopened" | "ItemWithdrawn":
                states[entry.key] = "pending"
            case "ItemRemoved":
                del states[entry.key]
            case "ItemBlocked":
                states[entry.key] = "blocked"
            case "ItemSkipped":
                states[entry.key] = "skipped"
            case "AttemptStarted":
                running[entry["attempt"]] = entry.keys
                states |= dict.fromkeys(entry.keys, "running")
            case "ItemAccepted":
                states[entry.key] = "done"
            case "ItemFailed":
                states[entry.key] = "failed"
            case "AttemptEnded":
                left = [key for key in running.pop(entry["attempt"]) if states[key] == "running"]
                states |= dict.fromkeys(left, "pending")
    return states


def _whatever_is_open_can_go_on(record: Record) -> Iterator[str]:
    """By the tables: an open item is in a group that may start or runs, or waits for a batch that is open itself; made
    ones that are in no group yet wait for the batch that makes them, or for a selection."""
    states, numbers, phases = _states(record), _numbers(record), record.of("JobPlanned")[0]["phases"]
    open_ = {(key[0], numbers[key]) for key, state in states.items() if state in ("pending", "running")}
    before = {phase["number"]: phase["from_phase"] for phase in phases}
    selecting = {phase["number"] for phase in phases if phase.get("selects")}

    def is_open(phase: int, number: int) -> bool:
        return phase > 0 and ((phase, number) in open_ or is_open(before[phase], number))

    queued = record.queued()
    for key in (key for key, state in states.items() if state in ("pending", "running")):
        state, needs = queued.get(key, ("", []))
        if state in ("ready", "running"):
            continue
        if not state and (key[0] in selecting or is_open(before[key[0]], numbers[key])):
            continue
        if not any(is_open(phase, each) for phase, number in needs for each in range(1, number + 1)):
            yield f"{key} is open, and can not go on: {state or 'in no group'}, needs {needs}"


def _numbers(record: Record) -> dict[Key, int]:
    return {entry.key: entry["number"] for entry in record.of("ItemAdded", "ItemBlocked")}


def _a_finished_job_has_settled_everything(record: Record) -> Iterator[str]:
    ends = record.of("RunStarted", "RunEnded")[-1:]
    if not ends or ends[0].kind != "RunEnded" or ends[0]["exit_code"] not in (0, 1) or _is_partial(record):
        return
    if any(entry.seq > ends[0].seq for entry in record.of("ItemAccepted", "ItemWithdrawn")):
        return  # a person reviewed it since
    states = _states(record)
    open_ = sorted(key for key, state in states.items() if state in ("pending", "running"))
    if open_:
        yield f"the run ended with exit code {ends[0]['exit_code']}, but {open_} are open"
    has_failed = any(state in ("failed", "blocked") for state in states.values())
    if ends[0]["exit_code"] != int(has_failed):
        yield f"exit code {ends[0]['exit_code']}, failed items: {has_failed}"


def _is_partial(record: Record) -> bool:
    """The last run looked at some items only (--first, --only)."""
    chosen = record.of("GroupsChosen")[-1:]
    return bool(chosen) and chosen[0]["groups"] is not None


def _the_merge_is_what_was_accepted(record: Record) -> Iterator[str]:
    """Every done record exactly once, in item order; looked at when the last run has ended in order."""
    ends = record.of("RunStarted", "RunEnded")[-1:]
    if not ends or ends[0].kind != "RunEnded":
        return
    places = {entry.key: entry["place"] for entry in record.of("ItemAdded")}
    accepted = sorted(standing(record), key=lambda entry: str(places[entry.key]))
    last = {entry["phase"]: entry for entry in record.of("Merged")}
    for phase, merged in last.items():
        target = record.folder / merged["target"]
        if ends[0]["exit_code"] == BROKEN and _is_an_older_merge(record, phase, target):
            continue
        if not target.is_file():
            yield f"{target} is missing" if not target.is_dir() else f"{target}: folders are not read here"
            continue
        if hashlib.sha256(target.read_bytes()).hexdigest() != merged["sha"]:
            yield f"{target} is not what was merged last"
        try:
            pieces = [record.records_of(entry) for entry in accepted if entry["phase"] == phase]
        except AssertionError as error:
            yield f"accepted records are lost: {error}"
            continue
        yield from _differences(target, [one for piece in pieces for one in piece])


def _is_an_older_merge(record: Record, phase: int, target: Path) -> bool:
    """A run that the machine stopped may not have been able to merge what it accepted last."""
    known = {entry["sha"] for entry in record.of("Merged") if entry["phase"] == phase}
    return not target.exists() or (target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() in known)


def _differences(target: Path, records: list[Any]) -> Iterator[str]:
    if target.suffix == ".csv":
        with target.open(newline="", encoding="utf-8") as file:
            rows = sum(1 for _ in csv.reader(file)) - 1
        if rows != len(records):
            yield f"{target} has {rows} rows, {len(records)} records were accepted"
        return
    if target.suffix == ".jsonl":
        merged: Any = [json.loads(line) for line in target.read_bytes().splitlines()]
    else:
        merged = json.loads(target.read_bytes(), object_pairs_hook=_pairs)
        records = json.loads(json.dumps(records), object_pairs_hook=_pairs)
    if isinstance(merged, _Pairs):
        if len({name for name, _ in merged}) != len(merged):
            yield f"{target} has a key twice"
        merged = [value for _, value in merged]
    if merged != records:
        yield f"{target} has {len(merged)} records that are not, or not in this order, the {len(records)} accepted"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its order and its duplicates."""


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


_NEW_ROUNDS = ("ItemReopened", "ItemEdited", "ItemWithdrawn", "ItemRemoved")


def _strikes(record: Record, allowed: int) -> Iterator[str]:
    """Only for own faults, at most as many as allowed in a round, and the last one alone; or hopeless alone."""
    started = {entry["attempt"]: entry for entry in record.of("AttemptStarted")}
    ended = {entry["attempt"]: entry for entry in record.of("AttemptEnded")}
    strikes: Counter[Key] = Counter()
    for entry in record.of("ItemStruck", "ItemFailed", *_NEW_ROUNDS):
        if entry.kind in _NEW_ROUNDS:
            strikes[entry.key] = 0
            continue
        start, end = started[entry["attempt"]], ended.get(entry["attempt"])
        if entry.kind == "ItemStruck":
            strikes[entry.key] += 1
            if end is not None and end["blame"] in NOT_THE_ITEMS_FAULT:
                yield f"{entry.key} was struck by attempt {entry['attempt']}, whose fault was the {end['blame']}'s"
            if strikes[entry.key] > allowed:
                yield f"{entry.key} has {strikes[entry.key]} strikes of {allowed}"
        elif len(start["items"]) != 1:
            yield f"{entry.key} failed in company"
        elif strikes[entry.key] != allowed and (end is None or end["fault"] not in HOPELESS):
            yield f"{entry.key} failed after {strikes[entry.key]} strikes of {allowed}"


_LAWS: tuple[Callable[[Record], Iterator[str]], ...] = (
    _the_chain_is_whole,
    _an_item_is_accepted_once_until_a_person_withdraws_it,
    _nothing_accepted_is_started_again,
    _nobody_asks_about_what_is_accepted,
    _every_request_belongs_to_a_started_attempt,
    _one_live_attempt_per_item,
    _only_open_attempts_accept_and_strike,
    _the_budget_is_never_overdrawn,
    _no_start_during_a_hold,
    _the_tables_say_what_the_entries_say,
    _whatever_is_open_can_go_on,
    _a_finished_job_has_settled_everything,
    _the_merge_is_what_was_accepted,
)


def failed_tries(record: Record) -> dict[Key, int]:
    """For each item: how many attempts took it and did not get it accepted."""
    accepted = {(entry.key, entry["attempt"]) for entry in record.of("ItemAccepted")}
    tries: Counter[Key] = Counter()
    for entry in record.of("AttemptStarted"):
        tries.update(key for key in entry.keys if (key, entry["attempt"]) not in accepted)
    return dict(tries)


def entries_in_words(entries: list[Entry]) -> str:
    """For messages of tests: one line an entry."""
    return "\n".join(f"{entry.seq:5} {entry.time:%H:%M:%S.%f} {entry.kind} {entry.text[:160]}" for entry in entries)


def main(arguments: list[str]) -> int:
    problems = [problem for state in arguments for problem in broken_laws(Path(state))]
    print("\n".join(problems) if problems else "every law holds")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
