"""Every item gets its text at once."""

from harness.rehearsal.scene import Ask, Records, Reply


def scene(ask: Ask) -> Reply:
    return Records([{"id": item["id"], "text": f"about {item['data']['word']}"} for item in ask.items])
