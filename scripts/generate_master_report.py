"""Put all accepted reports together: a CSV per school, a master CSV and a workbook with the four statistics.

cd scripts && python3 generate_master_report.py                # of the real job, into output/
cd scripts && python3 generate_master_report.py --rehearsal    # of the rehearsal, beside its merged file
"""

import argparse
import sys
from contextlib import closing
from datetime import date

from project import MANIFEST, exit_code_of, use_own_python


def main(*, rehearsal: bool) -> None:
    """Write the files and print the statistics; HarnessError when the job was never started."""
    from master_report import labelled, read_leads, statistics, write_reports

    from harness.base.bounded import Bounded
    from harness.job.load import load
    from harness.ledger.progress import failed_items
    from harness.sources.read import read
    from harness.views.reading import reading

    job = load(MANIFEST, rehearsal=rehearsal)
    with reading(job.state) as db:
        reasons = {failed["name"]: failed["reason"] for failed in failed_items(db)}
    with closing(Bounded()) as bounded:
        schools = [{**item.data, "name": item.id} for item in read(job, bounded).items]
    merged = job.phases[0].output.merge
    assert merged is not None
    leads = read_leads(
        f"{job.name} (rehearsal: nothing in here is a fact)" if rehearsal else job.name,
        schools,
        merged,
        reasons,
        MANIFEST.parent / "data" / "donor_drives.json",
    )
    paths = write_reports(leads, merged.parent, date.today())
    figures = [f"{name}: {figure}" for name, figure in labelled(statistics(leads))]
    print(*figures, *paths[:2], f"and {len(paths) - 2} files in {merged.parent / 'schools'}", sep="\n")


def rehearsal_is_asked_for() -> bool:
    parser = argparse.ArgumentParser(description="Write the master report of the schools job.")
    parser.add_argument("--rehearsal", action="store_true", help="of the rehearsal")
    return bool(parser.parse_args().rehearsal)


if __name__ == "__main__":
    use_own_python()
    is_rehearsal = rehearsal_is_asked_for()
    sys.exit(exit_code_of(lambda: main(rehearsal=is_rehearsal)))
