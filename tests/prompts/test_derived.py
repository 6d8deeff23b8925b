"""What is derived from a manifest changes together with its version, so that the report can tell of it."""

from pathlib import Path

from harness.base.artifacts import sha_of
from harness.base.ids import ItemId
from harness.core.types import Item
from harness.job.derived import DERIVED
from harness.job.load import load
from harness.prompts.contract import contract

GOLDEN = Path(__file__).resolve().parents[1] / "golden/fingerprints/0.1.0"
KNOWN = {
    ("the schema of `fields`", 2): "b313a0477a193c4b",
    ("the output contract", 2): "db0a80c74d2ed897",
}


def test_what_is_derived_changes_only_together_with_its_version() -> None:
    phase = load(GOLDEN / "job.yaml").phases[0]
    schema = sha_of(repr(phase.output.schema).encode())[:16]
    told = contract(phase, [Item(ItemId("a"), {})], "/mnt/work/output.json")
    now = dict(zip(DERIVED, (schema, sha_of(told.partition("JSON Schema")[0].encode())[:16]), strict=True))
    assert {(name, DERIVED[name]): sha for name, sha in now.items()} == KNOWN, "count its version up, and note it here"
