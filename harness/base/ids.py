"""The names things go by in the ledger, as types."""

from typing import NewType

AttemptId = NewType("AttemptId", int)
"""Numbers the attempts of a job from 1, in the order they started. Never used twice."""

GroupId = NewType("GroupId", int)
"""Numbers the groups of a job from 1, in the order they were queued."""

ItemId = NewType("ItemId", str)
"""The user's own id of an item, exactly as written; unique within a phase after NFC and case folding."""

Token = NewType("Token", str)
"""32 hex digits, new for each attempt: fences a late result off and marks the attempt's processes."""

Sha = NewType("Sha", str)
"""SHA-256 in lower-case hex; the name of an artifact in the store."""
