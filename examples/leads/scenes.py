"""The leads without a model: plans and dossiers out of what the request says, and the slips that a model makes.

Each slip heals: the composer's by the reason of its rejection, the others after one time, counted in the request log.
"""

from typing import Any

from harness.rehearsal.scene import Ask, InjectedFault, Records, Reply


def scene(ask: Ask) -> Reply:
    """The answer to one request of one session."""
    match ask.phase:
        case "onboard":
            return Records([{"id": item["id"], **_onboarded(item["data"]["raw"])} for item in ask.items])
        case "prepare":
            good = Records([{"id": item["id"], "brief": _brief(ask, item["records"][0])} for item in ask.items])
            return InjectedFault("broken_json", then=good)
        case "compose" | "plan":
            return Records([{"id": item["id"], "batch_plan": _plan(ask, item["id"])} for item in ask.items])
    dossiers = {item["id"]: _dossier(item["data"]) for item in ask.items}
    if ask.batch.endswith(".2"):
        return InjectedFault("missing_item", tag="missing in batch 2", then=Records(dossiers), item=ask.ids[-1])
    if ask.batch.endswith(".3"):
        return InjectedFault("529", then=Records(dossiers))
    return Records(dossiers)


def _onboarded(raw: str) -> dict[str, str]:
    offer, _, fit = raw.partition(" Best fit: ")
    return {"offer": offer.partition("We sell ")[2], "best_fit": fit.rstrip(".")}


def _brief(ask: Ask, known: dict[str, Any]) -> str:
    return f"Call {known['best_fit']} first. {ask.vars['industry_context']}"


def _plan(ask: Ask, client: str) -> dict[str, Any]:
    """As the strategy says; the first time one lead is in two batches."""
    strategy, icp = ask.vars["strategy"], ask.vars["icp_config"]
    rows = sorted(ask.vars["leads"], key=lambda row: (row[3] != icp["industry_first"], -row[6]))
    leads = [row[0] for row in rows]
    size = strategy["batch_size"]
    batches = [
        {
            "batch_id": number,
            "leads": leads[start : start + size],
            "estimated_time": f"{3 * len(leads[start : start + size])}min",
        }
        for number, start in enumerate(range(0, len(leads), size), 1)
    ]
    if client not in ask.reasons:
        batches[-1]["leads"] = [*batches[-1]["leads"][:-1], leads[0]]
    return {
        "total_leads": len(leads),
        "batch_size": size,
        "priority_order": strategy["priority_order"],
        "batches": batches,
        "throttling": strategy["throttling"],
    }


def _dossier(lead: dict[str, Any]) -> str:
    return f"""\
# {lead["company"]}

Contact: {lead["contact"]}. Industry: {lead["industry"]}, {lead["employees"]} employees.

Signal: {lead["signal"]} (strength {lead["signal_strength"]} of 100). That company has to answer more customers,
and has not chosen how. That is the moment to call.

Open with: how many mails does your team answer in a day?
"""
