"""What is asked about money: spent, reserved, charged."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """In micro-dollars. `reserved` is the sum over attempts that have not ended."""

    spent: int
    reserved: int


def money(db: sqlite3.Connection) -> Money:
    (spent,) = db.execute("SELECT spent_microusd FROM job").fetchone()
    (reserved,) = db.execute(
        "SELECT coalesce(sum(reserved_microusd), 0) FROM attempts WHERE ended_seq IS NULL"
    ).fetchone()
    return Money(spent, reserved)


@dataclass(frozen=True, slots=True)
class Spending:
    """In micro-dollars and tokens, over all attempts that have ended. `not_told`: charged as their reservation."""

    attempts: int
    not_told: int
    not_told_microusd: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int


def spending(db: sqlite3.Connection) -> Spending:
    row = db.execute(
        """SELECT count(*), coalesce(sum(cost_known = 0), 0),
                  coalesce(sum(CASE WHEN cost_known = 0 THEN charged_microusd END), 0),
                  coalesce(sum(input_tokens), 0), coalesce(sum(cache_read_tokens), 0),
                  coalesce(sum(cache_write_tokens), 0), coalesce(sum(output_tokens), 0)
           FROM attempts WHERE ended_seq IS NOT NULL"""
    ).fetchone()
    return Spending(*row)


@dataclass(frozen=True, slots=True)
class CostSources:
    """What one session cost, in micro-dollars: as it reported, and as we counted of its requests; None = not known."""

    told: int | None = None
    counted: int | None = None


def cost_sources(db: sqlite3.Connection) -> dict[int, CostSources]:
    """Of each attempt that has ended. Looks through all entries."""
    rows = db.execute(
        """SELECT json_extract(body, '$.attempt'), json_extract(body, '$.told_microusd'),
                  json_extract(body, '$.counted_microusd') FROM entries WHERE kind = 'UsageSettled'"""
    )
    return {attempt: CostSources(told, counted) for attempt, told, counted in rows}


@dataclass(frozen=True, slots=True)
class Overspent:
    """An attempt that cost more than its reservation, in micro-dollars."""

    attempt: int
    charged: int
    reserved: int


def beyond_reservation(db: sqlite3.Connection, most: int) -> list[Overspent]:
    """Those that cost more than was set aside; the worst first."""
    rows = db.execute(
        """SELECT id, charged_microusd, reserved_microusd FROM attempts WHERE charged_microusd > reserved_microusd
           ORDER BY charged_microusd - reserved_microusd DESC LIMIT ?""",
        (most,),
    )
    return [Overspent(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What the sessions of one phase with one model cost; `not_told`: those that were charged their reservation."""

    phase: str
    model: str
    sessions: int
    cost_microusd: int
    not_told: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    duration_s: float


def costs_by_model(db: sqlite3.Connection) -> list[ModelCost]:
    """By phase and model; the backend where no model is known."""
    rows = db.execute(
        """SELECT p.name, coalesce(a.model, a.backend), count(*), coalesce(sum(a.charged_microusd), 0),
                  coalesce(sum(a.cost_known = 0), 0), coalesce(sum(a.input_tokens), 0),
                  coalesce(sum(a.output_tokens), 0), coalesce(sum(a.cache_read_tokens), 0),
                  coalesce(sum(a.cache_write_tokens), 0), coalesce(sum(a.duration_s), 0)
           FROM attempts a JOIN phases p ON p.phase = a.phase GROUP BY a.phase, 2 ORDER BY a.phase, 2"""
    )
    return [ModelCost(*row) for row in rows]
