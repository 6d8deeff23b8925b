#!/usr/bin/env python3
"""Document 002's batch runner: keys, preflight, discovery, eight diverse topics, $40; thin over the package.

    scripts/batch_runner.py [--check-keys] [--preflight] [--discover-only] [--dry-run] [--week 2026-w49]

Without a flag it runs the week. Each flag is a command of `harness`, whose exit code it has; flags may be combined.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from project import ROOT, exit_code_of, use_own_python

use_own_python()

from harness.base.ids import ItemId  # noqa: E402
from harness.core.types import Item  # noqa: E402
from harness.job.job import CategorySpec, KeysSpec, SelectSpec  # noqa: E402
from harness.planning.select import category, select  # noqa: E402

MANIFEST = ROOT / "examples/newsletter/newsletter.yaml"
MAX_BUDGET = 40.0
"""Dollars for one batch."""
DEFAULT_CATEGORY = "platform_tools"
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "shipping_logistics": ("shipping", "logistics", "freight", "delivery", "warehouse", "carrier"),
    "pricing_margins": ("pric", "margin", "profit"),
    "conversion_optimization": ("conversion", "checkout", "landing page", "cart"),
    "ads_marketing": ("ads", "advertis", "marketing", "campaign", "influencer"),
    "inventory_management": ("inventory", "stock", "forecast"),
    "customer_retention": ("retention", "loyalty", "repeat", "churn", "subscription"),
    "product_sourcing": ("sourc", "supplier", "factory", "tariff"),
    "platform_tools": ("platform", "app", "plugin", "marketplace", "integration"),
}
"""In the order in which they are tried; a word counts wherever it stands, as in the document."""
KEYS = KeysSpec(("ANTHROPIC_API_KEY",), ("REDDIT_CLIENT_ID", "PERPLEXITY_API_KEY", "TUBELAB_API_KEY", "APIFY_TOKEN"))
_BY_TITLE = CategorySpec(".title", CATEGORIES, DEFAULT_CATEGORY, by_substring=True)


def check_api_keys(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """`{ready, missing_required, missing_optional, available_optional}`: names, never values."""
    missing = KEYS.missing(environ)
    available = [name for name in KEYS.optional if name in KEYS.set_in(environ)]
    return {
        "ready": not missing,
        "missing_required": list(missing),
        "missing_optional": [name for name in KEYS.optional if name not in available],
        "available_optional": available,
    }


def categorize_topic(title: str) -> str:
    """The first category of which a word is anywhere in the title, else platform_tools."""
    return category({"title": title}, _BY_TITLE) or DEFAULT_CATEGORY


def select_diverse_topics(topics: Sequence[Mapping[str, Any]], count: int = 8) -> list[dict[str, Any]]:
    """The best topic of each category, then the next best, up to `count`; the highest `outlier_score` first.

    Each is a copy with its `ecom_category`. Ties stay as they were; a topic without a score comes last.
    """
    items = [Item(ItemId(str(number)), topic) for number, topic in enumerate(topics)]
    by = ".outlier_score" if any("outlier_score" in topic for topic in topics) else None
    spec = SelectSpec(count, by, False, _BY_TITLE, None, None, {})
    chosen = [{**item.data, "ecom_category": category(item.data, _BY_TITLE)} for item in select(items, spec).chosen]
    return sorted(chosen, key=lambda topic: -float(topic.get("outlier_score") or float("-inf")))


class CostTracker:
    """Dollars spent; `can_continue` is false when the budget is reached, at exactly 40 dollars too."""

    def __init__(self, budget: float = MAX_BUDGET, total: float = 0.0) -> None:
        self.budget = budget
        self.total = total

    def add(self, cost_usd: float) -> float:
        """One more cost; returns the total."""
        self.total += cost_usd
        return self.total

    def can_continue(self) -> bool:
        """Is anything left for another operation?"""
        return self.total < self.budget


class BatchRunner:
    """One week of newsletters: an instance of the manifest, with its own ledger, outputs and budget."""

    def __init__(self, week: str = "", *, dry_run: bool = False, manifest: Path = MANIFEST, budget: float = MAX_BUDGET):
        self.week = week or _week_of(date.today())
        self.dry_run = dry_run
        self.manifest = manifest
        self.budget = budget

    def check_keys(self) -> int:
        """The exit code of `harness check --only keys`."""
        return self._harness("check", "--only", "keys")

    def preflight(self) -> int:
        """The exit code of `harness check`: keys, machine, and what would run."""
        return self._harness("check")

    def discover(self) -> int:
        """Only the first phase; a later run goes on with what it found."""
        return self._launch("--until", "discover")

    def run(self) -> int:
        """Discover, select, write; again: goes on. 3 when the budget ended it."""
        return self._launch()

    def cost(self) -> CostTracker:
        """What this week has cost so far, out of its ledger."""
        from harness.cli.options import Place
        from harness.core.money import to_usd
        from harness.ledger.job_queries import head
        from harness.views.ledger_reading import reading

        state = Place(self.manifest, False, self.week).state
        if not (state / "ledger.db").exists():
            return CostTracker(self.budget)
        with reading(state) as db:
            return CostTracker(self.budget, float(to_usd(head(db).spent_microusd)))

    def can_continue(self) -> bool:
        """Is anything of the budget left? False at exactly 40 dollars."""
        return self.cost().can_continue()

    def _launch(self, *words: str) -> int:
        dry = ["--dry-run"] if self.dry_run else []
        budget = [] if self.budget == MAX_BUDGET else ["--set", f"budget={self.budget:g}"]
        return self._harness("launch", *dry, *budget, *([] if dry else words))

    def _harness(self, verb: str, *words: str) -> int:
        from harness.cli.main import run

        return run([verb, str(self.manifest), "--as", self.week, *words])


def _week_of(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-w{week:02d}"


def main() -> int:
    """The exit code of the first command that does not end well, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check-keys", action="store_true", help="which keys are set; names only")
    parser.add_argument("--preflight", action="store_true", help="keys, machine, money, what would run")
    parser.add_argument("--discover-only", action="store_true", help="find topics, write no newsletter")
    parser.add_argument("--dry-run", action="store_true", help="start nothing, write nothing")
    parser.add_argument("--week", default="", help="the name of the week; by default this one, 2026-w49")
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    asked = parser.parse_args()
    runner = BatchRunner(asked.week, dry_run=asked.dry_run, manifest=asked.manifest)
    steps = [
        step
        for is_asked, step in ((asked.check_keys, runner.check_keys), (asked.preflight, runner.preflight))
        if is_asked
    ]
    if asked.discover_only or asked.dry_run or not steps:
        steps.append(runner.discover if asked.discover_only else runner.run)
    return next((code for step in steps if (code := step())), 0)


if __name__ == "__main__":
    found: list[int] = []
    code = exit_code_of(lambda: found.append(main()))
    sys.exit(code or (found[0] if found else 0))
