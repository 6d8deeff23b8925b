"""A ledger that somebody gives you: nothing of it is asked, nothing written, unless its schema is exactly ours."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.clock import SystemClock
from harness.base.errors import LedgerDamagedError
from harness.base.ids import GroupId, ItemId, Sha
from harness.core.types import BatchRef
from harness.ledger import attempt_queries, item_queries, verification
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.shapes import KNOWN_STATES, stranger_in, todays_state
from harness.ledger.store import Ledger, opened_for_reading
from harness.ledger.verification import harden, read_only
from tests.sweeps.injecting import SmallJob

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "ledgers"
ENDLESS = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS phase, '' AS name, '' AS noun,"
    " 0 AS from_phase, '' AS needs, 0 AS makes_items, 1 AS batch_size, 0 AS settled_to, 0 AS has_accepted,"
    " 0 AS fruitless FROM n"
)
ATTACK = "x; COMMIT; ATTACH DATABASE '{there}' AS y; CREATE TABLE y.t(a); BEGIN; --"
STRANGERS = {
    "a view in place of a table": f"DROP TABLE phases; CREATE VIEW phases AS {ENDLESS};",
    "a view beside the tables": f"CREATE VIEW more AS {ENDLESS};",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM accepted; END;",
    "a table whose name is SQL": f'CREATE TABLE "{ATTACK}"(a); PRAGMA application_id=7;',
    "a table whose name has a quote": 'CREATE TABLE "x""y"(a);',
    "a virtual table": "CREATE VIRTUAL TABLE ft USING fts5(a);",
    "an index over an expression": "CREATE INDEX i ON entries(length(body));",
    "a table of its own": "CREATE TABLE notes(a);",
    "a column more": "ALTER TABLE items ADD COLUMN more TEXT;",
    "entries of another shape": "ALTER TABLE entries ADD COLUMN more TEXT AS (upper(body));",
    "contents of another shape": "DROP TABLE contents; CREATE TABLE contents(sha, content);",
    "a table that is missing": "DROP TABLE merges;",
    "an index that is missing": "DROP INDEX items_by_place;",
    "no entries": "DROP TABLE entries;",
    "older tables that are called today's": "DROP TABLE folded_ids;",
}


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "ours.db"
    shutil.copy(GOLDEN / "0.1.0" / "ledger.db", path)
    Ledger.open(path, SystemClock()).close()
    return path


def test_every_stranger_in_a_schema_is_refused_by_readers_and_by_the_writer(ours: Path, tmp_path: Path) -> None:
    taken = []
    for number, (what, script) in enumerate(STRANGERS.items()):
        path = tmp_path / f"{number}" / "ledger.db"
        path.parent.mkdir()
        shutil.copy(ours, path)
        there = path.parent / "written.pth"
        db = sqlite3.connect(path)
        db.executescript(script.replace("{there}", str(there)))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        before = path.read_bytes()
        for how in (_read, _write):
            try:
                how(path)
                taken.append(f"{what}: {how.__name__}")
            except LedgerDamagedError as error:
                assert str(path) in error.message
        assert path.read_bytes() == before and not there.exists(), what
    assert taken == []


def _read(path: Path) -> None:
    with opened_for_reading(path):
        pass


def _write(path: Path) -> None:
    Ledger.open(path, SystemClock()).close()


def test_every_command_says_exit_6_in_words_and_leaves_a_foreign_ledger_alone() -> None:
    with SmallJob() as job:
        assert job.run(None, "--first", "2").code == 0
        ledger = job.state / "ledger.db"
        db = sqlite3.connect(ledger)
        db.executescript(f"DROP TABLE phases; CREATE VIEW phases AS {ENDLESS}; PRAGMA wal_checkpoint(TRUNCATE);")
        db.close()
        before = ledger.read_bytes()
        said = job.run()
        assert said.code == 6 and "it holds the view 'phases'" in said.text and "--reset" in said.text
        assert ledger.read_bytes() == before


def test_todays_state_tables_are_in_the_list_that_old_ledgers_are_known_by() -> None:
    assert todays_state() in KNOWN_STATES, f"add {todays_state()!r} to KNOWN_STATES in harness/ledger/shapes.py"


@pytest.mark.parametrize("version", sorted(path.name for path in GOLDEN.iterdir()))
def test_T06_the_schema_of_every_version_is_known(version: str) -> None:
    with read_only(GOLDEN / version / "ledger.db") as db:
        assert stranger_in(db) is None


@pytest.mark.parametrize("path", ["../../elsewhere", "/etc", "attempts/../../x", "a\0b"])
def test_a_path_that_leads_out_of_the_folder_is_refused_wherever_a_ledger_names_it(ours: Path, path: str) -> None:
    db = sqlite3.connect(ours)
    db.execute("UPDATE attempts SET folder = ?, ended_seq = NULL WHERE id = 1", (path,))
    db.execute("UPDATE items SET file = ?", (path,))
    db.commit()
    store = ArtifactStore(ours.parent / "artifacts")
    group = ReadyGroup(GroupId(1), BatchRef(1, 1), (ItemId("s1"),), 0, late=False)
    for ask in (attempt_queries.unsettled, lambda db: item_queries.items_of(db, group, store, ours.parent)):
        with pytest.raises(LedgerDamagedError, match="leads out of its folder"):
            ask(db)
    db.close()


@pytest.mark.parametrize("sha", ["/etc/passwd", "../../x", "", "A" * 64, "0" * 63])
def test_a_content_that_is_named_by_no_hash_is_not_looked_for(tmp_path: Path, sha: str) -> None:
    with pytest.raises(LedgerDamagedError, match="is not a SHA-256"):
        ArtifactStore(tmp_path).get(Sha(sha))


def test_an_attempt_folder_that_is_a_link_is_not_tidied_away() -> None:
    with SmallJob() as job:
        assert job.run(None, "--first", "2").code == 0
        elsewhere = job.folder / "elsewhere"
        (elsewhere / "tmp").mkdir(parents=True)
        db = sqlite3.connect(job.state / "ledger.db")
        (folder,) = db.execute("SELECT folder FROM attempts WHERE id = 1").fetchone()
        db.execute("UPDATE attempts SET ended_seq = NULL WHERE id = 1")
        db.commit()
        db.close()
        (job.state / "ledger.seal").unlink()
        shutil.rmtree(job.state / folder)
        (job.state / folder).symlink_to(elsewhere)
        said = job.run()
        assert said.code == 6 and "is a link" in said.text
        assert (elsewhere / "tmp").is_dir()


def test_nothing_is_attached_on_a_connection_to_a_ledger(tmp_path: Path, ours: Path) -> None:
    ledger = Ledger.open(ours, SystemClock())
    with read_only(ours) as reader:
        for db in (reader, ledger.db):
            with pytest.raises(sqlite3.OperationalError, match="too many attached"):
                db.execute("ATTACH DATABASE ? AS other", (str(tmp_path / "other.db"),))
    ledger.close()


def test_a_schema_that_calls_functions_is_not_trusted() -> None:
    db = sqlite3.connect(":memory:")
    db.create_function("spy", 0, os.getpid)
    db.execute("CREATE VIEW v AS SELECT spy()")
    harden(db)
    with pytest.raises(sqlite3.OperationalError, match="unsafe use"):
        db.execute("SELECT * FROM v").fetchall()
    db.close()


def test_a_reader_gives_up_on_work_without_end(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever makes a query endless, should a schema that is ours ever do so."""
    monkeypatch.setattr(verification, "_MOST_LOOKS", 2)
    with pytest.raises(LedgerDamagedError, match="more work than any ledger"), opened_for_reading(ours) as db:
        db.execute(f"SELECT max(phase) FROM ({ENDLESS})").fetchone()
