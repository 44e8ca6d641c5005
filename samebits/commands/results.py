"""samebits results."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samebits import artifacts, markdown, params
from samebits.commands import add_result_file
from samebits.results import bits, table

if TYPE_CHECKING:
    import numpy as np

    from samebits.exact.inference.printed import Printed


def add_arguments(parser: ArgumentParser) -> None:
    """Where the table and the picture go."""
    parser.add_argument("--write", metavar="FILE", help="write the table between its markers in a Markdown file")
    parser.add_argument("--picture", metavar="FILE", help="draw quality against size as SVG")
    parser.add_argument(
        "--coefficients", action="store_true", help="print the coefficients with standard errors and tests"
    )
    add_result_file(parser, "--html", "write a page with tables, pictures and their origin")
    parser.add_argument("--chart", action="store_true", help="print quality against bits as a chart in Markdown")


def _order() -> "np.ndarray | None":
    """The places of the training rows in the table, in the order in which they are kept, where that is known."""
    data, counts = params.load().data, artifacts.read_json("metrics/data.json")
    if data.split != "shuffle" or counts["rows"] != counts["kept_rows"]:
        return None
    import numpy as np

    from samebits.tables.split import Shuffle

    split = Shuffle.of(sum(counts["rows"].values()), data.test_size, data.seed)
    order: np.ndarray = np.argsort(split.place, kind="stable")[split.test_rows :]
    return order


def _summary(plain: dict[str, Any]) -> "Printed":
    """The summary of a logistic or a linear fit."""
    if "positive" in plain:
        from samebits.exact.logistic.summary import LogisticSummary

        return LogisticSummary.from_plain(plain)
    from samebits.exact.inference.summary import Summary

    return Summary.from_plain(plain)


def run(arguments: Namespace) -> int:
    """Print the metrics of the last run as a table, or what else is asked for."""
    if arguments.write:
        text = markdown.between_markers(arguments.write, "results", table.results())
        artifacts.write_text(text, arguments.write)
    if arguments.picture:
        artifacts.write_text(bits.picture(), arguments.picture)
    if arguments.html:
        from samebits.proof.record.recorded import lock
        from samebits.proof.telling import report
        from samebits.results import page

        artifacts.write_text(page.render(report.record(lock()).splitlines(), _order()), arguments.html)
        print(f"wrote {arguments.html}: open it in a browser, {Path(arguments.html).resolve().as_uri()}")
    if arguments.coefficients:
        print(markdown.printable(str(_summary(artifacts.read_json("metrics/coefficients.json"))), keep="\n"))
    elif arguments.chart:
        print(bits.chart())
    elif not (arguments.write or arguments.picture or arguments.html):
        print(table.results("simple"))
    return 0
