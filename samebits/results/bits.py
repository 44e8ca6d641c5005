"""Pictures of quality against bits, from the data and the template of `dvc plots`."""

import math

from samebits import artifacts

CURVE = "plots/bits.json"


def chart() -> str:
    """A Mermaid chart of test scores by bits a weight, a line for each scheme; a sentence where no R2 is above 0."""
    rows = [row for row in artifacts.read_json(CURVE) if row["rounding"] == "exact"]
    schemes = list(dict.fromkeys(row["scheme"] for row in rows))
    is_r2 = all("test_r2" in row for row in rows)
    name, limit = ("R2", "0 if below") if is_r2 else ("log loss", "1 if above")
    values = [max(row["test_r2"], 0.0) if is_r2 else min(row["test_log_loss"], 1.0) for row in rows]
    lines = {
        scheme: [value for row, value in zip(rows, values, strict=True) if row["scheme"] == scheme]
        for scheme in schemes
    }
    bits = sorted({row["bits"] for row in rows})
    if is_r2 and not any(values):
        return "Test R2 is 0 or less in every format and at every bit-width: the mean of y predicts as well."
    top = math.ceil(20 * max(values)) / 20
    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            f'    title "Test {name} by bits a weight: {", ".join(schemes)}"',
            f"    x-axis {bits}",
            f'    y-axis "{name}, {limit}" 0 --> {top}',
            *(f"    line [{', '.join(f'{value:.4f}' for value in line)}]" for line in lines.values()),
            "```",
        ]
    )


def picture() -> str:
    """The plot of R2 lost against stored bits as SVG, from the template, the labels and the data of `dvc plots`."""
    import vl_convert  # not needed to make anything else

    from samebits.results import plots  # which needs DVC

    [plot] = [each for each in plots.drawn() if each.file == CURVE]
    return str(vl_convert.vegalite_to_svg(plot.spec))
