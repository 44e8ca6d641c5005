"""Make samebits/results/templates/page.html, into which DVC puts its plots: python tools/plots_page/make.py.

DVC's own page loads its scripts from the internet and does not say that it is UTF-8. This one holds them, Vega,
Vega-Lite and Vega-Embed as vl-convert bundles them, with their licences.
"""

from pathlib import Path

import vl_convert

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "samebits" / "results" / "templates" / "page.html"


def main() -> None:
    """Write the page."""
    page = (HERE / "page.html").read_text("utf-8")
    scripts = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    assert not any(each in scripts for each in ("</script", "<!--", "{plot_divs}", "{scripts}", "{refresh_tag}"))
    licences = (HERE / "licences.txt").read_text("utf-8").rstrip()
    PAGE.write_text(page.replace("LICENCES", licences).replace("SCRIPTS", scripts), "utf-8")


if __name__ == "__main__":
    main()
