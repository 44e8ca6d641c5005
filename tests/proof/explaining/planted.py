"""Repositories with two commits and a planted cause between them; stages are lines of a shell, so that each is fast."""

import copy
from fractions import Fraction
from pathlib import Path
from typing import Any

from samebits.proof.explaining.explain import Asked, explain
from samebits.proof.explaining.explanation import Explanation, Metric
from tests.proof.repositories import Repository

PARAMS = "a: 1\nb: 10\nc: 100\n"
# train: model = a + b (a line of a shell, with arithmetic); evaluate: the metric is model + c
TRAIN = "a=$(sed -n 's/^a: //p' params.yaml) b=$(sed -n 's/^b: //p' params.yaml)\necho $((a + b)) > model\n"
EVALUATE = 'c=$(sed -n \'s/^c: //p\' params.yaml)\necho "{\\"score\\": $(($(cat model) + c))}" > metrics.json\n'
STAGES: dict[str, Any] = {
    "train": {"cmd": "sh train.sh", "deps": ["train.sh"], "params": ["a", "b"], "outs": ["model"]},
    "evaluate": {
        "cmd": "sh evaluate.sh",
        "deps": ["evaluate.sh", "model"],
        "params": ["c"],
        "metrics": [{"metrics.json": {"cache": False}}],
    },
}


class Two(Repository):
    """A repository; what `base` made is tagged, and `explained` is of HEAD against it."""

    @classmethod
    def there(cls, top: Path) -> "Two":
        """One that is there."""
        found = object.__new__(cls)
        found.top = found.root = top
        return found

    def base(self) -> None:
        self.run()
        self.git("tag", "base")

    def head(self) -> None:
        self.run()

    def explained(self, **asked: Any) -> Explanation:
        with self.inside():
            return explain(Asked(**{"base": "base", **asked}))


def usual(top: Path) -> Two:
    """score = a + b + c = 111."""
    repo = Two(top)
    repo.write("params.yaml", PARAMS)
    repo.write("train.sh", TRAIN)
    repo.write("evaluate.sh", EVALUATE)
    repo.pipeline(stages=STAGES)
    repo.base()
    return repo


def stages(repo: Two, **changed: Any) -> None:
    """Write dvc.yaml with other stages; None takes one away."""
    found = {**copy.deepcopy(STAGES), **changed}
    repo.pipeline(stages={name: each for name, each in found.items() if each})


def changed(name: str, **keys: Any) -> dict[str, Any]:
    return {**copy.deepcopy(STAGES[name]), **keys}


def metric(found: Explanation, name: str = "score") -> Metric:
    [one] = [each for each in found.metrics if each.name == name]
    return one


def effects(found: Explanation, name: str = "score") -> dict[str, float | None]:
    """What each factor did, by the names in a row."""
    return {
        " & ".join(sorted(found.factors[each].name for each in row.factors)) or row.how: row.effect
        for row in metric(found, name).rows
        if row.effect != 0
    }


def check_sums(found: Explanation) -> None:
    """Rows add up to the difference, exactly and as printed; the bound of runs is kept."""
    for each in found.metrics:
        if each.exact is not None:
            assert sum((Fraction(row.exact or 0) for row in each.rows), Fraction(0)) == Fraction(each.exact)
            assert sum(Fraction(row.shown) for row in each.rows) == Fraction(each.shown)
            assert Fraction(each.shown_head) - Fraction(each.shown_base) == Fraction(each.shown)
    active = sum(len(each.parts) or 1 for each in found.factors if each.state in ("ran", "not run"))
    assert found.pipeline_runs <= found.most_runs
    assert found.most_runs <= 2 * active + 2 or found.by == "commit"
