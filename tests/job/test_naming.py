"""What a template names of its items, as far as the template alone can tell."""

import pytest

from harness.job.prompt_names import named_in

FIELDS = {
    "Write a good summary. Be careful.": [],
    "{{ items | length }} of them{% for one in items %}, {{ loop.index }}{% endfor %}": [],
    "{{ item.id }}": ["id"],
    "{{ item.text | upper | truncate(20) }}": ["text"],
    '{{ item["a name"] }}': ["a name"],
    "{{ item.data.text }} {{ item.data['more'] }}": ["more", "text"],
    "{% for one in items %}- {{ one.id }}: {{ one.known }}{% endfor %}": ["id", "known"],
    "{% set one = items[0] %}{{ one.name }} {{ (items | first).town }}": ["name", "town"],
    "{% with title = item.title %}{{ title }}{% endwith %}": ["title"],
    "{{ items | map(attribute='text') | join(', ') }}": ["text"],
    "{{ items[:2] | join(', ', attribute='data.word') }}": ["word"],
    "{{ item.get('x') }}{{ 'y: ' ~ item.y }}{{ '%s' % item.z }}": ["x", "y", "z"],
    "{% for one in items if one.ok %}{{ one.word }}{% endfor %}": ["ok", "word"],
    "{% if item.kind == 'a' %}{{ item.id }}{% endif %}": ["id", "kind"],
    "{{ item.name if item.name else item.id }}": ["id", "name"],
    "{% for record in item.records %}{{ record.said }}{% endfor %}": ["records"],
    "{% filter upper %}{{ item.w }}{% endfilter %}": ["w"],
    "{% for item in context.read %}{{ item.word }}{% endfor %}": [],
}
WHOLE = [
    "{{ item }}",
    "{{ item | tojson }}",
    "{{ items | tojson }}",
    "{{ item.data | fenced }}",
    "{% for name, value in item.data.items() %}{{ name }}={{ value }}{% endfor %}",
    "{{ item[vars.column] }}",
    "{% macro line(one) %}{{ one.x }}{% endmacro %}{{ line(item) }}",
    "{% for row in items | batch(2) %}{% for one in row %}{{ one.text }}{% endfor %}{% endfor %}",
    "{% set there = namespace(one=item) %}{{ there.one.x }}",
]


@pytest.mark.parametrize("template", FIELDS)
def test_the_fields_that_a_template_looks_up_are_named_and_no_others(template: str) -> None:
    named = named_in(template)
    assert sorted(named.fields) == FIELDS[template]
    assert "item" not in named.whole
    assert named.names_items == bool(FIELDS[template])


@pytest.mark.parametrize("template", WHOLE)
def test_an_item_that_is_printed_or_handed_on_as_a_whole_counts_as_named_in_every_field(template: str) -> None:
    assert named_in(template).has_field("anything")


def test_vars_and_phases_of_the_context_are_named_one_by_one_and_the_line_is_that_of_the_item() -> None:
    named = named_in(
        "{{ vars.a }}\n{% for seed in context.read | default([]) %}{{ seed.x }}{% endfor %}\n{{ item.id }}"
    )
    assert (sorted(named.vars), sorted(named.context), named.line) == (["a"], ["read"], 3)
    assert not named.has_var("b") and not named.has_context("translate")
    assert named_in("{{ vars | tojson }}").has_var("b")
