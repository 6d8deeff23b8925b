"""Item i01 comes back wrong in its first `vars.wrong` sessions, then right; i02 hangs once, if vars.hang says so."""

from harness.rehearsal.scene import Ask, InjectedFault, Records, Reply


def scene(ask: Ask) -> Reply:
    good = Records([{"id": item["id"], "text": f"about {item['data']['word']}"} for item in ask.items])
    if "i01" in ask.ids:
        return InjectedFault("missing_item", times=ask.vars["wrong"], tag="i01 left out", then=good, item="i01")
    if "i02" in ask.ids and ask.vars["hang"]:
        return InjectedFault("hang", times=1, tag="i02 hangs", then=good)
    return good
