"""Sources in a rehearsal's records: which pages must be fetched for them."""

from collections.abc import Mapping

from harness.rehearsal.scene import Ask, Records
from harness.samples.addresses import addresses_in


def sources_of(records: Records, ask: Ask) -> list[str]:
    """The pages that a session has to fetch before it writes these records, each once."""
    if records.fetch is not None:
        return list(records.fetch)
    content, programs = records.records, ask.output.get("evidence") or ()
    is_one = ask.output["shape"] == "one" or not isinstance(content, Mapping)
    values = [content] if isinstance(content, Mapping) and is_one else content
    each = values.values() if isinstance(values, Mapping) else values
    found = (url for value in each for url in addresses_in(value, programs, ask.vars))
    return list(dict.fromkeys(url for url in found if isinstance(url, str)))
