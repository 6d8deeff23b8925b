"""The situations that a sweep must have met, fault by state: one that never came up is a gap in the simulation."""

from collections import Counter
from typing import Final

from tests.simulation.virtual import VirtualClock
from tests.simulation.watcher import Watcher

LISTED: Final[dict[str, str]] = {
    "kill before a commit": "not running, idle, working, ramping, holding, paused, stopping",
    "kill after a commit": "not running, idle, working, ramping, holding, paused, stopping",
    "kill at an fsync": "not running, idle, working, ramping, holding, paused, stopping",
    "loss of power": "not running, idle, working, ramping, holding",
    "disk full at a commit": "not running, idle, working, ramping, holding",
    "ended by a full disk": "not running, idle, working, ramping",
    "orphan ended": "working, ramping",
    "orphan wrote late": "working, ramping",
    "salvage of a file": "working, ramping",
    "salvage of nothing": "working, ramping, holding",
    "odd record": "working, ramping",
    "limit": "working, ramping, holding",
    "limit while a session works": "working, ramping, holding",
    "outage": "working, ramping",
    "credential refused": "working, ramping",
    "stopped by a refused credential": "not running",
    "hold of another job": "idle, working, ramping, holding",
    "reserve": "working, ramping, holding",
    "stall": "working, ramping",
    "session crashed": "working, ramping",
    "session crashed on its item": "working, ramping",
    "session crashed after it wrote": "working, ramping",
    "answers broke off": "working, ramping",
    "broken answers used up a cap": "working, ramping",
    "session over its cap": "working, ramping",
    "session ended on request": "stopping",
    "cancel": "idle, working, ramping, holding, paused, stopping",
    "cancel now": "idle, working, ramping, holding, paused",
    "pause": "not running, idle, working, ramping, holding",
    "resume": "not running, idle, working, ramping, holding, paused",
    "retry": "not running, idle, working, ramping, holding",
    "items added": "not running",
    "launched again after breakdowns": "not running",
    "out of money": "not running",
    "bounds raised": "not running",
    "ended by a person": "not running",
    "ended by deadline": "not running",
    "ended at a phase": "not running",
}


def never_met(met: Counter[str]) -> list[str]:
    """Listed situations that did not come up, as `fault, state`."""
    listed = [f"{fault}, {state}" for fault, states in LISTED.items() for state in states.split(", ")]
    return [situation for situation in listed if not met[situation]]


def state_of(watcher: Watcher, clock: VirtualClock) -> str:
    """The state of the run in which something happens: the second half of a situation's name."""
    if not watcher.is_running:
        return "not running"
    if watcher.paused:
        return "paused"
    if watcher.stop_asked:
        return "stopping"
    if watcher.door.is_held(clock.now()):
        return "holding"
    if watcher.door.allowed < watcher.door.parallel:
        return "ramping"
    return "working" if watcher.open else "idle"
