"""The one command line of the project: python -m samebits."""

import argparse

from samebits.errors import run


def main() -> None:
    """Parse the arguments and run one subcommand, importing only what it needs."""
    parser = argparse.ArgumentParser(prog="python -m samebits", description="The same bits on every machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    results = commands.add_parser("results", help="print the metrics of the last run as a table")
    results.add_argument("--write", metavar="FILE", help="write it between its markers in a Markdown file instead")
    results.set_defaults(command=_results)
    arguments = parser.parse_args()
    arguments.command(arguments)


def _results(arguments: argparse.Namespace) -> None:
    from samebits import report

    if arguments.write:
        report.write_into(arguments.write)
    else:
        print(report.results())


if __name__ == "__main__":
    run(main)
