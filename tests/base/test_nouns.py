"""Plurals of the nouns that people write into manifests."""

import pytest

from harness.base.nouns import camel, plural, snake


@pytest.mark.parametrize(
    ("noun", "many"),
    [
        *(("school", "schools"), ("company", "companies"), ("Company", "Companies"), ("key", "keys"), ("day", "days")),
        *(("analysis", "analyses"), ("basis", "bases"), ("status", "statuses"), ("class", "classes"), ("box", "boxes")),
        *(("batch", "batches"), ("dish", "dishes"), ("quiz", "quizzes"), ("epoch", "epochs"), ("leaf", "leaves")),
        *(
            ("roof", "roofs"),
            ("person", "people"),
            ("salesperson", "salespeople"),
            ("woman", "women"),
            ("data", "data"),
        ),
        *(("human", "humans"), ("photo", "photos"), ("hero", "heroes"), ("soliloquy", "soliloquies"), ("x", "xs")),
        *(("LEGO", "LEGOs"), ("API", "APIs"), ("purchase order", "purchase orders"), ("case study", "case studies")),
    ],
)
def test_the_plural_is_what_a_person_would_write(noun: str, many: str) -> None:
    assert plural(noun) == many


def test_names_of_keys_hold_no_space() -> None:
    assert (snake(plural("case study")), camel(plural("case study"))) == ("case_studies", "CaseStudies")
