"""Entry point `nt-host`: commands, errors and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType

import click

from nt_host.cli.commands import COMMANDS
from nt_host.cli.defaults import default_map
from nt_model.errors import NtError, UsageError

EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="nt-host")
def nt_host() -> None:
    """Adapt frozen analog neuron chips in the field: compile, simulate, calibrate and tune by DAC codes alone.

    \b
    Exit codes: 0 good, 1 device, 2 usage, 3 environment, 4 link, 5 version, 6 safety limit, 7 target not met,
    130 interrupted.
    """


for _name, _command in COMMANDS.items():
    nt_host.add_command(_command, _name)


def report_error(error: NtError) -> int:
    """Print cause, evidence and next step on stderr; gives the exit code."""
    lines = [f"error: {error.cause}"]
    if error.evidence:
        lines.append(f"seen: {error.evidence}")
    lines.append(f"next: {error.next_step or 'see `nt-host COMMAND --help`'}")
    click.echo("\n".join(lines), err=True)
    return error.exit_code


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: of this process) and give the exit code.

    Only a bug raises; `main` then shows the traceback and says so.
    """
    try:
        nt_host.main(args=arguments, prog_name="nt-host", standalone_mode=False, default_map=default_map(COMMANDS))
    except NtError as error:
        return report_error(error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "nt-host"
        return report_error(UsageError(error.format_message(), next_step=f"see `{path} --help`"))
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout went away (`nt-host ports | head -1`): point it elsewhere so that exit is quiet.
        sys.stdout = sys.stderr
        return 0
    return 0


def _report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)
    click.echo(
        "error: this is a bug in nt-host\nnext: report it with the lines above and the command that you ran", err=True
    )


def main() -> None:
    """Console script; an unexpected error ends with its traceback, a hint and status 1."""
    sys.excepthook = _report_bug
    sys.exit(run())
