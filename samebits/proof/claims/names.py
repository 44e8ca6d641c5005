"""Does a text name a value? Words of people against words of keys."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

# What people write for the words of keys; the first that fits, in this order
SAME = (
    (r"root mean squared? error", "rmse"),
    (r"mean squared logarithmic error", "msle"),
    (r"mean squared? error", "mse"),
    (r"mean absolute percentage error", "mape"),
    (r"mean absolute error", "mae"),
    (r"mean average precision", "map"),
    (r"average precision", "ap"),
    (r"area under the (?:roc )?curve", "auc"),
    (r"coefficient of determination|\br[ -]?squared\b|\br ?[\^_] ?\{?2\}?|\br ?2\b|\br2_?score", "r2"),
    (r"\bau[- ]?roc\b|\broc[- ]?auc(?:[- ]score)?\b|\bauc[- ]?roc\b", "auc"),
    (r"\bf[- ]?1\b|\bf1[- ]?score\b|\bf[- ]?score\b|\bf[- ]measure\b", "f1"),
    (r"\bacc\b", "accuracy"),
    (r"\bprec\b", "precision"),
    (r"\brec\b|\bsensitivity\b|\btpr\b", "recall"),
    (r"\bavg\b|\bmean\b", "average"),
    (r"\bval\b|\bvalid\b|\bdev\b|\bhold[- ]?out\b", "validation"),
    (r"\btraining\b", "train"),
    (r"\btesting\b|\bevaluation\b|\beval\b", "test"),
)
PARTS = tuple({*each} for each in (("train", "test", "validation"), ("macro", "micro", "weighted"), ("average", "std")))
# Words of keys that do not say what is measured
VAGUE = {
    *("score", "value", "metric", "result", "average", "std", "final", "best", "model", "overall", "percent", "pct"),
    *("train", "test", "validation", "macro", "micro", "weighted", "cv", "total", "all", "the", "of", "in", "on", "at"),
}
# A text with one of these may tell of another time than now
PAST = re.compile(
    r"\b(?:before|previous(?:ly)?|old(?:er)?|earlier|former(?:ly)?|initial(?:ly)?|originally|history|changelog"
    r"|no longer|used to|v\d+(?:\.\d+)*|(?:version|iteration|run|experiment) \d+|(?:19|20)\d\d-\d\d(?:-\d\d)?)\b",
    re.IGNORECASE,
)


@cache
def words(text: str) -> frozenset[str]:
    """The words of a text, of a key or of a path, as keys have them."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", unicodedata.normalize("NFKC", text))
    text = re.sub(r"[_/.:\\*`|]+", " ", text).lower()
    for pattern, word in SAME:
        text = re.sub(pattern, f" {word} ", text)
    found = re.findall(r"[^\W_]+", text)
    return frozenset(each.removesuffix("s") if len(each) > 3 and not each.endswith("ss") else each for each in found)


@cache
def measure(name: str) -> frozenset[str]:
    """The words of a key that say what is measured, as `accuracy` of `test.accuracy_score`; of a vague one, all."""
    for part in reversed(name.split(".")):
        if found := {each for each in words(part) - VAGUE if len(each) > 1 and not each.isdigit()}:
            return frozenset(found)
    return words(name)


def said_in(texts: Iterable[str]) -> frozenset[str]:
    """All words of texts."""
    return frozenset[str]().union(*map(words, texts))


def named(key: tuple[str, str], said: frozenset[str]) -> int:
    """How well words name a key, which is a file and a name in it.

    0 where they do not say what it measures, or speak of another part of the data; else 1, and 1 for each other word of
    its name that is among them.
    """
    file, name = key
    if not measure(name) <= said:
        return 0
    own = words(f"{file} {name}")
    if any(said & each and own & each and not said & own & each for each in PARTS):
        return 0
    return 1 + len((words(name) - measure(name)) & said)
