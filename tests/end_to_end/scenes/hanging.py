"""The first session of each item in vars.hang gets no answer at all; everything else is answered at once."""

from harness.rehearsal.scene import Ask, InjectedFault, Records, Reply


def scene(ask: Ask) -> Reply:
    good = Records([{"id": item["id"], "text": f"about {item['data']['word']}"} for item in ask.items])
    hanging = [id_ for id_ in ask.ids if id_ in ask.vars["hang"]]
    return InjectedFault("hang", times=1, tag=f"hang {hanging[0]}", then=good) if hanging else good
