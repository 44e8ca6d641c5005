"""What a query does with the rows of its table, told by DuckDB's syntax tree and plan of it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb

from samebits.tables.diagnosis import identifier
from samebits.tables.source import database

ROW = "row of the table"  # a column of what tells rows apart, carried through a query
ROW_BY_ROW = {"SEQ_SCAN", "PROJECTION", "FILTER", "CTE", "CTE_SCAN"}  # operators
# What would tell from an empty table that its values are NULL, or write a filter into the scan
NOT_OF_AN_EMPTY_TABLE = "statistics_propagation,empty_result_pullup,filter_pushdown,filter_pullup,expression_rewriter"


def operators(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """The names of the operators in the plan of a query."""
    return [node["name"] for node in _plan(connection, query)]


def over_rows(types: Mapping[str, str], query: str) -> list[str]:
    """What in the plan of a query looks at more than one row of a table with columns of these types.

    Nothing if each row of the result is made of one row of the table: then the query can be asked of parts of it.
    """
    with database().cursor() as connection:
        _create(connection, types)
        connection.execute("PRAGMA disable_optimizer")  # it would see that there are no rows
        try:
            found = operators(connection, query)
        except duckdb.Error:
            return ["names of files"]  # which a table has not
    if found.count("SEQ_SCAN") != 1:
        return [f"{found.count('SEQ_SCAN')} reads of source"]
    return sorted(set(found) - ROW_BY_ROW)


def carrying(query: str) -> str:
    """A query that takes row by row, with one more column of its table in its result: ROW."""
    column = {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "column_names": [ROW]}

    def carry(node: dict[str, Any]) -> None:
        node["select_list"].append(column)

    return _edited(query, carry)


def sources(types: Mapping[str, str], query: str, names: list[str]) -> dict[str, list[str]]:
    """By the names of the query's columns, the columns of its table that their values are made of; filters left out.

    For a query that takes row by row.
    """
    unfiltered = _edited(query, _drop_filter)
    by_item = _items(unfiltered, names)
    with _table(types) as connection:
        return {name: _read(connection, types, by_item.get(name, unfiltered), name, unfiltered) for name in names}


def filtered_by(types: Mapping[str, str], query: str) -> list[str]:
    """The columns of the table that the query's filters ask for."""
    with _table(types) as connection:
        return _scanned(connection, types, f"SELECT count(*) FROM ({query})")


def columns_as_they_are(query: str) -> dict[str, str]:
    """By its name, each column of the query that is one of the table as it is; none where the query has parts."""
    select = _tree(query)["statements"][0]["node"]
    if select["type"] != "SELECT_NODE" or select["from_table"]["type"] != "BASE_TABLE":
        return {}
    items = (item for item in select["select_list"] if item["type"] == "COLUMN_REF")
    return {item["alias"] or item["column_names"][-1]: item["column_names"][-1] for item in items}


def _tree(query: str) -> dict[str, Any]:
    with database().cursor() as connection:
        [(tree,)] = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    return json.loads(tree)


def _text(tree: dict[str, Any]) -> str:
    """A syntax tree as SQL, which DuckDB writes as it stores a view."""
    with database().cursor() as connection:
        [(text,)] = connection.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return text


def _edited(query: str, edit: Callable[[dict[str, Any]], None]) -> str:
    """The query after `edit` has changed each SELECT in it."""
    tree = _tree(query)
    nodes: list[Any] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            nodes += node.values()
            if node.get("type") == "SELECT_NODE":
                edit(node)
        elif isinstance(node, list):
            nodes += node
    return _text(tree)


def _drop_filter(node: dict[str, Any]) -> None:
    node["where_clause"] = None


def _items(query: str, names: list[str]) -> dict[str, str]:
    """By the name of a column, a query of it alone, whose plan takes no time; none where a `*` hides the items."""
    tree = _tree(query)
    node = tree["statements"][0]["node"]
    items = node["select_list"]
    if any(item["class"] == "STAR" for item in items) or len(items) != len(names):
        return {}
    found = {}
    for name, item in zip(names, items, strict=True):
        node["select_list"] = [item]
        found[name] = _text(tree)
    return found


@contextmanager
def _table(types: Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which `source` is an empty table and plans tell which of its columns are read."""
    with duckdb.connect(
        config={"threads": 1, "enable_external_access": False, "disabled_optimizers": NOT_OF_AN_EMPTY_TABLE}
    ) as connection:
        _create(connection, types)
        yield connection


def _create(connection: duckdb.DuckDBPyConnection, types: Mapping[str, str]) -> None:
    """Make the empty table `source`: in a plan, a table has a name, a file has none."""
    columns = [f"{identifier(name)} {kind}" for name, kind in types.items()]
    connection.execute(f"CREATE TEMP TABLE source ({', '.join(columns)})")


def _read(
    connection: duckdb.DuckDBPyConnection, types: Mapping[str, str], item: str, name: str, whole: str
) -> list[str]:
    try:
        return _scanned(connection, types, f"SELECT {identifier(name)} FROM ({item})")
    except duckdb.Error:  # an item may name another one before it
        return _scanned(connection, types, f"SELECT {identifier(name)} FROM ({whole})")


def _scanned(connection: duckdb.DuckDBPyConnection, types: Mapping[str, str], query: str) -> list[str]:
    """The columns of the table that a query reads."""
    read: set[str] = set()
    for node in _plan(connection, query):
        if node["name"] == "SEQ_SCAN":
            found = node["extra_info"].get("Projections", [])
            read.update([found] if isinstance(found, str) else found)
    # a field of a struct is read as struct.field
    return [name for name in types if any(each == name or each.startswith((f"{name}.", f"{name}[")) for each in read)]


def _plan(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[dict[str, Any]]:
    [(_, plan)] = connection.sql(f"EXPLAIN (FORMAT JSON) {query}").fetchall()
    nodes = json.loads(plan)
    while nodes:
        node = nodes.pop()
        yield node
        nodes += node["children"]
