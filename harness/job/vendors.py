"""Whose model a name is that no Claude Code session can run: it would fail at night, at the first request."""

import re
from typing import Final

CURE: Final = "sessions are Claude Code's: write a Claude model, such as sonnet, opus or haiku"

_VENDORS: Final = (
    ("OpenAI", r"gpt-|chatgpt|codex|davinci|o[1-9](-|$)|text-davinci"),
    ("Google", r"gemini|gemma|palm"),
    ("Mistral", r"mistral|mixtral|codestral|ministral|magistral|pixtral"),
    ("Meta", r"llama|meta-llama"),
    ("xAI", r"grok"),
    ("DeepSeek", r"deepseek"),
    ("Alibaba", r"qwen|qwq"),
    ("Cohere", r"command-(r|a|light|nightly)|c4ai"),
    ("Moonshot", r"kimi|moonshot"),
    ("Amazon", r"nova-|titan-"),
    ("Microsoft", r"phi-"),
)


def other_vendor(model: str) -> str | None:
    """`OpenAI` for `gpt-4.1`, `openai/gpt-4.1` or `GPT-4.1`; None for every name that may be a Claude model's."""
    name = model.strip().casefold().rpartition("/")[2]
    return next((vendor for vendor, names in _VENDORS if re.match(names, name)), None)
