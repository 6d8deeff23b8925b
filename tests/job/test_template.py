"""The sandbox of prompts: plain values, one pass, no way out, and text that cannot leave its fence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError

from harness.job.template import complaints_about, environment_of_prompts, fenced, uses, visible


def filled(template: str, **values: Any) -> str:
    return environment_of_prompts().from_string(template).render(values)


def test_a_field_wins_over_a_method_of_its_name() -> None:
    item = {"items": [1, 2], "values": "v", "name": "n"}
    assert filled("{{ item.items }} {{ item.values }} {{ item.name }}", item=item) == "[1, 2] v n"
    with pytest.raises(TypeError, match="not a value but something to call"):
        filled("{{ item.keys }}", item=item)


def test_values_are_printed_as_json() -> None:
    assert (
        filled("{{ a }} {{ b }} {{ c }} {{ d }}", a=None, b=True, c={"x": "é<"}, d=1.5) == 'null true {"x": "é<"} 1.5'
    )
    assert filled("{{ c | tojson }}", c={"x": "<&'"}) == """{"x": "<&'"}"""


@pytest.mark.parametrize(
    "attack",
    [
        "{{ item.__class__.__mro__ }}",
        "{{ item.name.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ item.name.format.__globals__ }}",
        "{{ '{0.__class__}'.format(item) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ item | attr('__class__') }}",
        "{{ item.xs.append(1) }}",
        "{{ item.update({'a': 1}) }}",
        "{{ lipsum.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{% include '/etc/passwd' %}",
        "{{ range(10**9) | list }}",
    ],
)
def test_I06_a_template_does_not_leave_the_sandbox(attack: str) -> None:
    item = {"name": "n", "xs": [1]}
    with pytest.raises((TemplateError, OverflowError, TypeError)):
        filled(attack, item=item)
    assert item == {"name": "n", "xs": [1]}


@given(st.text() | st.text("`a\n"))
def test_a_fence_cannot_be_left_from_inside(text: str) -> None:
    first, *inside, last = fenced(text).split("\n")
    assert set(first) == set(last) == {"`"} and len(first) >= 3
    assert "\n".join(inside) == visible(text)
    assert all(first not in line for line in inside)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"]) | st.sampled_from("\n\t")))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\rb", "a\\u000db"),
        ("a\r\nb", "a\r\nb"),
        ("\x00\x07\x7f\x9b", "\\u0000\\u0007\\u007f\\u009b"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud800", "\\ud800"),
        ("family 👨‍👩‍👧", "family 👨‍👩‍👧"),
    ],
)
def test_I05_characters_that_act_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_complaints_come_with_line_and_column() -> None:
    text = "a\n{{ itme }} {{ vars['x'] }}\n{% include 'b' %}"
    assert [(each.line, each.column) for each in complaints_about(text, vars_names=["y"], batch_size=1)] == [
        (2, 4),
        (2, 21),
        (3, 1),
    ]


def test_own_names_of_a_template_are_known() -> None:
    text = "{% set n = items | length %}{% for x in items %}{{ loop.index }}{{ x.id }}{{ n }}{{ vars.items() }}"
    text += "{% endfor %}"
    assert complaints_about(text, vars_names=[], batch_size=9) == []


def test_a_loop_over_item_is_no_use_of_item() -> None:
    assert complaints_about("{% for item in items %}{{ item.id }}{% endfor %}", vars_names=[], batch_size=9) == []
    assert uses("{{ context.translate }}", "context")
    assert not uses("{% set context = 1 %}{{ context }}", "context")
