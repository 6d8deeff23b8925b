"""The shape of ledger.db: entries and contents, which are the truth, and state tables made from the entries."""

import zlib

VERSION = 2
"""PRAGMA user_version, of what is not made from the entries. A ledger of a newer version is refused; one of version 1
has no contents."""

ENTRIES = """
CREATE TABLE entries(
    seq  INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
"""

CONTENTS = """
CREATE TABLE IF NOT EXISTS contents(
    sha     TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT;
"""
"""Small outputs and fragments. No entry holds them, entries name them by their hash."""

STATE = """
CREATE TABLE job(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL, noun TEXT NOT NULL, rehearsal INTEGER NOT NULL, version TEXT NOT NULL,
    fingerprint TEXT NOT NULL, planned_at TEXT NOT NULL, source TEXT NOT NULL DEFAULT '',
    next_attempt INTEGER NOT NULL DEFAULT 1, next_group INTEGER NOT NULL DEFAULT 1,
    spent_microusd INTEGER NOT NULL DEFAULT 0, sessions INTEGER NOT NULL DEFAULT 0,
    turns INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0,
    hold_until TEXT, hold_why TEXT, provider_faults_in_a_row INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL DEFAULT 0, run_started_at TEXT, run_is_open INTEGER NOT NULL DEFAULT 0,
    run_exit_code INTEGER, run_why TEXT, run_ended_at TEXT,
    stop_asked_at TEXT, stop_grace_s REAL,
    pilot TEXT CHECK (pilot IN ('started', 'judged'))
) STRICT;

CREATE TABLE phases(
    phase INTEGER PRIMARY KEY, name TEXT NOT NULL, noun TEXT NOT NULL, from_phase INTEGER NOT NULL,
    needs TEXT NOT NULL, makes_items INTEGER NOT NULL, batch_size INTEGER NOT NULL,
    selects INTEGER NOT NULL DEFAULT 0,
    settled_to INTEGER NOT NULL, has_accepted INTEGER NOT NULL, fruitless INTEGER NOT NULL
) STRICT;

CREATE TABLE items(
    phase INTEGER NOT NULL, item TEXT NOT NULL,
    parent TEXT, root TEXT NOT NULL, place TEXT NOT NULL, number INTEGER NOT NULL, part INTEGER,
    state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'blocked', 'skipped')),
    strikes INTEGER NOT NULL, round INTEGER NOT NULL, attempts INTEGER NOT NULL,
    data TEXT NOT NULL, sha TEXT NOT NULL, file TEXT, reasons TEXT NOT NULL, settled_at TEXT,
    errors TEXT NOT NULL DEFAULT '[]', planned INTEGER NOT NULL DEFAULT 0, left_out TEXT,
    PRIMARY KEY (phase, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_by_place ON items(phase, place);
CREATE INDEX items_by_number ON items(phase, number, place);
CREATE INDEX items_open ON items(phase, number) WHERE state IN ('pending', 'running');
CREATE INDEX items_with_errors ON items(phase, number, place)
    WHERE reasons != '[]' AND state IN ('pending', 'running', 'failed');
CREATE INDEX items_unbatched ON items(phase, number) WHERE part IS NULL;
CREATE INDEX items_by_state ON items(phase, state);
CREATE INDEX items_by_root ON items(root, phase);

CREATE TABLE folded_ids(
    phase INTEGER NOT NULL, folded TEXT NOT NULL, item TEXT NOT NULL,
    PRIMARY KEY (phase, folded, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE paces(
    phase INTEGER NOT NULL, item TEXT NOT NULL, starts_per_minute INTEGER, at_once INTEGER,
    PRIMARY KEY (phase, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches(
    phase INTEGER NOT NULL, number INTEGER NOT NULL, part INTEGER NOT NULL,
    size INTEGER NOT NULL, late INTEGER NOT NULL, repeated INTEGER NOT NULL,
    PRIMARY KEY (phase, number, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE numbers(
    phase INTEGER NOT NULL, number INTEGER NOT NULL, settled INTEGER NOT NULL,
    PRIMARY KEY (phase, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE groups(
    id INTEGER PRIMARY KEY, phase INTEGER NOT NULL, number INTEGER NOT NULL, part INTEGER NOT NULL,
    items TEXT NOT NULL, tries INTEGER NOT NULL, no_strike_retries INTEGER NOT NULL, last_no_strike INTEGER,
    suspected INTEGER NOT NULL DEFAULT 0,
    late INTEGER NOT NULL, why TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'running', 'closed')), parked INTEGER NOT NULL
) STRICT;
CREATE INDEX groups_ready ON groups(phase, tries, number, part, id) WHERE state = 'ready' AND parked = 0;
CREATE INDEX groups_reopened ON groups(id) WHERE state = 'ready' AND why = 'reopened';

CREATE TABLE needs(
    phase INTEGER NOT NULL, number INTEGER NOT NULL, group_id INTEGER NOT NULL,
    PRIMARY KEY (phase, number, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX needs_of_group ON needs(group_id);

CREATE TABLE attempts(
    id INTEGER PRIMARY KEY, token TEXT NOT NULL, group_id INTEGER NOT NULL,
    phase INTEGER NOT NULL, number INTEGER NOT NULL, part INTEGER NOT NULL, items TEXT NOT NULL,
    session_id TEXT, backend TEXT NOT NULL, model TEXT, prompt_sha TEXT NOT NULL, folder TEXT NOT NULL,
    run INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    started_seq INTEGER NOT NULL, started_at TEXT NOT NULL, ended_seq INTEGER, ended_at TEXT,
    outcome TEXT, fault TEXT, blame TEXT, why TEXT, duration_s REAL,
    reserved_microusd INTEGER NOT NULL, charged_microusd INTEGER, cost_known INTEGER,
    input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, turns INTEGER,
    cli_version TEXT, outputs TEXT, invented TEXT, notes TEXT, evidence TEXT
) STRICT;
CREATE INDEX attempts_running ON attempts(id) WHERE ended_seq IS NULL;
CREATE INDEX attempts_counted ON attempts(run, ended_seq) WHERE outcome IN ('succeeded', 'partial', 'failed');

CREATE TABLE attempt_items(
    phase INTEGER NOT NULL, item TEXT NOT NULL, attempt INTEGER NOT NULL,
    PRIMARY KEY (phase, item, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE accepted(
    phase INTEGER NOT NULL, item TEXT NOT NULL, attempt INTEGER NOT NULL, seq INTEGER NOT NULL,
    sha TEXT NOT NULL, offset INTEGER NOT NULL, length_bytes INTEGER NOT NULL, records INTEGER NOT NULL,
    PRIMARY KEY (phase, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE merges(
    phase INTEGER NOT NULL, seq INTEGER NOT NULL, target TEXT NOT NULL, sha TEXT NOT NULL, records INTEGER NOT NULL,
    reflects INTEGER NOT NULL,
    PRIMARY KEY (phase, seq)
) STRICT, WITHOUT ROWID;
"""

SHAPE = zlib.crc32(STATE.encode()) & 0x7FFFFFFF
"""PRAGMA application_id. State tables of another shape are made anew from the entries, which never change shape."""

STATE_TABLES = (
    "job",
    "phases",
    "items",
    "folded_ids",
    "paces",
    "batches",
    "numbers",
    "groups",
    "needs",
    "attempts",
    "attempt_items",
    "accepted",
    "merges",
)
