"""What an explanation found, as data."""

from typing import Literal

import msgspec

Kind = Literal["parameter", "code", "source", "stage", "packages", "undeclared", "commit"]


class Factor(msgspec.Struct, frozen=True):
    """Something that differs between base and head, as small as it could be told apart.

    Attributes
    ----------
    name : str
        In words, with its values: `quantize.bits 8 -> 4`.
    short : str
        Without its values.
    kind : str
    state : "ran", "not run", "no stage" or "left out"
        Whether hybrids ran with it; no stage: no stage depends on it; left out: packages that no `setup` installs.
    parts : list of str
        If several differences cannot be separated, their names.
    why : str or None
        Why they cannot, or why it was left out.
    stages : list of str
        The stages that ran anew with it alone at the base.
    same_bytes : bool
        Whether these made the same bytes as at the base.

    """

    name: str
    short: str
    kind: Kind
    state: Literal["ran", "not run", "no stage", "left out"]
    parts: list[str] = []
    why: str | None = None
    stages: list[str] = []
    same_bytes: bool = False


class Row(msgspec.Struct, frozen=True):
    """What one factor, or several together, did to a metric.

    Attributes
    ----------
    factors : list of int
        Their places in the list of factors. None for what no factor explains.
    how : "alone", "together", "not separated" or "rest"
        together: what they do only together. not separated: the budget was spent.
    effect : float or None
        None if the metric is no number.
    exact : str or None
        The effect as a fraction. Those of all rows add up to that of the metric.
    shown : str
        As it is printed. Those of all rows add up to that of the metric, too.
    noise : bool
        Whether the effect is within the noise.
    from_base, from_head : float or None
        The effect alone from the base, and alone from the head.

    """

    factors: list[int]
    how: Literal["alone", "together", "not separated", "rest"]
    effect: float | None
    exact: str | None
    shown: str
    noise: bool = False
    from_base: float | None = None
    from_head: float | None = None


class Metric(msgspec.Struct, frozen=True):
    """A metric, and why it changed.

    Attributes
    ----------
    name : str
    base, head : float, int, str, bool or None
        Its values; None if it is not there.
    shown_base, shown_head, shown : str
        The values and their difference as they are printed.
    exact : str or None
        The difference as a fraction.
    noise : float
        How much it may differ by chance, at 95 %; 0 if it does not differ from run to run.
    rows : list of Row
        The largest effect first.

    """

    name: str
    base: float | int | str | bool | None
    head: float | int | str | bool | None
    shown_base: str
    shown_head: str
    shown: str
    exact: str | None
    noise: float = 0.0
    rows: list[Row] = []


class Bytes(msgspec.Struct, frozen=True):
    """What a factor does to the bytes of an output.

    Attributes
    ----------
    factor : int
        Its place in the list of factors.
    alone : bool or None
        Whether it changes them alone from the base. None if that did not run.
    needed : bool or None
        Whether they change without it from the head. None if that did not run.
    differences : list of str
        How far they then are from those of the base.

    """

    factor: int
    alone: bool | None
    needed: bool | None
    differences: list[str] = []


class Output(msgspec.Struct, frozen=True):
    """An output that is no metric, and which factors change its bytes.

    Attributes
    ----------
    path : str
    base, head : str or None
        Its hashes.
    rows : list of Bytes

    """

    path: str
    base: str | None
    head: str | None
    rows: list[Bytes] = []


class Run(msgspec.Struct, frozen=True):
    """A hybrid that was looked at.

    Attributes
    ----------
    factors : list of int
        The factors that it had as at the head.
    stages : list of str
        Those that ran; none if all were known.
    seconds : float
        Their time.
    failed : str or None
        Why it could not run.
    values : dict
        The metrics of the explanation, by name.

    """

    factors: list[int]
    stages: list[str]
    seconds: float
    failed: str | None
    values: dict[str, float | int | str | bool | None]


class Explanation(msgspec.Struct, frozen=True):
    """Why metrics and outputs differ between two trees.

    Attributes
    ----------
    version : str
        The version of samebits.
    base, head : str
        The commits; for the working tree, "worktree".
    by : "factor" or "commit"
    method : "one at a time", "Shapley" or "in order"
    problems : list of str
        Why the answer may be wrong: an endpoint whose run has not the recorded values.
    factors : list of Factor
    metrics : list of Metric
    outputs : list of Output
    runs : list of Run
        In the order in which they were asked for.
    pipeline_runs : int
        How many hybrids ran any stage.
    most_runs : int
        How many might have.
    stage_runs : int
    seconds : float
        The time of these.
    notes : list of str
        What else limits the answer.

    """

    version: str
    base: str
    head: str
    by: Literal["factor", "commit"]
    method: Literal["one at a time", "Shapley", "in order"]
    problems: list[str]
    factors: list[Factor]
    metrics: list[Metric]
    outputs: list[Output]
    runs: list[Run]
    pipeline_runs: int
    most_runs: int
    stage_runs: int
    seconds: float
    notes: list[str]

    @property
    def status(self) -> int:
        """The exit status: 0, or 2 where an endpoint is not what its commit records."""
        return 2 if self.problems else 0
