"What several tests share: the project's files, and copies of them"

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, os.cpu_count() // int(workers))))  # processes share the cores

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
if (PUBLIC := ROOT.parent / "shared/data").is_dir():
    os.environ.setdefault("MPA_PUBLIC", str(PUBLIC))  # published measurements, where they lie beside the checkout


LONGEST = ("test_docs_are_staged", "study/15_study", "study/14_attribution", "tutorials/train_on_your_particles")


def pytest_collection_modifyitems(items):
    "What takes longest begins first, so that no core waits for it at the end"
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONGEST))


def notebooks():
    "Every notebook of the project, relative to nbs/, in reading order"
    found = (p.relative_to(NBS) for p in NBS.rglob("*.ipynb"))
    return sorted(
        (p for p in found if not any(part[0] in "._" for part in p.parts)), key=lambda p: (len(p.parts), str(p))
    )


def call(*command, cwd=ROOT, **env):
    "Run a command with its output captured; an environment value of None removes that variable"
    full = {k: v for k, v in {**os.environ, **env}.items() if v is not None}
    return subprocess.run(
        [str(c) for c in command], cwd=cwd, env=full, capture_output=True, text=True, encoding="utf-8"
    )


def said(result, lines=60):
    "The end of what a command printed, for an assertion message"
    return "\n" + "\n".join((result.stdout + result.stderr).splitlines()[-lines:])


def tool(name):
    "A command installed beside the running Python"
    return Path(sys.executable).with_name(name)


@pytest.fixture(scope="session")
def files():
    "Paths of the project's own files, relative to its top: what git tracks, and new files it does not ignore"
    listed = call("git", "ls-files", "-co", "--exclude-standard", "-z")
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the project is unknown")
    return sorted(f for f in map(Path, filter(None, listed.stdout.split("\0"))) if (ROOT / f).exists())


@pytest.fixture
def project(files, tmp_path):
    "A copy of the project that a test may change"
    for f in files:
        (tmp_path / "project" / f).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / f, tmp_path / "project" / f, follow_symlinks=False)
    return tmp_path / "project"
