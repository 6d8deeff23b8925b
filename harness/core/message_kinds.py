"""Every kind of message, with facts as an example: what the ledger may hold, and what `views/messages.py` words.

A kind is never renamed and never means something else: old ledgers hold it. A fact may be added; a message of an
older version lacks it.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

# fmt: off
StopKind = Literal[
    "nothing_left", "finished", "rest_not_chosen", "chosen_wait", "until_settled", "until_waits", "budget",
    "cap_sessions", "cap_turns", "cap_tokens", "stopped_by", "deadline", "start_nothing", "opens_after_deadline",
    "opens_too_late", "pilot_failed", "lock_removed", "prompt_broken", "nothing_selected", "nothing_accepted",
    "groups_failed", "tool_denied", "host_broken", "setup_broken", "host_error", "ledger_damaged",
]
"""Why a run ended."""

HoldKind = Literal[
    "provider_fault", "plan_used_up", "plan_reserve", "credential_refused", "probed_elsewhere", "met_elsewhere",
    "outside_window", "at_rate", "at_rate_of_plan", "staggered", "logged_out", "token_ends_soon", "renewal_failed",
    "renewing_login", "asking_helper", "helper_not_started", "helper_timed_out", "helper_failed", "helper_gave_no_key",
]
"""What holds back every start until a time."""

NoteKind = Literal[
    "byte_order_mark", "crlf", "markdown_fence", "fields_dropped", "ids_respelled", "equal_records",
    "records_without_id", "ids_invented", "file_invented", "idle_after_output", "host_suspended", "session_broke_off",
    "output_not_kept", "prompt_cut", "last_screen", "pipe_held", "usage_unreadable", "usage_malformed",
    "usage_impossible", "cost_impossible", "input_changed", "unauthorized_change", "settings_ignored", "files_disarmed",
    "setuid_cleared", "files_removed", "files_not_disarmed", "work_folder_removed", "work_folders_reduced",
]
"""What was odd about an attempt, and did no harm that its verdicts do not show."""

SignKind = Literal[
    "supervisor_lost", "cut_off", "cancelled", "no_input_folder", "no_input", "disk", "cli_missing", "unknown_question",
    "too_big", "suspended", "no_first_event", "model_silent", "session_silent", "model_timed_out", "start_timed_out",
    "time_limit", "turn_limit", "session_budget", "too_long", "refused", "output_limit", "credit", "forbidden", "auth",
    "unknown_model", "broken_scene", "untold", "usage_limit", "overloaded", "throttled", "network", "no_response",
    "server_error", "killed", "crashed", "bad_request", "rejected", "missing", "denied", "unknown",
]
"""By what a fault of a session was known: one for each row of the fault table that says something of its own."""

FindingKind = Literal[
    "unasked_models", "claimed", "claimed_too_often", "crashed_too_often", "retried_too_often", "check_broken",
    "check_raised", "check_barred", "raised_in_a_row", "rows_broken", "ids_not_unique", "executor_failed",
]
"""What was concluded about a fault, or found without a session: by checks, by the models that answered."""

ExcessKind = Literal[
    "too_many_processes", "too_many_threads", "too_much_memory", "most_memory", "too_much_written", "too_many_files",
    "too_deep", "stream_too_long", "screen_too_long", "transcript_too_long", "too_many_control_messages",
    "reader_ended",
]
"""What a session took too much of."""

# fmt: on

Kind = Literal["told"] | StopKind | HoldKind | NoteKind | SignKind | FindingKind | ExcessKind

_NINE: Final = {"kind": "killed", "facts": {"signal": 9}}
_REFUSED_KEY: Final = {"kind": "auth", "facts": {"status": 401, "text": "invalid x-api-key"}}
_WRITTEN: Final = {"kind": "too_much_written", "facts": {"limit_mib": 4096}}
_HOLD: Final = {"kind": "provider_fault", "facts": {"fault": "usage_limit"}}

EXAMPLES: Final[Mapping[Kind, Mapping[str, Any]]] = {
    "told": {"text": "stopped by the deadline at 06:00"},
    # why a run ended
    "nothing_left": {},
    "finished": {"failed": 1},
    "rest_not_chosen": {"left": 21},
    "chosen_wait": {"waiting": 3, "left": 21},
    "until_settled": {"phase": "translate", "left": 40},
    "until_waits": {"phase": "translate", "left": 40},
    "budget": {"budget_microusd": 40_000_000, "spent_microusd": 38_400_000, "needed_microusd": 4_240_000},
    "cap_sessions": {"cap": 40},
    "cap_turns": {"cap": 400, "used": 380, "needed": 40},
    "cap_tokens": {"cap": 2_000_000, "used": 2_031_400},
    "stopped_by": {"who": "anna (pid 4711)"},
    "deadline": {"deadline": "2026-11-21T06:00:00Z", "is_date": False},
    "start_nothing": {},
    "opens_after_deadline": {
        "because": _HOLD,
        "opens": "2026-11-21T09:00:02Z",
        "deadline": "2026-11-21T06:00:00Z",
    },
    "opens_too_late": {"because": _HOLD, "opens": "2026-11-24T09:00:02Z"},
    "pilot_failed": {"accepted": 1, "of": 9},
    "lock_removed": {},
    "prompt_broken": {"detail": "prompts/read.md:3:14: 'item.nmae' is undefined"},
    "nothing_selected": {"phase": "write", "detail": "every category has fewer than 2 items"},
    "nothing_accepted": {
        "phase": "read",
        "attempts": 10,
        "synthetic": False,
        "most_often": {
            "reason": {"kind": "said", "facts": {"text": "name at least one coach"}, "field": None},
            "count": 7,
            "of": 10,
            "item": "Lakeside",
            "is_fault": False,
        },
        "command": {"verb": "why", "words": ["Lakeside"], "manifest": "job.yaml", "instance": None, "rehearsal": False},
    },
    "groups_failed": {"groups": 10},
    "tool_denied": {"tool": "Bash", "sessions": 3},
    "host_broken": {"sessions": 10, "fault": "killed", "why": [_NINE]},
    "setup_broken": {"fault": "auth", "why": [_REFUSED_KEY], "rehearsal": False, "instance": None},
    "host_error": {"detail": "no space left on device: .harness/job/ledger.db"},
    "ledger_damaged": {"detail": "the content 3fa9… is missing"},
    # what holds back every start
    "provider_fault": {"fault": "usage_limit"},
    "plan_used_up": {},
    "plan_reserve": {"used": 0.91, "stop_at": 0.9},
    "credential_refused": {},
    "probed_elsewhere": {},
    "met_elsewhere": {"hold": _HOLD, "job": "West Region 2026"},
    "outside_window": {"window": "22:00-07:00"},
    "at_rate": {"rate": "10/min"},
    "at_rate_of_plan": {"rate": "10/min", "phase": "research"},
    "staggered": {},
    "logged_out": {},
    "token_ends_soon": {},
    "renewal_failed": {},
    "renewing_login": {},
    "asking_helper": {},
    "helper_not_started": {"error": "[Errno 2] No such file or directory: 'key.sh'"},
    "helper_timed_out": {"seconds": 60},
    "helper_failed": {"exit_code": 1},
    "helper_gave_no_key": {},
    # oddities of an attempt
    "byte_order_mark": {"file": "output.json"},
    "crlf": {"file": "output.json"},
    "markdown_fence": {"file": "output.json"},
    "fields_dropped": {"fields": [["fax", 12], ["twitter", 3]], "more": 2},
    "ids_respelled": {"ids": 3, "got": 17, "id": "17"},
    "equal_records": {"records": 2},
    "records_without_id": {"records": 1, "path": ".id"},
    "ids_invented": {"ids": 240, "named": 100},
    "file_invented": {"file": "notes/S9.md"},
    "idle_after_output": {},
    "host_suspended": {},
    "session_broke_off": {"error": "ConnectionResetError: [Errno 104] Connection reset by peer"},
    "output_not_kept": {"error": "[Errno 28] No space left on device"},
    "prompt_cut": {"characters": 4200, "sent": 4198},
    "last_screen": {"file": "screen.txt"},
    "pipe_held": {},
    "usage_unreadable": {"file": "usage.json", "error": "Permission denied"},
    "usage_malformed": {"file": "usage.json"},
    "usage_impossible": {"file": "usage.json", "cost": "-3"},
    "cost_impossible": {"told_microusd": 999_999_000_000, "most_microusd": 3_000_000},
    "input_changed": {"item": "Lakeside"},
    "unauthorized_change": {"path": "job.yaml", "is_own": False, "change": "changed"},
    "settings_ignored": {"files": [".claude", "input/CLAUDE.md"]},
    "files_disarmed": {"files": [".git", ".envrc"], "more": 3},
    "setuid_cleared": {"files": ["tool"], "more": 0},
    "files_removed": {"files": ["pipe"], "more": 0},
    "files_not_disarmed": {"files": ["deep/.git"], "more": 0},
    "work_folder_removed": {"excess": _WRITTEN},
    "work_folders_reduced": {"folders": 4},
    # by what a fault of a session was known
    "supervisor_lost": {},
    "cut_off": {"exit_code": 143},
    "cancelled": {"exit_code": 130},
    "no_input_folder": {"folder": "/data/inbox"},
    "no_input": {"items": ["inbox/3.pdf"]},
    "disk": {"text": "No space left on device"},
    "cli_missing": {"exit_code": 127, "stderr": "sh: claude: not found"},
    "unknown_question": {"question": "Do you trust the files in this folder?"},
    "too_big": {"signal": 9, "excess": _WRITTEN},
    "suspended": {"signal": 9},
    "no_first_event": {},
    "model_silent": {},
    "session_silent": {},
    "model_timed_out": {},
    "start_timed_out": {},
    "time_limit": {"stderr": "still fetching page 212"},
    "turn_limit": {},
    "session_budget": {},
    "too_long": {"status": 413, "text": "API Error: 413 request_too_large"},
    "refused": {"text": "API Error: the model declined to respond"},
    "output_limit": {},
    "credit": {"status": 402, "text": "Credit balance is too low"},
    "forbidden": {"status": 403, "text": "API Error: 403 permission_error"},
    "auth": {"status": 401, "text": "invalid x-api-key"},
    "unknown_model": {"status": 404, "text": "model: claude-opus-9"},
    "broken_scene": {"text": "the scene has no reply for turn 3"},
    "untold": {"text": "item S0001: company"},
    "usage_limit": {"status": 429, "text": "You've hit your weekly limit"},
    "overloaded": {"status": 529, "text": "API Error: 529 overloaded_error"},
    "throttled": {"status": 429},
    "network": {"text": "Unable to connect to API (ECONNREFUSED)"},
    "no_response": {"status": 504},
    "server_error": {"status": 500, "text": "API Error: 500 api_error"},
    "killed": {"signal": 9},
    "crashed": {"exit_code": 1, "stderr": "JavaScript heap out of memory"},
    "bad_request": {"status": 400, "text": "API Error: 400 invalid_request_error"},
    "rejected": {},
    "missing": {},
    "denied": {"tools": ["Bash", "Write(/etc/x)"]},
    "unknown": {"text": "API Error: teapot"},
    # what was concluded about a fault, or found without a session
    "unasked_models": {"models": ["claude-haiku-4-5"]},
    "claimed": {},
    "claimed_too_often": {},
    "crashed_too_often": {},
    "retried_too_often": {"times": 3},
    "check_broken": {
        "check": "check checks.py:overlaps",
        "error": "KeyError: 'n'",
        "denied": None,
        "is_sandboxed": False,
    },
    "check_raised": {"check": "check jq '.n > 0'", "error": "cannot compare", "denied": None, "is_sandboxed": False},
    "check_barred": {"check": "check checks.py:seen", "error": "OSError", "denied": "network", "is_sandboxed": True},
    "raised_in_a_row": {"groups": 3},
    "rows_broken": {"phase": "baskets", "error": "unexpected token '}'"},
    "ids_not_unique": {
        "phase": "baskets",
        "maker": "S0001",
        "item": "S0002",
        "id": "positive",
        "path": ".sentiment",
        "without": 3,
    },
    "executor_failed": {"error": "KeyError: 'n'"},
    # what a session took too much of
    "too_many_processes": {"limit": 1024},
    "too_many_threads": {"limit": 4096},
    "too_much_memory": {"mib": 4300, "limit_mib": 4096},
    "most_memory": {"mib": 9000, "left_mib": 210},
    "too_much_written": {"limit_mib": 4096},
    "too_many_files": {"limit": 100_000},
    "too_deep": {},
    "stream_too_long": {"limit_mib": 256},
    "screen_too_long": {"limit_mib": 64},
    "transcript_too_long": {"limit_mib": 256},
    "too_many_control_messages": {},
    "reader_ended": {},
}
