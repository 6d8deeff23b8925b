"""The four tables of a report, row by row: items, attempts, failures, costs; for CSV files and the workbook."""

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

from harness.base.clock import to_text
from harness.core.money import to_usd
from harness.ledger.item_queries import ItemRow, item_rows
from harness.ledger.money_queries import CostSources, cost_sources, costs_by_model
from harness.ledger.progress_file import failed_items
from harness.views.attempt_rows import AttemptView, all_attempts
from harness.views.fault_words import fault_text
from harness.views.messages import text_of
from harness.views.reason_words import reasons_text
from harness.views.selection_text import why_left_out
from harness.views.wording import clean

CellValue = str | int | float | None
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` is read once; text in it is clean, but may still begin like a formula."""

    name: str
    columns: tuple[str, ...]
    rows: Iterable[tuple[CellValue, ...]]


def tables(db: sqlite3.Connection, *, rehearsal: bool) -> Iterator[Table]:
    """Items, attempts, failures, costs. In a rehearsal every row says so in its first column."""
    for table in (_items(db), _attempts(db), _failures(db), _costs(db)):
        if rehearsal:
            rows = (("rehearsal", *row) for row in table.rows)
            yield Table(table.name, ("rehearsal", *table.columns), rows)
        else:
            yield table


def _text(value: object) -> CellValue:
    return clean(value) if isinstance(value, str) else value if isinstance(value, int | float) else None


def _items(db: sqlite3.Connection) -> Table:
    columns = ("phase", "item", "made_from", "batch", "state", "strikes", "round", "attempts", "records", "reasons")
    rows = (_item_row(each) for each in item_rows(db))
    return Table("items", (*columns, "settled_at", "accepted_from_attempt", "fragment"), rows)


def _item_row(row: ItemRow) -> tuple[CellValue, ...]:
    made_from = row.parent if row.parent != row.item else None
    why = "" if row.attempt is not None else reasons_text(row.reasons)
    values = (row.phase, row.item, made_from, row.batch, row.state, row.strikes, row.round, row.attempts, row.records)
    why = why_left_out(row.left_out) if row.left_out else why
    return (*map(_text, values), clean(why), row.settled_at, row.attempt, row.sha)


def _attempts(db: sqlite3.Connection) -> Table:
    columns = (
        "attempt", "run", "phase", "batch", "items", "backend", "model", "session_id", "started_at", "ended_at",
        "duration_s", "outcome", "fault", "blame", "detail", "cost_usd", "cost_known",
        "told_usd", "counted_usd", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
        "turns", "prompt", "cli_version", "folder", "notes",
    )  # fmt: skip
    costs = cost_sources(db)
    return Table(
        "attempts", columns, (_attempt_row(view, costs.get(view.id, CostSources())) for view in all_attempts(db))
    )


def _attempt_row(view: AttemptView, cost: CostSources) -> tuple[CellValue, ...]:
    notes = [*map(text_of, view.notes)]
    notes += [f"ids that were not requested: {', '.join(view.invented)}"] if view.invented else []
    values: tuple[object, ...] = (
        view.id,
        view.run,
        view.phase_name,
        view.batch.label,
        ", ".join(view.batch.items),
        view.backend,
        view.model,
        view.session_id,
        to_text(view.started_at),
        to_text(view.ended_at) if view.ended_at else None,
        view.duration_s,
        view.outcome or "running",
        view.fault,
        view.blame,
        fault_text(view.why),
        _usd(view.charged_microusd),
        ("yes" if view.cost_known else "no") if view.charged_microusd is not None else None,
        _usd(cost.told),
        _usd(cost.counted),
        view.input_tokens,
        view.output_tokens,
        view.cache_read_tokens,
        view.cache_write_tokens,
        view.turns,
        view.prompt_sha,
        view.cli_version,
        view.folder,
        "; ".join(notes),
    )
    return tuple(_text(value) for value in values)


def _usd(microusd: int | None) -> float | None:
    return float(to_usd(microusd)) if microusd is not None else None


def _failures(db: sqlite3.Connection) -> Table:
    rows = (
        (clean(f.phase), clean(f.item), f.attempts, clean(reasons_text(f.reasons)), f.settled_at)
        for f in failed_items(db)
    )
    return Table("failures", ("phase", "item", "attempts", "reason", "when"), rows)


def _costs(db: sqlite3.Connection) -> Table:
    """One row per phase and model. `not_told`: sessions that were charged their reservation."""
    columns = ("phase", "model", "sessions", "cost_usd", "not_told", "input_tokens", "output_tokens")
    rows = (
        (clean(each.phase), clean(each.model), each.sessions, _usd(each.cost_microusd), *astuple(each)[4:])
        for each in costs_by_model(db)
    )
    return Table("costs", (*columns, "cache_read_tokens", "cache_write_tokens", "duration_s"), rows)


def as_csv(table: Table) -> bytes:
    """UTF-8 with a header line. Text that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue().encode()


def _harmless(cell: CellValue) -> CellValue:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
