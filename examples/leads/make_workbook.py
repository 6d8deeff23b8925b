"""Makes the workbook of one client: 50 leads, the client's own words, and the cells that the batch composer reads.

python3 make_workbook.py [FILE] [--leads 50] [--batch 10] [--industry Software]     clients/acme.xlsx by default
"""

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
INDUSTRIES = ("Software", "Logistics", "Health care", "Retail", "Energy")
SIGNALS = (
    "hired a head of data",
    "announced a second site",
    "raised a round",
    "changed its billing system",
    "opened 12 jobs in support",
    "published a report on churn",
)
NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Hazel", "Juniper", "Larch", "Maple")
CONTACTS = ("A. Moreau", "B. Okafor", "C. Lindqvist", "D. Novak", "E. Tanaka", "F. Haddad", "G. Silva")

STRATEGY = {
    "leads": "all",
    "batch_size": 10,
    "priority_order": "signal_strength",
    "throttling": {"api_calls_per_minute": 10, "concurrent_dossiers": 3},
}
ICP = {"industry_first": "Software", "employees_from": 40}
INDUSTRY = "Support teams here grow faster than their tools; a change of billing or of site is the moment to call."
RESEARCH = (
    "Read what the row says of the company. Judge the signal by its strength; never add a fact that is not there."
)
RAW = (
    "We are {client}. We sell software that answers customers by mail, to firms of 40 people and more. "
    "Best fit: software firms."
)
HEADER = ("lead_id", "company", "contact", "industry", "employees", "signal", "signal_strength", "Status", "Dossier")
COMPOSER = """\
Plan the batches of leads for our client. The plan is run exactly as you write it.

Strategy: {{ vars.strategy | tojson }}
ICP config: {{ vars.icp_config | tojson }}
Industry: {{ vars.industry_context }}
Research: {{ vars.research_context }}
Client as prepared: {{ item.records[0].brief }}

Leads, one a line: id, company, industry, employees, signal, strength of the signal.
{% for lead in vars.leads %}
{{ lead[0] }} | {{ lead[1] }} | {{ lead[3] }} | {{ lead[4] }} | {{ lead[5] }} | {{ lead[6] }}
{% endfor %}

Put every lead into exactly one batch, as the strategy says; none twice, none that is not in the list. Leads of the
industry that the ICP config puts first come first, then by the strategy's priority order, highest first. `batch_id`
counts from 1. In `batch_plan` write total_leads, batch_size, priority_order, batches (batch_id, leads, estimated_time
such as "30min") and throttling as the strategy has it.
"""


def use_own_python() -> None:
    """Start again with the checkout's own Python when this one lacks what writes a workbook; exit 2 if both do."""
    if importlib.util.find_spec("openpyxl"):
        return
    own = HERE.parent.parent / ".venv" / "bin" / "python"
    if own.exists() and Path(sys.prefix) != own.parent.parent:
        os.execv(own, [str(own), *sys.argv])
    print("the package `harness` is not installed here\n  hint: `make demo` installs it into .venv", file=sys.stderr)
    sys.exit(2)


def leads_of(count: int) -> list[list[object]]:
    """Rows of the sheet Leads: everything but what is written back."""
    rows: list[list[object]] = []
    for number in range(1, count + 1):
        company = f"{NAMES[number % len(NAMES)]} {('Works', 'Systems', 'Group', 'Labs')[number * 7 % 4]} {number}"
        industry, signal = INDUSTRIES[number * 3 % len(INDUSTRIES)], SIGNALS[number * 5 % len(SIGNALS)]
        contact, employees = CONTACTS[number % len(CONTACTS)], 20 + number * 37 % 400
        rows.append([f"lead_{number:03d}", company, contact, industry, employees, signal, number * 53 % 101])
    return rows


def write(file: Path, count: int, batch_size: int, industry: str) -> None:
    """The workbook, at a path that may exist."""
    from openpyxl import Workbook

    client = file.stem
    book = Workbook()
    clients = book.active
    clients.title = "Client"
    clients.append(["client", "raw"])
    clients.append([client, RAW.format(client=client)])
    inputs = book.create_sheet("Batch Composer Inputs")
    inputs.append(["Field", "Value"])
    strategy, icp = {**STRATEGY, "batch_size": batch_size}, {**ICP, "industry_first": industry}
    for name, value in (("BATCH_STRATEGY", strategy), ("ICP_CONFIG", icp), ("INDUSTRY_CONTEXT", INDUSTRY), ("", "")):
        inputs.append([name, json.dumps(value) if isinstance(value, dict) else value])
    inputs.append(["RESEARCH_CONTEXT", RESEARCH])
    prompts = book.create_sheet("Prompts")
    prompts["A16"], prompts["B16"], prompts["C16"] = "BATCH_COMPOSER", "Plans the batches", COMPOSER
    leads = book.create_sheet("Leads")
    leads.append(
        ["lead_id", "company", "contact", "industry", "employees", "signal", "signal_strength", "Status", "Dossier"]
    )
    for row in leads_of(count):
        leads.append(row)
    file.parent.mkdir(parents=True, exist_ok=True)
    book.save(file)


def main() -> int:
    asked = argparse.ArgumentParser(description="Makes the workbook of one client.")
    asked.add_argument("file", nargs="?", type=Path, default=HERE / "clients" / "acme.xlsx")
    asked.add_argument("--leads", type=int, default=50, metavar="N", help="how many leads it has")
    asked.add_argument("--batch", type=int, default=10, metavar="N", help="leads in a batch, in B2")
    asked.add_argument("--industry", default="Software", metavar="NAME", help="which the ICP config, B3, puts first")
    words = asked.parse_args()
    if words.file.exists():
        print(f"{words.file} is there already; move it away first", file=sys.stderr)
        return 2
    write(words.file, words.leads, words.batch, words.industry)
    print(f"wrote {words.file}: {words.leads} leads")
    return 0


if __name__ == "__main__":
    use_own_python()
    sys.exit(main())
