"""Put all reports together: a CSV per school, a master CSV, and a workbook of warm leads with the four statistics.

cd scripts && python3 generate_master_report.py                # of the real job, into output/
cd scripts && python3 generate_master_report.py --rehearsal    # of the rehearsal, beside its merged file
cd scripts && python3 generate_master_report.py --from ../output/schools   # CSV files, from anywhere
"""

import argparse
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

from project import MANIFEST, exit_code_of, use_own_python


def main(*, rehearsal: bool) -> None:
    """Write the files and print the statistics; HarnessError when the job was never started."""
    from master_report import labelled, read_leads, statistics, write_reports

    from harness.evaluation.bounded import Bounded
    from harness.job.load import load
    from harness.ledger.progress_file import failed_items
    from harness.sources.read import read
    from harness.views.ledger_reading import reading
    from harness.views.reason_words import reasons_text

    job = load(MANIFEST, rehearsal=rehearsal)
    with reading(job.state) as db:
        reasons = {failed.item: reasons_text(failed.reasons) for failed in failed_items(db)}
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


def combine(folder: Path) -> None:
    """Combine the per-school CSV files of a folder, whoever made them; UsageError with all that is wrong in them."""
    from report_files import Geography
    from school_tables import read_tables, write_combined

    combined = read_tables(folder, Geography.read(MANIFEST.parent / "data"))
    paths, figures = write_combined(folder.resolve().name, combined, folder.resolve().parent, date.today())
    older = [f"left out, there is a newer one of the school: {file}" for file in combined.older]
    print(*figures, *older, *paths, sep="\n")


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write the master report of the schools job.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--rehearsal", action="store_true", help="of the rehearsal")
    what.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="of the per-school CSV files there")
    return parser.parse_args()


if __name__ == "__main__":
    use_own_python()
    wanted = asked()
    sys.exit(exit_code_of(lambda: combine(wanted.folder) if wanted.folder else main(rehearsal=wanted.rehearsal)))
