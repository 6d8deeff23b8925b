"""i01 searches, and names a page that it never fetched until it is told; the others fetch what they name."""

from harness.rehearsal.scene import Ask, Page, Records, Reply, Tool, Turn

SITE = "https://site.example"
pages = {
    f"{SITE}/i01": "<html><body><h1>About i01</h1>plain text</body></html>",
    f"{SITE}/old": Page(location="https://moved.example/i02"),
    "https://moved.example/i02": "about i02",
}
searches = {"i01": [("The page of i01", f"{SITE}/i01")]}


def scene(ask: Ask) -> Reply:
    (id_,) = ask.ids
    source = {"i01": f"http://SITE.example/i01/#{ask.tries}", "i02": "https://moved.example/i02"}[id_]
    record = [{"id": id_, "text": f"{id_}: {ask.tool_results}", "source_url": source}]
    if id_ == "i01" and not ask.reasons:
        return Turn([Tool("WebSearch", {"query": "i01"})]) if ask.turn == 0 else Records(record, fetch=())
    if id_ == "i02" and ask.turn == 0:
        urls = (f"{SITE}/old", f"{SITE}/none", f"{SITE}/i01")
        return Turn([Tool("WebFetch", {"url": url, "prompt": "What is it about?"}) for url in urls])
    return Records(record)
