"""Whatever a jq program, a schema or a user's check does, the supervisor gets an answer or a BoundedError."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.base.reason import Reason
from harness.evaluation.bounded import Bounded, JqOutcome
from harness.evaluation.persistent_child import BoundedError
from tests.ended import goes


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    bounded = Bounded()
    yield bounded
    bounded.close()


def _kind(error: pytest.ExceptionInfo[BoundedError]) -> str:
    return error.value.kind


def _check(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "checks.py"
    file.write_text(textwrap.dedent(text))
    return file


# --- jq ---------------------------------------------------------------------------------------------------------------


def test_jq_gives_all_results_for_each_value(bounded: Bounded) -> None:
    answer = bounded.jq(".a[] + $n", [{"a": [1, 2]}, {"a": []}], {"n": 10})
    assert answer == [[11, 12], []]


def test_a_value_that_makes_jq_raise_spoils_only_its_own_outcome(bounded: Bounded) -> None:
    outcomes = bounded.jq_each(".[]", [[1], 7, [2]], {})
    assert [outcome.results for outcome in outcomes] == [[1], [], [2]]
    assert outcomes[1] == JqOutcome([], "Cannot iterate over number (7)")
    with pytest.raises(BoundedError, match="value 2: Cannot iterate"):
        bounded.jq(".[]", [[1], 7], {})


BIG = 9007199254740993  # 2**53 + 1, which is no float


@pytest.mark.parametrize(
    ("program", "value", "results"),
    [
        (".[] | .id |= tostring", [{"id": BIG, "n": [-BIG, 10**30]}], [{"id": str(BIG), "n": [-BIG, 10**30]}]),
        ("{a: .x} # said by the way", {"x": BIG}, [{"a": BIG}]),
        ("def f: .x; [f, $big]", {"x": -BIG}, [[-BIG, BIG]]),
        ("sort_by(.n) | .[1:] | to_entries[] | .value", [{"n": 1}, {"n": BIG}], [{"n": BIG}]),
        (".[]", [1.0, 1.5, 1e3, -0.0], [1, 1.5, 1000, 0]),
    ],
)  # fmt: skip
def test_whole_numbers_of_any_size_come_through_jq_unchanged(
    bounded: Bounded, program: str, value: object, results: list[object]
) -> None:
    (found,) = bounded.jq(program, [value], {"big": BIG})
    assert found == results
    assert [type(each) for each in found] == [type(each) for each in results]


def test_many_values_are_sent_in_portions_and_come_back_in_order(bounded: Bounded) -> None:
    values = [f"{number}:{'x' * 700_000}" for number in range(14)]
    answer = bounded.jq('split(":")[0] | tonumber', values, {})
    assert answer == [[number] for number in range(14)]


def test_I09_a_jq_program_that_never_ends_is_a_timeout_and_the_next_call_works(bounded: Bounded) -> None:
    with pytest.raises(BoundedError) as error:
        bounded.jq("last(repeat(1))", [None], {}, timeout_s=0.3)
    assert _kind(error) == "timeout"
    assert bounded.jq(".", [1], {}) == [[1]]


def test_I09_a_jq_program_that_eats_memory_is_a_memory_error_and_the_next_call_works() -> None:
    small = Bounded(memory_bytes=200 * 1024 * 1024)
    with pytest.raises(BoundedError) as error:
        small.jq('[repeat("x" * 1000)]', [None], {}, timeout_s=60)
    assert _kind(error) == "memory"
    assert small.jq(".", [1], {}) == [[1]]
    small.close()


def test_I09_endless_results_are_cut_at_the_count_that_was_asked_for(bounded: Bounded) -> None:
    with pytest.raises(BoundedError) as error:
        bounded.jq("repeat(1)", [None], {}, most=1000)
    assert _kind(error) == "too_big"
    assert len(bounded.jq("limit(1000; repeat(1))", [None], {}, most=1000)[0]) == 1000


def test_jq_sees_no_environment_and_no_files(bounded: Bounded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "in the environment")
    (tmp_path / "canary.json").write_text('"in a file"')
    assert bounded.jq("[env, $ENV]", [None], {}) == [[[{}, {}]]]
    programs = [
        f'import "canary" as $c {{search: "{tmp_path}"}}; $c',
        f'import "{tmp_path}/canary" as $c; $c',
        f'include "canary" {{search: "{tmp_path}"}}; 1',
        f'"{tmp_path}/canary" | modulemeta',
    ]
    for program in programs:
        with pytest.raises(BoundedError, match=r"not found|Could not open") as error:
            bounded.jq(program, [None], {})
        assert _kind(error) == "error"


def test_check_jq_knows_the_names_of_the_variables(bounded: Bounded) -> None:
    bounded.check_jq(".x == $course", ["course"])
    with pytest.raises(BoundedError, match=r"\$course is not defined"):
        bounded.check_jq(".x == $course", [])
    with pytest.raises(BoundedError, match="syntax error"):
        bounded.check_jq(".x ==", [])


def test_what_is_not_json_is_refused_before_it_is_sent(bounded: Bounded) -> None:
    with pytest.raises(BoundedError, match="not a JSON value"):
        bounded.jq(".", [float("nan")], {})


# --- JSON Schema ------------------------------------------------------------------------------------------------------


def test_schema_complaints_name_the_path_of_each_fault(bounded: Bounded) -> None:
    schema = {"type": "object", "required": ["id"], "properties": {"n": {"items": {"type": "integer"}}}}
    assert bounded.schema(schema, [{"id": 1, "n": [1]}, {"n": [1, "x"]}]) == [
        [],
        [
            Reason("schema", {"at": "$", "message": "'id' is a required property"}, ".id"),
            Reason("schema", {"at": "$.n[1]", "message": "'x' is not of type 'integer'"}, ".n[1]"),
        ],
    ]


def test_a_record_that_the_validator_cannot_work_on_is_rejected_alone(bounded: Bounded) -> None:
    node = {"properties": {"n": {"multipleOf": 0.01}, "in": {"$ref": "#"}}}
    deep: dict[str, object] = {}
    for _ in range(400):
        deep = {"in": deep}
    assert bounded.schema(node, [{"n": 10**400}, {"n": 0.25}, deep, {"n": 1}]) == [
        [Reason("schema", {"at": "$", "message": "holds a number that is too large to be checked"}, ".")],
        [],
        [Reason("schema", {"at": "$", "message": "is nested too deep to be checked"}, ".")],
        [],
    ]


def test_complaints_are_bounded_in_number_and_length(bounded: Bounded) -> None:
    (complaints,) = bounded.schema({"items": {"type": "integer"}}, [["long " * 10_000] * 50])
    assert len(complaints) == 20
    assert max(len(complaint.facts["message"]) for complaint in complaints) <= 500
    assert complaints[0].facts["message"].endswith("is not of type 'integer'")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2026-11-20", "20261120"),
        ("date-time", "2026-11-20T10:00:00Z", "2026-11-20"),
        ("time", "10:00:00+01:00", "10"),
        ("email", "a@b.c", "nobody"),
        ("uri", "https://x.org/a", "not a uri"),
    ],
)
def test_formats_are_asserted(bounded: Bounded, name: str, good: str, bad: str) -> None:
    answer = bounded.schema({"format": name}, [good, bad])
    assert answer[0] == []
    assert "is not a" in answer[1][0].facts["message"]


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:9/schema.json", "file://{folder}/real.json", "#/$defs/nowhere"]
)
def test_a_reference_out_of_the_schema_is_never_followed(bounded: Bounded, tmp_path: Path, reference: str) -> None:
    (tmp_path / "real.json").write_text('{"type": "integer"}')
    schema = {"properties": {"a": {"$ref": reference.replace("{folder}", str(tmp_path))}}}
    with pytest.raises(BoundedError, match="leads to nothing"):
        bounded.check_schema(schema)
    with pytest.raises(BoundedError) as error:
        bounded.schema(schema, [{"a": 1}])
    assert _kind(error) == "error"


def test_a_good_schema_passes_and_a_bad_one_is_told(bounded: Bounded) -> None:
    bounded.check_schema({"$defs": {"n": {"type": "integer"}}, "properties": {"$ref": {"$ref": "#/$defs/n"}}})
    with pytest.raises(BoundedError, match=r"\$.type"):
        bounded.check_schema({"type": "strnig"})
    with pytest.raises(BoundedError):
        bounded.check_schema({"pattern": "("})


def test_I09_a_regular_expression_that_explodes_is_a_timeout(bounded: Bounded) -> None:
    with pytest.raises(BoundedError) as error:
        bounded.schema({"pattern": "^(a+)+$"}, ["a" * 40 + "!"], timeout_s=0.3)
    assert _kind(error) == "timeout"


# --- the user's Python ------------------------------------------------------------------------------------------------


def test_a_python_check_gets_items_records_and_context(bounded: Bounded, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("WORD = 'from beside'")
    file = _check(
        tmp_path,
        """
        import beside
        def check(items, records, context):
            print("noise on standard output")
            return {item["id"]: [beside.WORD, str(records[item["id"]]), str(context)] for item in items}
        """,
    )
    answer = bounded.python(file, "check", [{"id": "A"}], {"A": [2**70]}, {"p": [1]}, 10)
    assert answer == {"A": [Reason.of_check(said) for said in ("from beside", f"[{2**70}]", "{'p': [1]}")]}
    assert not (tmp_path / "__pycache__").exists()


def test_a_python_check_remembers_nothing_between_calls(bounded: Bounded, tmp_path: Path) -> None:
    file = _check(
        tmp_path,
        """
        seen = []
        def check(items, records, context):
            seen.append(1)
            return {"A": ["x"] * len(seen)}
        """,
    )
    assert [bounded.python(file, "check", [], {}, {}, 10) for _ in range(2)] == [{"A": [Reason.of_check("x")]}] * 2


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("raise ValueError('odd')", "error", r"^checks\.py:3: ValueError: odd$"),
        ("raise SystemExit(0)", "error", r"^checks\.py:3: SystemExit: 0$"),
        ("return None", "error", "must return {id: .reason.}, got NoneType"),
        ("return {'A': [1]}", "error", "with texts"),
        ("return (", "error", r"^checks\.py:3: SyntaxError"),
        ("import os; os._exit(0)", "crashed", "ended with code 0 before it answered"),
        ("import os; os.kill(os.getpid(), 11)", "crashed", "SIGSEGV"),
        ("return {'A': ['x' * 70_000_000]}", "too_big", "bytes"),
        ("return bytearray(10**9)", "memory", "memory"),
        ("return check(items, records, context)", "error", "nested too deeply"),
    ],
)
def test_O12_a_broken_python_check_is_told_and_contained(
    bounded: Bounded, tmp_path: Path, body: str, kind: str, message: str
) -> None:
    file = _check(tmp_path, f"\ndef check(items, records, context):\n    {body}\n")
    with pytest.raises(BoundedError, match=message) as error:
        bounded.python(file, "check", [], {}, {}, 30)
    assert _kind(error) == kind
    assert bounded.jq(".", [1], {}) == [[1]]


def test_O12_a_python_check_that_hangs_is_ended_with_all_it_started(bounded: Bounded, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    file = _check(
        tmp_path,
        f"""
        import subprocess, time
        def check(items, records, context):
            sleeper = subprocess.Popen(["/bin/sleep", "600"])
            open({str(told)!r}, "w").write(str(sleeper.pid))
            time.sleep(600)
        """,
    )
    with pytest.raises(BoundedError) as error:
        bounded.python(file, "check", [], {}, {}, 3)
    assert _kind(error) == "timeout"
    assert goes(int(told.read_text()))


def test_O12_processor_time_is_bounded_as_well(bounded: Bounded, tmp_path: Path) -> None:
    file = _check(
        tmp_path,
        """
        import resource
        def check(items, records, context):
            limits = [resource.getrlimit(which) for which in (resource.RLIMIT_CPU, resource.RLIMIT_CORE)]
            return {"A": [str(limits[0][0]), str(limits[1])]}
        """,
    )
    assert bounded.python(file, "check", [], {}, {}, 5) == {"A": [Reason.of_check("7"), Reason.of_check("(0, 0)")]}


# --- the child --------------------------------------------------------------------------------------------------------


def test_a_child_that_was_killed_between_calls_is_replaced_silently(bounded: Bounded) -> None:
    bounded.jq(".", [1], {})
    assert bounded._child._child is not None
    os.kill(bounded._child._child._process.pid, signal.SIGKILL)
    bounded._child._child._process.wait()
    assert bounded.jq(".", [2], {}) == [[2]]


def test_threads_share_one_child(bounded: Bounded) -> None:
    answers: dict[int, list[list[int]]] = {}

    def ask(number: int) -> None:
        answers[number] = bounded.jq(". + 1", [number], {})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [[number + 1]] for number in range(20)}


def test_the_child_outlives_the_thread_that_started_it() -> None:
    bounded = Bounded()
    thread = threading.Thread(target=lambda: bounded.jq(".", [1], {}))
    thread.start()
    thread.join()
    assert bounded._child._child is not None
    pid = bounded._child._child._process.pid
    assert bounded.jq(".", [2], {}) == [[2]]
    assert bounded._child._child._process.pid == pid
    bounded.close()


@pytest.mark.linux
def test_the_child_dies_with_its_parent_even_inside_an_endless_program(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    program = f"""
import threading
from pathlib import Path
from harness.evaluation.bounded import Bounded
bounded = Bounded()
bounded.jq(".", [1], {{}})
Path({str(told)!r}).write_text(str(bounded._child._child._process.pid))
threading.Thread(target=lambda: bounded.jq("last(repeat(1))", [1], {{}}, timeout_s=600), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    parent.stdout.readline()
    child = psutil.Process(int(told.read_text()))
    used = child.cpu_times().user
    while child.cpu_times().user - used < 0.05:  # until the endless program runs
        os.sched_yield()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    psutil.wait_procs([child], timeout=10)
    assert goes(child.pid)
