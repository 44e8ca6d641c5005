"""Which versions a file pins, in every spelling of PEP 440 and 508, and where installed ones are others."""

import pytest

from samebits.proof.record import pins

SPELLINGS = [
    "my-package==1.2",
    "My_Package == 1.2",
    "my.package  ==1.2.0",
    "my-package===1.2",
    "my-package[extra]==1.2",
    "my-package==1.2 ; python_version >= '3'",
    "my-package==1.2  # why",
    "my-package==1.2 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def",
    "-r other.txt\n--index-url https://example.org\nmy-package==1.2",
    "my-package>=1,<2\nmy-package==1.2",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_each_spelling_pins_one_version(text: str) -> None:
    found = pins.pinned("requirements.txt", text.encode())
    assert pins.recorded(found) == {"my-package"}
    assert pins.differing(found, {"My.Package": "1.2"}) == []
    assert pins.differing(found, {"My.Package": "1.3"})[0].startswith("my-package 1.3 for ")


@pytest.mark.parametrize(
    ("text", "installed", "differs"),
    [
        ("torch==2.13.0", "2.13.0+cpu", False),
        ("torch==2.13.0+cpu", "2.13.0", True),
        ("torch==2.*", "2.13.0", False),
        ("torch==2.*", "3.0", True),
        ("torch>=2", "3.0", False),
        ("torch<2", "3.0", True),
        ("torch~=2.1", "2.9", False),
        ("torch!=3.0", "3.0", True),
        ("torch==3.0rc1", "3.0rc1", False),
        ("torch==1.0; python_version < '3'", "3.0", False),  # a marker that does not hold
        ("torch", "3.0", False),
        ("torch @ https://example.org/torch.whl", "3.0", False),
    ],
)
def test_a_version_that_a_pin_allows_is_no_difference(text: str, installed: str, differs: bool) -> None:
    assert bool(pins.differing(pins.pinned("requirements.txt", text.encode()), {"torch": installed})) is differs


@pytest.mark.parametrize("text", ["torch", "torch>=2", "torch==2.*", "torch~=2.1"])
def test_a_range_records_no_version(text: str) -> None:
    assert pins.recorded(pins.pinned("requirements.txt", text.encode())) == set()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("uv.lock", '[[package]]\nname = "NumPy"\nversion = "1.26.4"\n'),
        ("poetry.lock", '[[package]]\nname = "numpy"\nversion = "1.26.4"\n'),
        ("environment.yml", "dependencies:\n- numpy=1.26.4=py311h64a7726_0\n"),
        ("environment.yml", "dependencies:\n- python\n- pip:\n  - numpy==1.26.4\n"),
        ("environment.yml", "dependencies:\n- numpy==1.26.4\n"),
    ],
)
def test_locks_and_environments_pin_too(path: str, text: str) -> None:
    found = pins.pinned(path, text.encode())
    assert pins.recorded(found) == {"numpy"}
    assert pins.differing(found, {"numpy": "2.0"}) == ["numpy 2.0 for 1.26.4"]


def test_what_is_no_such_file_pins_nothing() -> None:
    assert pins.pinned("uv.lock", b"\0") == {}
    assert pins.pinned("environment.yml", b"[3]") == {}
