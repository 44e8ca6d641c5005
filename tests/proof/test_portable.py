"""A repository whose stages run on every system, through the command line."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import BIN
from tests.proof.repositories import Repository


def test_lock_check_and_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repository(tmp_path / "a repository")
    repo.write("table.txt", "3\n4\n")
    repo.add("table.txt")
    repo.write("mean.py", "rows = [float(line) for line in open('table.txt')]\n")
    repo.write("write.py", "import json, mean\njson.dump({'mse': sum(mean.rows)}, open('metrics.json', 'w'))\n")
    stage = {"cmd": "python write.py", "deps": ["mean.py", "write.py", "table.txt"]}
    repo.pipeline(stages={"mean": {**stage, "metrics": [{"metrics.json": {"cache": False}}]}})
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    repo.run()
    done = repo.samebits("lock")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("dvc.lock is the record of a run of this tree\n")
    done = repo.samebits("check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["conclusion"] == "reproduced"
    assert done.stderr.splitlines()[1:] == ["[1/1] mean"]
    repo.write("metrics.json", '{"mse": 0.0}')
    done = repo.samebits("report", "HEAD")
    assert "| mse    | 7      | 0     | -7       | lower    | better    |" in done.stdout
    repo.commit("better \x1b[31m")
    done = repo.samebits("lock")
    assert done.returncode == 1
    done = repo.samebits("check", "--markdown", "verdict.md")
    assert done.returncode == 1
    assert "metrics.json: mse is 0.0 promised, 7.0 obtained" in done.stdout
    assert "NOT reproduced (output-edited): 0 of 1 outputs are the same" in (repo.root / "verdict.md").read_text()
    assert "\x1b" not in done.stdout + done.stderr
    (repo.root / "write.py").write_text("raise SystemExit('no luck')\n")
    repo.git("checkout", "-q", "HEAD~1", "--", "metrics.json")
    repo.commit()
    done = repo.samebits("check")
    assert done.returncode == 1  # its code is not that of the run
    assert "no luck" in done.stdout
    assert "  | no luck" in done.stderr
