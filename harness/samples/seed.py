"""What synthetic data starts from: a generator for each thing, and a site. Scenes load it, so it imports little."""

import random
from typing import Final

SYNTHETIC_SITE: Final = "https://rehearsal.invalid"


def rng_of(seed: int, phase: str, *parts: str) -> random.Random:
    """A new generator seeded by all of these."""
    return random.Random("\x1f".join((str(seed), phase, *parts)))  # noqa: S311  (not for secrets)
