"""Items of vars.wrong come back with a text that no check accepts; one of vars.refused in the prompt: refused."""

from harness.rehearsal.scene import Ask, InjectedFault, Records, Reply


def scene(ask: Ask) -> Reply:
    def text(item: dict[str, str]) -> str:
        return "" if item["id"] in ask.vars["wrong"] else f"about {item['id']}"

    answer = Records([{"id": item["id"], "text": text(item)} for item in ask.items])
    if set(ask.ids) & set(ask.vars["refused"]):
        return InjectedFault("refusal", times=None, then=answer)
    return answer
