"""Five schools: the second is held by a tool until somebody interrupts, the third gets no answer at first, at the
fourth the plan's usage limit is reached."""

from harness.rehearsal.scene import Ask, InjectedFault, Records, Reply, Tool, Turn


def scene(ask: Ask) -> Reply:
    good = Records([{"id": item["id"], "text": f"about {item['data']['word']}"} for item in ask.items])
    match ask.ids[0]:
        case "i02" if not ask.count("held"):
            return Turn([Tool("Bash", {"command": "tail -f /dev/null", "timeout": 600000})], tag="held")
        case "i03":
            return InjectedFault("hang", times=1, tag="hang", then=good)
        case "i04":
            return InjectedFault("limit", times=1, tag="limit", seconds=2, then=good)
    return good
