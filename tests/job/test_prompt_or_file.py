"""What a prompt of one line is: the name of a file, or the task itself; a misspelt name is never sent as a task."""

import json
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from tests.job.conftest import GOOD, problems

NAMES = [
    "prompts/lead task.md", "my prompts/lead.md", "lead task.TXT", "lead task.j2", "lead task.prompt",
    "my prompts/lead", "prompts/lead task", "{course} task.md",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_looks_like_the_name_of_a_file_is_never_the_task(folder: Path, name: str) -> None:
    (folder / "prompts").mkdir()
    expected = f"the file {name.replace('{course}', 'ita')!r} does not exist"
    (of_the_job,) = problems(GOOD.replace("prompt: prompt.md", f"prompt: {name!r}"))
    (of_its_rehearsal,) = problems(f"{GOOD}rehearsal: {{session: {{prompt: {name!r}}}}}\n", rehearsal=True)
    assert of_the_job == f"job.yaml:10:11: session.prompt: {expected}"
    assert of_its_rehearsal.endswith(f" rehearsal.session.prompt: {expected}")


@pytest.mark.parametrize(
    "task", ["Judge it as pro/con.", "Is it and/or?", "work on {{ item.id }}", "see /a/b and\nwrite out.md"]
)
def test_a_sentence_is_a_task(folder: Path, task: str) -> None:
    Path("job.yaml").write_text(GOOD.replace("prompt: prompt.md", f"prompt: {json.dumps(task)}"))
    assert load(Path("job.yaml")).phases[0].session.prompt == task


def test_a_misspelt_prompt_file_gets_the_near_name_and_the_way_to_write_a_task(folder: Path) -> None:
    (folder / "lead task.md").touch()
    Path("job.yaml").write_text(GOOD.replace("prompt: prompt.md", "prompt: leed task.md"))
    with pytest.raises(UsageError) as caught:
        load(Path("job.yaml"))
    (problem,) = caught.value.problems
    assert problem.hint == "did you mean 'lead task.md'? If this is the prompt itself, end it with a period"
