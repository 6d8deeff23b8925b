"""Puts the commands together. Importing this loads typer and nothing of the house; each command loads what it needs."""

import typer

from harness.cli import checking, control, doctor, launching, looping, reading, reporting, second_thoughts, starting

EXIT_CODES = (
    "Exit codes: 0 every item done · 1 finished, some failed · 2 usage or manifest error, nothing started · "
    "3 stopped with items pending (budget, operator) · 4 stopped by infrastructure, authentication or a broken "
    "set-up · 5 another supervisor holds the job · 6 ledger damaged, refused to guess · 130/143 ended by a second "
    "signal."
)

app = typer.Typer(
    name="harness",
    help="Runs agent jobs overnight: fresh Claude Code sessions per batch, judged, merged, retried, resumed.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_COMMANDS = (
    ("Prepare", (starting.init, checking.check, checking.plan, checking.schema, doctor.doctor)),
    (
        "Run",
        (
            launching.rehearse,
            launching.launch,
            control.pause,
            control.resume,
            control.cancel,
            control.retry,
            looping.ralph,
        ),
    ),
    ("Second thoughts", (second_thoughts.rejudge, second_thoughts.reject, second_thoughts.redo)),
    ("Look", (reading.status, reading.watch, reading.show, reading.why, reading.log, reporting.report)),
)

# Before the others: what stands behind `claude` is Claude Code's own, --help too.
app.command(
    rich_help_panel="Prepare",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False},
)(looping.claude)

for _panel, _bodies in _COMMANDS:
    for _body in _bodies:
        app.command(rich_help_panel=_panel, epilog=EXIT_CODES)(_body)


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", "-V", help="Print the version and leave.", is_eager=True),
) -> None:
    if version:
        from harness import __version__

        typer.echo(f"harness {__version__}")
        raise typer.Exit
