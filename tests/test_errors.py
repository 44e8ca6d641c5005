import os
import signal
import subprocess
import sys

import pytest

from samebits.errors import warn
from tests.conftest import ROOT


def run(*lines: str) -> subprocess.CompletedProcess[str]:
    """Run a program whose main function has these lines."""
    body = "\n".join(f"    {line}" for line in lines)
    code = f"import sys\nfrom samebits.errors import UserError, run, warn\ndef main():\n{body}\nrun(main)\n"
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_program_that_ends_well_exits_with_0() -> None:
    done = run("print('result')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "result\n", "")


@pytest.mark.parametrize("status", [0, 1, 7])
def test_a_program_exits_with_what_it_returns(status: int) -> None:
    assert run(f"return {status}").returncode == status


def test_a_mistake_of_the_user_is_one_line_and_status_2() -> None:
    done = run("print('so far')", "raise UserError('a.csv: row 3 is text')")
    assert (done.returncode, done.stdout, done.stderr) == (2, "so far\n", "error: a.csv: row 3 is text\n")


def test_a_message_of_several_lines_becomes_one() -> None:
    done = run(r"raise UserError('a.csv:\n\n  LINE 1: größe\t^\r\n')")
    assert (done.returncode, done.stderr) == (2, "error: a.csv: LINE 1: größe ^\n")


def test_a_mistake_found_in_another_error_shows_no_traceback() -> None:
    done = run("try: 1 / 0", "except ZeroDivisionError as error: raise UserError('divided') from error")
    assert (done.returncode, done.stderr) == (2, "error: divided\n")


@pytest.mark.parametrize("error", ["ValueError('a bug')", "AssertionError('a bug')", "OSError('a bug')"])
def test_a_bug_keeps_its_traceback_and_exits_with_2(error: str) -> None:
    done = run("print('so far')", f"raise {error}")
    assert (done.returncode, done.stdout) == (2, "so far\n")
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith(f"{error.split('(')[0]}: a bug\n")


@pytest.mark.parametrize("output", ["'x'", "'x' * 1_000_000"])
def test_a_full_disk_is_one_line_and_no_bug(output: str) -> None:
    done = run("import os", "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)", f"sys.stdout.write({output})")
    assert (done.returncode, done.stderr) == (2, "error: cannot write the output: No space left on device\n")


def test_a_program_without_stdout_keeps_its_status() -> None:
    assert run("sys.stdout = None", "print('nowhere')", "return 1").returncode == 1


def test_an_interrupted_program_exits_with_230_and_no_traceback() -> None:
    done = run(f"import os; os.kill(os.getpid(), {signal.SIGINT.value})", "sys.stdin.read()")
    assert (done.returncode, done.stderr) == (130, "")


def test_output_is_written_before_the_exit() -> None:
    done = run("sys.stdout.write('x' * 1_000_000)")
    assert len(done.stdout) == 1_000_000


def test_a_warning_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    warn("columns are collinear")
    assert capsys.readouterr() == ("", "warning: columns are collinear\n")
