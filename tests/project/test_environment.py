"""Where the packages, git or locks are missing, the message says that, and what to do."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*words, cwd=ROOT, **env):
    own = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(words, cwd=cwd, env=own, text=True, capture_output=True, check=False)


def test_a_python_without_the_packages_names_the_environment():
    done = run(sys.executable, "-S", "-m", "pipeline.stages.split", "round-1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {sys.executable} has none of the packages")
    assert ". .venv/bin/activate" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unpacked_archive_is_told_to_become_a_repository(tmp_path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").touch()
    done = run(sys.executable, "-m", "pipeline.flow.mend", cwd=tmp_path)
    assert done.returncode == 1
    assert "is not a git repository; an unpacked archive becomes one by `git init`" in done.stderr
    assert "Traceback" not in done.stderr


def test_locks_that_a_file_system_does_not_have_are_named(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import fcntl\n"
        "def lockf(*_):\n    raise OSError(37, 'No locks available')\n"
        "fcntl.lockf = lockf\n"
    )
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    words = [sys.executable, "-m", "pipeline.stages.split", "r", "--coverage", "c", "--thresholds"]
    done = run(*words, "t", "--split", "s", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert done.returncode == 1
    assert "No locks available: the file system has no locks" in done.stderr
    assert "memory" not in done.stderr


def test_line_ends_are_those_of_unix_whatever_git_is_told(tmp_path):
    """core.autocrlf of git for Windows: other bytes of the code would be another pipeline."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitattributes").write_text((ROOT / ".gitattributes").read_text())
    (tmp_path / "a.py").write_text("x = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "core.autocrlf=true", "-c", "user.name=x",
           "-c", "user.email=x@example.com"]  # fmt: skip
    for words in (["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (tmp_path / "a.py").unlink()
    subprocess.run([*git, "checkout", "--quiet", "--", "."], check=True)
    assert (tmp_path / "a.py").read_bytes() == b"x = 1\n"
