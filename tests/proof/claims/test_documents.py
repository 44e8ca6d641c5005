"""What each reader takes of a document: the numbers that somebody claims, their lines, and what names them."""

import json

import pytest

from samebits.proof.claims import documents


def quoted(path: str, text: str) -> list[tuple[int, str, str]]:
    """The line, the text and the labels of each number."""
    inside, _ = documents.read(path, text.encode())
    return [(each.line, each.number.text.strip(), "|".join(each.around[1:])) for each in inside]


def test_markdown() -> None:
    text = """# Results of 2024

The R2 is **0.5758**, the
[RMSE](https://example.com/0.123) is `0.7456`. ![badge 0.999](x.svg)

| model | R2 |
|---|---|
| float | 0.5757 |
| 8 bits | 0.5700 |

- Accuracy
  - train: 0.912

```console
$ samebits check
0.333
```

```
accuracy: 0.444
```

<table><tr><th>a</th><th>b</th></tr>
<tr><td>x</td><td>0.555</td></tr></table>
"""
    assert quoted("README.md", text) == [
        (3, "0.5758", ""),
        (4, "0.7456", ""),
        (8, "0.5757", "float|R2"),
        (9, "0.5700", "8 bits|R2"),
        (12, "0.912", "Accuracy"),
        (20, "0.444", ""),
        (24, "0.555", "x|b"),
    ]


def test_latex() -> None:
    text = r"""\section{Results} % 0.111
The $R^2$ is \num{0.5758} and $-0.94321$; see \cite{0.222}.
\begin{tabular}{lr}
Model & $R^2$ \\ \hline
float & 57.58\% \\
8 bits & $1.23 \times 10^{-3}$ \\
\end{tabular}
\begin{verbatim}
0.333
\end{verbatim}
\begin{itemize}
\item Loss: \textbf{0.444}
\end{itemize}
"""
    assert quoted("paper.tex", text) == [
        (2, "0.5758", ""),
        (2, "-0.94321", ""),
        (5, r"57.58\%", "float|R^2"),
        (6, r"1.23 \times 10^-3", "8 bits|R^2"),
        (12, "0.444", ""),
    ]


def test_rest() -> None:
    text = """Results
=======

The R2 is 0.5758.
Output::

    0.333

=====  ======
Model  R2
=====  ======
float  0.5757
=====  ======

.. a comment of 0.222

+-------+--------+
| Model | R2     |
+=======+========+
| quant | 0.5700 |
+-------+--------+

* loss: 0.444
"""
    assert quoted("README.rst", text) == [
        (4, "0.5758", ""),
        (12, "0.5757", "float|R2"),
        (20, "0.5700", "quant|R2"),
        (23, "0.444", ""),
    ]


def test_a_notebook_has_the_lines_of_its_file() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Results\n", "The R2 is\n", "“0.5758”."]},
        {"cell_type": "code", "source": ["x = 0.333\n"], "outputs": [{"text": ["0.444"]}]},
        {"cell_type": "markdown", "source": "The loss is 0.123."},
    ]
    text = json.dumps({"cells": cells}, indent=1, ensure_ascii=False)
    lines = text.splitlines()
    found = quoted("a.ipynb", text)
    assert [each for _, each, _ in found] == ["0.5758", "0.123"]
    assert all(number in lines[line - 1] for line, number, _ in found)


def test_html() -> None:
    text = """<html><head><style>p {width: 0.333em}</style></head><body>
<h1>Results</h1><p>The R2 is <b>0.5758</b></p>
<pre>accuracy 0.912</pre>
<table><tr><th>Model</th><th>R2</th></tr>
<tr><td>float</td>
<td>0.5757</td></tr></table>
<script>x = 0.444</script></body></html>
"""
    assert quoted("page.html", text) == [
        (2, "0.5758", ""),
        (3, "0.912", ""),
        (6, "0.5757", "float|R2"),
    ]


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("a.md", "R2 0.57 <!-- samebits: m.json:r2 -->\n\n`0.1 <!-- samebits: no -->`\n", [("m.json:r2", 1)]),
        ("a.md", "```\n0.57 <!-- samebits: no -->\n```\n", []),
        ("a.md", "| a |\n|---|\n| 0.57 <!-- samebits: m.json:r2 --> |\n", [("m.json:r2", 3)]),
        ("a.tex", r"R2 is \samebits{m.json:r2}{0.57}.", [("m.json:r2", 1)]),
        ("a.html", "<p>\n0.57 <!-- samebits: m.json:r2 --></p>", [("m.json:r2", 2)]),
    ],
)
def test_marks_are_comments_and_macros_and_no_examples_of_them(
    path: str, text: str, names: list[tuple[str, int]]
) -> None:
    assert [tuple(each) for each in documents.read(path, text.encode())[1]] == names
