"""Puts the commands together. Importing this loads typer and nothing of the house; each command loads what it needs."""

import typer

from harness.cli import check, control, doctor, init, launch, ralph, report, review, status

EXIT_CODES = (
    "Exit codes: 0 every item done · 1 finished, some failed · 2 usage or manifest error, nothing started · "
    "3 stopped with items pending (budget, operator) · 4 stopped by infrastructure, authentication or a broken "
    "setup · 5 another supervisor is running the job · 6 ledger damaged · 130/143 terminated by a second signal."
)

app = typer.Typer(
    name="harness",
    help="Run agent jobs overnight: a fresh Claude Code session per batch; output is checked, merged and retried.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_COMMANDS = (
    ("Prepare", (init.init, check.check, check.plan, check.schema, doctor.doctor)),
    (
        "Run",
        (
            launch.rehearse,
            launch.launch,
            control.pause,
            control.resume,
            control.cancel,
            control.retry,
            ralph.ralph,
        ),
    ),
    ("Review and redo", (review.rejudge, review.reject, review.redo)),
    ("Inspect", (status.status, status.watch, status.show, status.why, status.log, report.report)),
)

# Before the others: what stands behind `claude` is Claude Code's own, --help too.
app.command(
    rich_help_panel="Prepare",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False},
)(ralph.claude)

for _panel, _bodies in _COMMANDS:
    for _body in _bodies:
        app.command(rich_help_panel=_panel, epilog=EXIT_CODES)(_body)


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", "-V", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        from harness import __version__

        typer.echo(f"harness {__version__}")
        raise typer.Exit
