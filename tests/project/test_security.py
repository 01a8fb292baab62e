"""What is read from outside runs nothing, leaves no folder of its own and tells nobody."""

from __future__ import annotations

import ast
import configparser
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
FILES = subprocess.check_output(LISTED, cwd=ROOT, text=True).split("\0")
CODE = [ROOT / name for name in FILES if name.endswith(".py") and not name.startswith("tests/")]
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "pd.read_pickle"),
    *("torch.jit.load", "torch.package.PackageImporter", "torch.hub.load"),
    *("joblib.load", "marshal.loads", "shelve.open", "tempfile.mktemp"),
}
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml"}


def violations(text: str) -> list[str]:
    """What of a module's text could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [name for name in names if name.split(".")[0] in MODULES]
        elif isinstance(node, ast.Call):
            found += _call(node)
    return found


def _call(node: ast.Call) -> list[str]:
    name = ast.unparse(node.func)
    given = {key.arg: ast.unparse(key.value) for key in node.keywords}
    found = [name] if name in FORBIDDEN else []
    if name == "torch.load" and given.get("weights_only") != "True":
        found.append("torch.load without weights_only=True")
    if name in ("np.load", "numpy.load") and given.get("allow_pickle", "False") != "False":
        found.append("numpy.load with allow_pickle")
    if name == "YAML" and given.get("typ") == "'unsafe'":
        found.append("YAML(typ='unsafe')")
    if given.get("shell", "False") != "False":
        found.append("shell=True")
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_runs_what_it_reads(path):
    assert violations(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from pickle import loads", "torch.load(p)", "torch.load(p, weights_only=w)",
     "np.load(p, allow_pickle=True)", "eval(x)", "run(x, shell=True)", "YAML(typ='unsafe')",
     "import yaml", "os.system(x)"],
)  # fmt: skip
def test_each_way_to_run_it_would_be_seen(line):
    assert len(violations(line)) == 1


def test_what_is_safe_passes():
    lines = ["torch.load(p, weights_only=True)", "np.load(p)", "YAML(typ='safe')", "model.eval()"]
    assert violations("\n".join(lines)) == []


def test_dvc_and_prefect_tell_nobody():
    config = configparser.ConfigParser()
    config.read_string((ROOT / ".dvc/config").read_text().replace("\t", "").replace("    ", ""))
    assert config["core"]["analytics"] == config["core"]["check_update"] == "false"
    server = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["prefect"]["server"]
    assert server["analytics_enabled"] is False
    assert server["api"]["host"] == "127.0.0.1"
    made = (ROOT / "Makefile").read_text()
    assert "export DVC_NO_ANALYTICS := 1" in made
    assert "export DO_NOT_TRACK := 1" in made


def test_servers_listen_on_this_machine_alone():
    """Each address that the code binds is 127.0.0.1, and nothing binds all of them."""
    for path in CODE:
        text = path.read_text()
        assert "0.0.0.0" not in text, path
        if ".bind(" in text or "--host" in text:
            assert "127.0.0.1" in text, path
