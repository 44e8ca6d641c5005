"""YAML 1.2: spaces, comments, quotes, the order of keys and aliases do not count; the type of a value does."""

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from samebits.proof.comparators.readers.json import DIGITS
from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Digits, Parts

DEPTH = 200
ALIASED = 1_000_000  # values that aliases may stand for, beyond those that are written
TAG = "tag:yaml.org,2002:"
# Without quotes, readers of YAML 1.1 take these for something else than texts.
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan)", re.IGNORECASE)
UNCLEAR = re.compile(r"y|yes|n|no|on|off|[-+.]?[0-9][-+0-9_.:,a-z]*|<<|=", re.IGNORECASE)


class Plain(str):
    """A text that means something else without the quotes that it lacks, for some readers; no other text equals it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is Plain and str(self) == str(other)

    __hash__ = str.__hash__


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The documents: one, or a list of several."""
    text = content.decode("utf-8-sig")
    _check_depth(text)
    yaml = YAML(typ="safe")
    documents = [_Document(yaml).read(node) for node in yaml.compose_all(text)]
    return documents[0] if len(documents) == 1 else Parts("documents", [("", each) for each in documents])


def _check_depth(text: str) -> None:
    """Raise UnreadableError where it is nested so deeply that a parser in C might crash."""
    depth = 0
    for event in YAML(typ="safe").parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEPTH:
            raise UnreadableError(f"nested in more than {DEPTH} levels")


class _Document:
    """The values of one document, once they are counted: aliases can stand for any number of them."""

    def __init__(self, yaml: YAML) -> None:
        self.constructor = yaml.constructor
        self.sizes: dict[int, int] = {}

    def read(self, node: Any) -> Any:
        """The value of the root."""
        if self._size(node) > len(self.sizes) + ALIASED:
            raise UnreadableError("its aliases stand for too many values")
        return self.value(node)

    def _size(self, node: Any) -> int:
        """How many values a node stands for, with aliases written out."""
        if (size := self.sizes.get(id(node))) is None:
            self.sizes[id(node)] = 0  # until it is known
            children = node.value if isinstance(node, SequenceNode) else []
            children = [each for pair in node.value for each in pair] if isinstance(node, MappingNode) else children
            self.sizes[id(node)] = size = 1 + sum(map(self._size, children))
        elif size == 0:
            raise UnreadableError("its aliases stand for themselves")
        return size

    def value(self, node: Any) -> Any:
        """The value of a node."""
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, SequenceNode):
            found, usual = [self.value(each) for each in node.value], "seq"
        else:
            found, usual = self._mapping(node), "map"
        return found if node.tag == f"{TAG}{usual}" else Parts(f"tagged {node.tag}", [("", found)])

    def _mapping(self, node: MappingNode) -> Any:
        pairs = [(self.value(key), self.value(value)) for key, value in node.value]
        if any(isinstance(key, list | dict | Parts) for key, _ in pairs):
            raise UnreadableError("a key that is no plain value")
        found = {key if isinstance(key, str) else (type(key).__name__, repr(key)): value for key, value in pairs}
        if len(found) != len(pairs):
            raise UnreadableError("a key stands twice in a mapping")
        return found

    def _scalar(self, node: ScalarNode) -> Any:
        kind = str(node.tag).removeprefix(TAG)
        if kind == "str":
            return Plain(node.value) if not node.style and UNCLEAR.fullmatch(node.value) else node.value
        if kind == "merge" or (kind in ("int", "float") and not NUMBER.fullmatch(node.value)):
            return Plain(node.value)  # as 010, which is 8 for some
        if kind in ("int", "float") and len(node.value) > DIGITS:
            return Digits(node.value)
        if kind in ("int", "float", "bool", "null"):
            return self.constructor.construct_object(node)
        return Parts(f"tagged {node.tag}", [("", node.value)])
