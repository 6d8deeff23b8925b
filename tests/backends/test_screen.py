"""Laws of the screen: which questions are answered, with which keys, and when a prompt lies in the box."""

import pytest

from harness.backends.screen import Screen

RULE = "─" * 80
TRUST = """
 Accessing workspace:
 /mnt/work
 Quick safety check: Is this a project you created or one you trust?
 Security guide
 ❯ No, exit
   Yes, I trust this folder
 Enter to confirm · Esc to cancel
"""
KEY = f"""
{RULE}
  Detected a custom API key in your environment
  ANTHROPIC_API_KEY: sk-ant-...-not-a-key
  Do you want to use this API key?
    Yes
  ❯ No (recommended)
  Enter to confirm · Esc to cancel
"""
BYPASS = """
  WARNING: Claude Code running in Bypass Permissions mode
  ❯ No, exit
    Yes, I accept
  Enter to confirm · Esc to cancel
"""
THEME = """
 Choose the text style that looks best with your terminal
 ❯ 1. Auto (match terminal)
   2. Dark mode
   3. Light mode
"""
BOX = f"""
 Claude Code v2.1.332
● Reading x
✻ Pondering… (12s · ↓ 1.2k tokens)
{RULE}
❯ %s
{RULE}
  bypass permissions on · esc to interrupt
"""


def painted(text: str) -> Screen:
    screen = Screen()
    repaint(screen, text)
    return screen


def repaint(screen: Screen, text: str) -> None:
    screen.feed(b"\x1b[2J\x1b[H" + text.replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    ("text", "marked", "wanted", "arrow", "name"),
    [
        (TRUST, "No, exit", "Yes, I trust", b"\x1b[B", "trust"),
        (KEY, "No (rec", "Yes", b"\x1b[A", "key"),
        (BYPASS, "No, exit", "Yes, I accept", b"\x1b[B", "bypass"),
    ],
)
def test_S15_enter_is_hit_only_once_the_right_option_is_marked(
    text: str, marked: str, wanted: str, arrow: bytes, name: str
) -> None:
    screen = painted(text)
    dialog = screen.dialog()
    assert dialog is not None and dialog.name == name
    assert screen.keys_for(dialog) == arrow
    moved = text.replace(f"❯ {marked}", f"  {marked}").replace(f"  {wanted}", f"❯ {wanted}")
    repaint(screen, moved)
    assert screen.keys_for(dialog) == b"\r"
    assert screen.box is None


def test_S15_a_theme_is_taken_as_it_is_offered() -> None:
    screen = painted(THEME)
    dialog = screen.dialog()
    assert dialog is not None
    assert screen.keys_for(dialog) == b"\r"


def test_S15_a_known_question_with_other_answers_is_not_answered() -> None:
    screen = painted(TRUST.replace("Yes, I trust this folder", "Delete everything"))
    dialog = screen.dialog()
    assert dialog is not None
    assert screen.keys_for(dialog) is None


def test_S15_a_question_that_nobody_knows_has_no_answer() -> None:
    screen = painted(" Allow telemetry?\n ❯ Yes\n   No\n Enter to confirm\n")
    assert screen.dialog() is None
    assert screen.box is None


def test_a_prompt_lies_in_the_box_when_its_end_stands_there() -> None:
    prompt = "Say something about 中文 and é.\n\tThe end, in full: output.json!\n\n"
    assert painted(BOX % "Say something about 中文 and é.\n      The end, in full: output.json!").holds(prompt)
    assert painted(BOX % "about 中文 and é.\r\n  The end, in fu\r\n  ll: output.json!").holds(prompt)
    assert not painted(BOX % "").holds(prompt)
    assert not painted(BOX % "Resend your message to try again").holds(prompt)
    assert not painted(TRUST).holds(prompt)


def test_the_row_that_counts_seconds_is_no_sign_of_life_and_the_count_of_tokens_is() -> None:
    screen = painted(BOX % "")
    before = screen.told()
    repaint(screen, (BOX % "").replace("✻ Pondering… (12s", "* Musing… (13s"))
    assert screen.told() == before
    repaint(screen, (BOX % "").replace("1.2k tokens", "1.3k tokens"))
    assert screen.told() != before
    repaint(screen, (BOX % "").replace("Reading x", "Reading xyz"))
    assert screen.told() != before


@pytest.mark.parametrize(
    "raw", [b"\x1b[?4m", b"\x1b[>4;2m", b"\x1b[<u", b"\x1b[99999999999999999999;H", b"\xff\xfe\x1b["]
)
def test_no_control_sequence_ends_the_reading(raw: bytes) -> None:
    screen = Screen()
    screen.feed(raw)
    repaint(screen, BOX % "x")
    repaint(screen, BOX % "still here")
    assert screen.box == "still here"
