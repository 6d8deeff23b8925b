"""`select` resolved, with all that does not fit together."""

from pathlib import Path

from harness.job.checker import ManifestChecker
from harness.job.job import CategorySpec, SelectSpec
from harness.job.select_words import Category, Select
from harness.job.yaml_text import ValuePath


def resolve_select(checker: ManifestChecker, place: ValuePath, select: Select | None) -> SelectSpec | None:
    """The selection at this place of the manifest; problems for what does not fit together."""
    if select is None:
        return None
    if select.by is not None and select.by.startswith("-"):
        hint = f"write by: {select.by[1:]}, and best: lowest if the lowest are the best"
        checker.complain((*place, "by"), "the highest come first already", hint)
    elif select.by is not None:
        checker.plain_path((*place, "by"), select.by)
    written = {name for name in Select.model_fields if checker.document.has((*place, name))} | select.model_fields_set
    if "best" in select.model_fields_set and "by" not in written:
        checker.complain((*place, "best"), "is about by, which is missing", of_key=True)
    if select.min_categories is not None and "category" not in written:
        checker.complain(
            (*place, "min_categories"), "needs category, which says what an item's category is", of_key=True
        )
    if select.top is not None and (select.min_categories or 0) > select.top:
        checker.complain((*place, "min_categories"), f"top: {select.top} items have at most {select.top} categories")
    if (possible := _possible(select.category)) is not None and (select.min_categories or 0) > possible:
        checker.complain((*place, "min_categories"), f"there are {possible} categories to select from")
    if not {"top", "not_in", "min_categories"} & written:
        checker.complain(place, "would leave nothing out", "write top, not_in or both", of_key=True)
    return SelectSpec(
        top=select.top,
        by=select.by,
        is_lowest_best=select.best == "lowest",
        category=_category(checker, (*place, "category"), select.category),
        min_categories=select.min_categories,
        not_in=_pattern(checker, (*place, "not_in"), select.not_in),
        as_written=select.model_dump(mode="json", by_alias=True, exclude_unset=True),
    )


def _possible(category: Category | None) -> int | None:
    """How many categories there are; None where the rows say."""
    if category is None or category.words is None:
        return None
    return len({*category.words, *([category.default] if category.default is not None else [])})


def _category(checker: ManifestChecker, place: ValuePath, category: Category | None) -> CategorySpec | None:
    if category is None:
        return None
    checker.plain_path((*place, "from") if checker.document.has((*place, "from")) else place, category.from_)
    if category.words is None and "match" in category.model_fields_set and not checker.document.has((*place, "words")):
        checker.complain((*place, "match"), "is about words, which is missing", of_key=True)
    for name, words in (category.words or {}).items():
        if not words or not all(word.strip() for word in words):
            checker.complain((*place, "words", name), "expected words, none of them empty")
    by_category = None if category.words is None else {name: tuple(each) for name, each in category.words.items()}
    return CategorySpec(category.from_, by_category, category.default, category.match == "substring")


def _pattern(checker: ManifestChecker, place: ValuePath, text: str | None) -> str | None:
    if text is None:
        return None
    pattern = checker.fill(place, text)
    parts = Path(pattern).parts
    if not pattern.strip() or pattern.startswith(("/", "~")) or ".." in parts or "\0" in pattern:
        expected = "expected a pattern below the job's folder, such as output/*/newsletters.json"
        checker.complain(place, f"{expected}, got {pattern!r:.80}")
        return None
    return pattern
