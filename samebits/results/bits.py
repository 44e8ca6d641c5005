"""Pictures of quality against bits, from the data and the template of `dvc plots`."""

import math
from typing import Any

from samebits import artifacts

CURVE = "plots/bits.json"


def chart() -> str:
    """A Mermaid chart of test R2 by bits a weight, a line for each scheme; a sentence where all are 0 or less."""
    rows = [row for row in artifacts.read_json(CURVE) if row["rounding"] == "exact"]
    schemes = list(dict.fromkeys(row["scheme"] for row in rows))
    lines = {name: [max(row["test_r2"], 0.0) for row in rows if row["scheme"] == name] for name in schemes}
    bits = sorted({row["bits"] for row in rows})
    if not any(value > 0 for line in lines.values() for value in line):
        return "Test R2 is 0 or less in every format and at every bit-width: the mean of y predicts as well."
    top = math.ceil(20 * max(max(line) for line in lines.values())) / 20
    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            f'    title "Test R2 by bits a weight: {", ".join(schemes)}"',
            f"    x-axis {bits}",
            f'    y-axis "R2, 0 if below" 0 --> {top}',
            *(f"    line [{', '.join(f'{value:.4f}' for value in line)}]" for line in lines.values()),
            "```",
        ]
    )


def picture() -> str:
    """The plot of quality against size as SVG, from the template and the data of `dvc plots`."""
    import vl_convert  # not needed to make anything else

    template = artifacts.read_json(".dvc/plots/bits.json")
    anchors = {
        "<DVC_METRIC_DATA>": artifacts.read_json(CURVE),
        "<DVC_METRIC_TITLE>": "Quality against size, the best codes of each format",
        "<DVC_METRIC_X>": "payload_bits",
        "<DVC_METRIC_X_LABEL>": "stored bits of all parameters",
        "<DVC_METRIC_Y>": "test_r2",
        "<DVC_METRIC_Y_LABEL>": "test R2 (0 if below)",
    }
    return str(vl_convert.vegalite_to_svg(_filled(template, anchors), vl_version="5.20"))


def _filled(template: Any, anchors: dict[str, Any]) -> Any:
    if isinstance(template, dict):
        return {key: _filled(value, anchors) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, anchors) for value in template]
    if not isinstance(template, str):
        return template
    if template in anchors:
        return anchors[template]
    for anchor in anchors:
        if anchor in template:  # only texts stand within a text
            template = template.replace(anchor, anchors[anchor])
    return template
