"""What a query can reach: the table source, and nothing else; it writes nothing, also not the source."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import fsspec
import pytest

from samebits.errors import UserError
from samebits.tables.source import Source
from samebits.tables.table import Table

TEXT = "x,y\n1,2\n3,4\n"
ALONE = "a query reads the table source alone"
ONE_SELECT = "data.query must be one SELECT"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("table.csv", "other.csv"):
        Path(name).write_text(TEXT)
    return tmp_path


class Server(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        self.wfile.write(TEXT.encode())

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Server.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def read(query: str, source: str = "table.csv") -> list[list[float]]:
    table = Table.of(source, query, "y")
    blocks = [block for fragment in table.fragments for block in table.blocks(fragment)]
    return [row for X, *_ in blocks for row in X.tolist()]


def refused(query: str, source: str = "table.csv") -> str:
    with pytest.raises(UserError) as caught:
        read(query, source)
    message = str(caught.value)
    assert "\n" not in message
    assert sorted(path.name for path in Path().iterdir()) == ["other.csv", "table.csv"]
    assert {path.read_text() for path in Path().iterdir()} == {TEXT}
    return message


@pytest.mark.parametrize("to", ["table.csv", "other.csv", "new.csv", "{folder}/table.csv"])
@pytest.mark.parametrize(
    "query",
    [
        "WITH t AS (COPY (SELECT 'x') TO '{to}' (USE_TMP_FILE false)) SELECT * FROM source",
        "WITH t AS (COPY source TO '{to}' (FORMAT PARQUET, USE_TMP_FILE false)) SELECT * FROM source",
        "WITH s AS (FROM source), t AS MATERIALIZED (COPY s TO '{to}') FROM s",
        "SELECT (WITH t AS (COPY (SELECT 1) TO '{to}') SELECT 1) AS x, y FROM source",
        "COPY source TO '{to}'",
        "SELECT * FROM source; COPY source TO '{to}' (USE_TMP_FILE false)",
    ],
)
def test_a_query_writes_no_file(query: str, to: str, folder: Path) -> None:
    assert refused(query.format(to=to.format(folder=folder))).startswith(ONE_SELECT)


def test_nor_does_a_query_within_a_text() -> None:
    inner = "WITH t AS (COPY (SELECT 1) TO ''table.csv'' (USE_TMP_FILE false)) SELECT 1 AS x, 2 AS y"
    refused(f"SELECT * FROM query('{inner}')")


@pytest.mark.parametrize("body", ["INSERT INTO source VALUES (1, 2)", "DELETE FROM source", "UPDATE source SET x = 1"])
def test_nor_does_it_change_a_table(body: str) -> None:
    assert refused(f"WITH t AS ({body}) SELECT * FROM source").startswith(ONE_SELECT)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM 'other.csv'",
        "SELECT * FROM '*.csv'",
        "SELECT * FROM read_csv('{folder}/other.csv')",
        "SELECT size AS x, 1 AS y FROM read_text('/etc/hostname')",
        "SELECT s.* FROM source s, read_blob('/etc/hostname')",
        "SELECT s.* FROM source s, glob('{folder}/*')",
        "SELECT * FROM read_csv('s3://bucket/other.csv')",
        "SELECT * FROM read_duckdb('other.db')",
    ],
)
def test_a_query_reads_no_other_file(query: str, folder: Path) -> None:
    assert refused(query.format(folder=folder)).endswith(ALONE)


def test_what_only_asks_reads_no_other_file_either() -> None:
    assert refused("SELECT SkipRows AS x, HasHeader AS y FROM sniff_csv('other.csv')").endswith(ALONE)


@pytest.mark.parametrize("function", ["read_csv", "read_parquet", "read_json", "read_text", "sniff_csv", "glob"])
def test_a_query_asks_no_server(function: str, url: str) -> None:
    refused(f"SELECT x, y FROM source, {function}('{url}/other.csv')")
    assert not Server.asked


def test_no_extension_is_installed(url: str) -> None:
    for function in ("read_xlsx", "sqlite_scan", "st_read", "iceberg_scan"):
        assert "xtension" in refused(f"SELECT * FROM {function}('table.csv')")


def test_a_table_at_a_url_is_read_and_no_other(url: str) -> None:
    assert read("SELECT * FROM source", f"{url}/table.csv") == [[1], [3]]
    assert set(Server.asked) == {"/table.csv"}
    assert refused(f"SELECT * FROM '{url}/other.csv'", f"{url}/table.csv").endswith(ALONE)
    assert set(Server.asked) == {"/table.csv"}


def test_files_of_a_glob_at_a_url_are_read() -> None:
    files = fsspec.filesystem("memory")
    for part in (1, 2):
        files.pipe(f"/samebits/part-{part}.csv", f"x,y\n{part},1\n".encode())
    assert read("SELECT * FROM source", "memory://samebits/part-*.csv") == [[1], [2]]


@pytest.mark.parametrize("name", ["table[1].csv", "t?ble.csv", "*.csv"])
def test_a_path_that_exists_is_that_file(name: str) -> None:
    Path("table1.csv").write_text("x,y\n5,6\n")
    Path(name).write_text("x,y\n7,8\n")
    assert read("SELECT * FROM source", name) == [[7]]
    assert read("SELECT * FROM source", str(Path(name).absolute())) == [[7]]


def test_the_configuration_is_locked() -> None:
    with Source.of("table.csv").opened() as connection:
        for setting, value in [
            ("enable_external_access", "true"),
            ("allowed_paths", "['/']"),
            ("memory_limit", "'1GB'"),
        ]:
            with pytest.raises(duckdb.InvalidInputException, match="locked"):
                connection.execute(f"SET {setting} = {value}")
        for statement in ("ATTACH 'other.db'", "COPY (SELECT 1) TO 'new.csv'", "EXPORT DATABASE 'folder'"):
            with pytest.raises(duckdb.PermissionException):
                connection.execute(statement)


def test_what_reads_only_is_accepted() -> None:
    for query in (
        "WITH t AS (SELECT * FROM source) SELECT * FROM t",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 2 FROM t WHERE n < 3) SELECT n AS x, 1 AS y FROM t",
        "SELECT * FROM source UNION SELECT * FROM source ORDER BY x",
        'SELECT x, coalesce("2", 0) AS y FROM (SELECT x, y AS z FROM source) PIVOT (count(*) FOR z IN (2)) ORDER BY x',
        "SELECT * FROM read_csv('table.csv')",
        "FROM source",
    ):
        assert read(query) == [[1], [3]], query


def test_what_a_file_holds_reaches_no_terminal_raw() -> None:
    Path("hostile.csv").write_text("x,y\n1,2\n" + "\x1b[31m" * 500_000 + "\n")
    with pytest.raises(UserError) as caught:
        read("SELECT * FROM source", "hostile.csv")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


WRONG = "the header has 3: x, z, y; correct or delete the line"
ROWS = [f"{i},{i % 9},{3 * i}" for i in range(60)]
NOTE = "; if it is a note after the last row: samebits use --skip-footer 1"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["x,z,y", *ROWS[:30], "30,3,90,oops", *ROWS[31:]], f"line 32: 4 fields; {WRONG}: 30,3,90,oops"),
        (["x,z,y", *ROWS, "Source: office, 2024"], f"line 62: 2 fields; {WRONG}: Source: office, 2024{NOTE}"),
        (["x,z,y", *ROWS, "Notes"], f"line 62: 1 field; {WRONG}: Notes{NOTE}"),
        (["x;z;y", *(row.replace(",", ";") for row in ROWS), "a;b"], f"line 62: 2 fields; {WRONG}: a;b{NOTE}"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_the_first_line_of_another_width_is_named(lines: list[str], told: str, suffix: str) -> None:
    content = "\n".join(lines).encode() + b"\n"
    Path(f"ragged.{suffix}").write_bytes(gzip.compress(content) if suffix == "csv.gz" else content)
    with pytest.raises(UserError) as caught:
        read("SELECT * FROM source", f"ragged.{suffix}")
    assert str(caught.value) == f"data.source ragged.{suffix}, {told}"


def test_lines_above_the_header_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("title.csv").write_text("\n".join(["A table", "of numbers", "", "x,z,y", *ROWS]) + "\n")
    assert len(read("SELECT * FROM source", "title.csv")) == 60
    assert "title.csv: the first 3 lines are not read; the header is in line 4" in capsys.readouterr().err


def test_a_table_above_another_is_no_title() -> None:
    Path("two.csv").write_text("\n".join(["x,y", *["1,2"] * 80, "x,z,y", *ROWS]) + "\n")
    with pytest.raises(UserError, match="line 82: 3 fields; the header has 2: x, y"):
        read("SELECT * FROM source", "two.csv")


@pytest.mark.parametrize("row", ['"Oslo, Norway",1,2', "'x',1,2", "-,1,2"])
def test_the_dialect_is_that_of_all_rows(row: str) -> None:
    """DuckDB looks at the first 20,480 rows, if it is not told otherwise."""
    Path("late.csv").write_text("\n".join(["city,x,y", *["Bern,1,2"] * 25_000, row]) + "\n")
    assert len(read("SELECT x, y FROM source", "late.csv")) == 25_001
    assert len(read("SELECT (city = 'Bern')::INT AS x, y FROM source", "late.csv")) == 25_001
