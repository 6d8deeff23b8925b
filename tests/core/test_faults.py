"""Laws of the fault table: every end of a session has one name and one to blame."""

import errno
import json
import signal
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from harness.core import faults
from harness.core.faults import classify, halves_at_once
from harness.core.item_rounds import ENDS
from harness.core.messages import message
from harness.core.symptoms import RateLimit, Symptoms, evidence
from harness.core.types import Blame

RESET = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
API_FAILURE = Symptoms(exit_code=1, is_error=True, subtype="success")


@pytest.mark.parametrize("terminal_reason", ["completed", "api_error"])
@pytest.mark.parametrize(
    ("status", "error", "kind", "blame"),
    [
        (401, "authentication_failed", "auth", "config"),
        (403, "authentication_failed", "forbidden", "config"),
        (404, "model_not_found", "unknown_model", "config"),
        (400, "billing_error", "credit", "config"),
        (429, "rate_limit", "throttled", "provider"),
        (500, "server_error", "server_error", "provider"),
        (502, "server_error", "server_error", "provider"),
        (529, "server_error", "overloaded", "provider"),
        (400, "unknown", "bad_request", "session"),
    ],
)
def test_S08_api_failures_are_told_by_fields_in_both_generations(
    terminal_reason: str, status: int, error: str, kind: str, blame: str
) -> None:
    fault = classify(
        replace(API_FAILURE, terminal_reason=terminal_reason, api_error_status=status, assistant_error=error)
    )
    assert fault is not None
    assert (fault.kind, fault.blame) == (kind, blame)


@pytest.mark.parametrize(
    ("clock", "waited_for", "kind", "blame"),
    [
        ("first_event", "init", "no_first_event", "host"),
        ("silence", "model", "silent", "provider"),
        ("silence", "tool", "silent", "host"),
        ("timeout", "model", "no_response", "provider"),
        ("timeout", "init", "no_first_event", "host"),
        ("timeout", "tool", "time_limit", "session"),
    ],
)
def test_a_clock_that_ran_out_is_charged_to_what_was_waited_for(
    clock: Any, waited_for: Any, kind: str, blame: str
) -> None:
    fault = classify(Symptoms(clock=clock, waited_for=waited_for))
    assert fault is not None and (fault.kind, fault.blame) == (kind, blame)


def test_P05_a_usage_limit_carries_its_reset() -> None:
    fault = classify(
        replace(
            API_FAILURE,
            api_error_status=429,
            assistant_error="rate_limit",
            api_error="usage_limit_reached",
            rate_limit=RateLimit("rejected", RESET, "five_hour"),
        )
    )
    assert fault is not None
    assert (fault.kind, fault.blame, fault.until) == ("usage_limit", "provider", RESET)


def test_a_rejection_without_a_reset_is_a_throttle() -> None:
    fault = classify(
        replace(
            API_FAILURE,
            api_error_status=429,
            rate_limit=RateLimit("rejected"),
            text="Server is temporarily limiting requests (not your usage limit)",
        )
    )
    assert fault is not None
    assert fault.kind == "throttled"
    assert fault.until is None


def test_the_old_text_of_a_limit_gives_its_epoch() -> None:
    fault = classify(replace(API_FAILURE, text="Claude AI usage limit reached|1795190409"))
    assert fault is not None
    assert fault.kind == "usage_limit"
    assert fault.until == datetime.fromtimestamp(1795190409, tz=UTC)


@pytest.mark.parametrize("status", [None, 429])
@pytest.mark.parametrize(
    "text",
    [
        "You've hit your Opus limit · resets Nov 24, 9am (UTC)",
        "Weekly limit reached · resets Nov 24, 11am (UTC)",
        "5-hour limit reached ∙ resets 3pm (UTC)",
        "Opus weekly limit reached ∙ resets Nov 24, 9am (UTC)",
    ],
)
def test_P09_a_limit_that_is_told_in_words_alone_is_a_limit_whichever_words_the_cli_has(
    text: str, status: int | None
) -> None:
    fault = classify(replace(API_FAILURE, api_error_status=status, text=text))
    assert fault is not None
    assert fault.kind == "usage_limit"


@pytest.mark.parametrize("text", ["Turn limit reached", "the item said: limit reached, resets tomorrow\nand failed"])
def test_P10_other_limits_are_no_usage_limits(text: str) -> None:
    fault = classify(replace(API_FAILURE, text=text))
    assert fault is None or fault.kind != "usage_limit"


def test_P10_words_about_limits_in_a_good_result_are_nothing() -> None:
    assert classify(Symptoms(exit_code=0, is_error=False, subtype="success", text="usage limit reached, 429")) is None


def test_a_warned_session_that_ended_well_has_no_fault() -> None:
    good = Symptoms(exit_code=0, is_error=False, subtype="success")
    assert classify(replace(good, rate_limit=RateLimit("allowed_warning", RESET, "five_hour"))) is None
    assert classify(replace(good, rate_limit=RateLimit("rejected", RESET, "five_hour"))) is None


@pytest.mark.parametrize(
    ("symptoms", "kind", "blame"),
    [
        (Symptoms(is_error=True, subtype="success", stop_reason="refusal"), "refused", "session"),
        (
            Symptoms(is_error=True, subtype="success", api_error_status=400, terminal_reason="prompt_too_long"),
            "too_long",
            "session",
        ),
        (
            Symptoms(is_error=True, api_error_status=400, assistant_error="invalid_request", text="API Error: 400"),
            "bad_request",
            "session",
        ),
        (Symptoms(is_error=True, api_error_status=400, text="Your credit balance is too low"), "credit", "config"),
        (Symptoms(is_error=True, assistant_error="max_output_tokens"), "output_limit", "session"),
        (Symptoms(is_error=True, subtype="error_max_turns"), "turn_limit", "session"),
        (Symptoms(is_error=True, terminal_reason="max_turns"), "turn_limit", "session"),
        (Symptoms(is_error=True, subtype="error_max_budget_usd"), "session_budget", "session"),
        (Symptoms(is_error=True, terminal_reason="budget_exhausted"), "session_budget", "session"),
        (Symptoms(is_error=True, subtype="success", api_error="connection_failed"), "network", "provider"),
        (Symptoms(is_error=True, subtype="success", api_error="no_response"), "no_response", "provider"),
        (Symptoms(exit_code=-11, signal=11), "crashed", "host"),
        (Symptoms(exit_code=139), "crashed", "host"),
        (Symptoms(exit_code=137), "killed", "host"),
        (Symptoms(signal=9), "killed", "host"),
        (Symptoms(exit_code=0), "crashed", "host"),
        (Symptoms(exit_code=127), "cli_missing", "config"),
        (Symptoms(errno=errno.ENOENT), "cli_missing", "config"),
        (Symptoms(question="Allow telemetry?", exit_code=143), "unknown_question", "config"),
        (Symptoms(errno=errno.ENOSPC), "disk", "host"),
        (Symptoms(lost=True), "supervisor_lost", "host"),
        (Symptoms(operator="cancel", is_error=True, subtype="error_during_execution"), "cancelled", "operator"),
        (Symptoms(operator="cut", signal=9), "cut_off", "operator"),
        (Symptoms(clock="first_event", waited_for="init"), "no_first_event", "host"),
        (Symptoms(clock="silence", waited_for="model"), "silent", "provider"),
        (Symptoms(clock="timeout", waited_for="model"), "no_response", "provider"),
        (Symptoms(clock="timeout", waited_for="tool", is_error=True), "time_limit", "session"),
        (Symptoms(is_error=True, subtype="error_during_execution"), "unknown", "host"),
        (Symptoms(is_error=True, text="Repeated 529 Overloaded errors"), "overloaded", "provider"),
    ],
)
def test_every_known_end_has_its_name(symptoms: Symptoms, kind: str, blame: str) -> None:
    fault = classify(symptoms)
    assert fault is not None
    assert (fault.kind, fault.blame) == (kind, blame)


def test_S09_a_denial_counts_only_when_nothing_came_out() -> None:
    ended = Symptoms(exit_code=0, is_error=False, subtype="success", denials=("Write(/etc/x)",))
    fault = classify(ended)
    assert fault is not None
    assert fault.kind == "denied"
    assert fault.why == (message("denied", tools=["Write(/etc/x)"]),)
    assert classify(replace(ended, produced=True)) is None


def test_an_unknown_shape_is_kept_verbatim() -> None:
    fault = classify(Symptoms(exit_code=1, is_error=True, subtype="novelty", terminal_reason="new_reason", text="Hm."))
    assert fault is not None
    assert fault.kind == "unknown"
    assert fault.evidence == {
        "exit_code": 1,
        "is_error": True,
        "subtype": "novelty",
        "terminal_reason": "new_reason",
        "text": "Hm.",
    }


@pytest.mark.parametrize(
    "symptoms",
    [
        Symptoms(is_error=False, subtype="success", excess=message("too_many_files", limit=20_000)),
        Symptoms(exit_code=-signal.SIGXFSZ, signal=signal.SIGXFSZ),
        Symptoms(exit_code=128 + signal.SIGXFSZ),
    ],
)
def test_C08_taking_too_much_of_the_machine_is_the_sessions_fault(symptoms: Symptoms) -> None:
    fault = classify(symptoms)
    assert fault is not None
    assert (fault.kind, fault.blame) == ("too_big", "session")
    assert fault.why[0].facts.get("excess") == (symptoms.excess.as_json() if symptoms.excess else None)


@pytest.mark.parametrize("symptoms", [replace(API_FAILURE, api_error="connection_failed"), Symptoms(exit_code=1)])
def test_H05_a_failure_while_the_machine_stood_still_is_the_hosts(symptoms: Symptoms) -> None:
    fault = classify(replace(symptoms, suspended=True))
    assert fault is not None
    assert (fault.kind, fault.blame) == ("suspended", "host")
    assert classify(Symptoms(is_error=False, subtype="success", suspended=True)) is None


def test_evidence_is_plain_json() -> None:
    symptoms = Symptoms(rate_limit=RateLimit("rejected", RESET, "five_hour"), denials=("Bash",), is_error=False)
    assert json.loads(json.dumps(evidence(symptoms)))["rate_limit"]["type"] == "five_hour"


def test_the_table_uses_all_six_blames() -> None:
    assert {row.blame for row in faults.TABLE} == set(get_args(Blame))


def test_only_the_deterministic_kinds_halve_at_once() -> None:
    kinds = {row.kind for row in faults.TABLE}
    assert {kind for kind in kinds if halves_at_once(kind)} == {
        "refused",
        "too_long",
        "output_limit",
        "unasked_model",
        "bad_request",
    }
    at_once = {end for end, rule in ENDS.items() if rule.at_once}
    assert at_once == {"refused", "too_long", "unasked_model", "no_input"} and at_once <= set(kinds)
