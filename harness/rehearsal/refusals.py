"""Faults that are an HTTP error: status, body and headers as the real API sends them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.rehearsal.scene import InjectedFault


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an HTTP error and the API's error body."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": self.type, "message": self.message}, "request_id": request_id}


_PLAIN: Final[Mapping[str, Refuse]] = {
    "529": Refuse(529, "overloaded_error", "Overloaded", {"x-should-retry": "true"}),
    "500": Refuse(500, "api_error", "Internal server error", {"x-should-retry": "true"}),
    "401": Refuse(401, "authentication_error", "invalid x-api-key", {"x-should-retry": "false"}),
    "403": Refuse(403, "permission_error", "This organization has been disabled.", {"x-should-retry": "false"}),
    "credit": Refuse(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
        {"x-should-retry": "false"},
    ),
    "toolong": Refuse(
        400,
        "invalid_request_error",
        "prompt is too long: 1048577 tokens > 1000000 maximum",
        {"x-should-retry": "false"},
    ),
}


def refusal_of(fault: InjectedFault, model: str) -> Refuse | None:
    """The HTTP error of a fault; None when it is none (or a usage limit, which has a reset)."""
    if fault.name == "model404":
        return Refuse(404, "not_found_error", f"model: {model}", {"x-should-retry": "false"})
    if fault.name == "throttle":
        return Refuse(
            429,
            "rate_limit_error",
            "This request would exceed your organization's rate limit of requests per minute.",
            {"retry-after": f"{fault.params['seconds']:g}", "x-should-retry": "true"},
        )
    return _PLAIN.get(fault.name)


_SHORT: Final[Mapping[str, str]] = {"five_hour": "5h", "seven_day": "7d"}


def usage_limit(until: float, now_s: float, window: str) -> Refuse:
    """A plan's usage limit; `until` is its reset in seconds since 1970, `window` is five_hour or seven_day."""
    headers = {
        "retry-after": str(max(1, int(until - now_s))),
        "x-should-retry": "false",
        **_windows(until, window),
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": str(int(until)),
        "anthropic-ratelimit-unified-representative-claim": window,
        "anthropic-ratelimit-unified-overage-status": "rejected",
        "anthropic-ratelimit-unified-overage-disabled-reason": "org_level_disabled",
    }
    return Refuse(429, "rate_limit_error", "This request would exceed your account's rate limit.", headers)


def _windows(until: float, window: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, short in _SHORT.items():
        full = name == window
        headers[f"anthropic-ratelimit-unified-{short}-status"] = "rejected" if full else "allowed"
        headers[f"anthropic-ratelimit-unified-{short}-reset"] = str(int(until) + (0 if full else 86_400))
        headers[f"anthropic-ratelimit-unified-{short}-utilization"] = "1.0" if full else "0.4"
    return headers


def plan_headers(now_s: float) -> dict[str, str]:
    """What a plan's answers carry while there is room, so that the pace can be seen before the limit."""
    headers = {"anthropic-ratelimit-unified-status": "allowed"}
    for short, length_s in (("5h", 5 * 3600), ("7d", 7 * 86_400)):
        reset = (int(now_s) // length_s + 1) * length_s
        headers[f"anthropic-ratelimit-unified-{short}-status"] = "allowed"
        headers[f"anthropic-ratelimit-unified-{short}-reset"] = str(reset)
        headers[f"anthropic-ratelimit-unified-{short}-utilization"] = "0.1"
    headers["anthropic-ratelimit-unified-reset"] = headers["anthropic-ratelimit-unified-5h-reset"]
    headers["anthropic-ratelimit-unified-representative-claim"] = "five_hour"
    return headers
