"""The page in the browser as a user starts it: the command in a process of its own, without a network.

The process, and the worker that it starts, may connect to this computer alone. What it tries beyond that is written to
a file, which tests want to be empty.
"""

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import ROOT

from microplastic_aging.simulate.benchmark import write_benchmark

NO_NETWORK = """
import os, sys

def refuse(event, args):
    known = {"socket.connect": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}
    if event not in known:
        return
    address = args[known[event]]
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(host, str) and not host.startswith("/") and host not in ("127.0.0.1", "localhost", "::1", ""):
        with open(os.environ["MPA_TRIED"], "a") as file:
            print(event, address, file=file)
        raise OSError("the network is off")

sys.addaudithook(refuse)
"""
MOST_MEMORY = 1_500_000_000  # Bytes, of server, worker and task together
START = """import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it runs in the background ignore it
from microplastic_aging.cli import main
main()
"""


class App:
    "`microplastic-aging app`, running"

    def __init__(self, folder, temporary=None):
        (folder / "hooks").mkdir(parents=True)
        (folder / "hooks/sitecustomize.py").write_text(NO_NETWORK)
        self.temporary = temporary or folder / "temporary"
        self.tried, self.log = folder / "tried.txt", folder / "log.txt"
        self.temporary.mkdir(exist_ok=True)
        paths = [str(folder / "hooks"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        env = os.environ | dict(
            PYTHONPATH=os.pathsep.join(paths), TMPDIR=str(self.temporary), MPA_TRIED=str(self.tried)
        )
        env |= dict(OMP_NUM_THREADS="1", PYTHONUNBUFFERED="1")
        begun = time.monotonic()
        with open(self.log, "w") as log:
            words = [sys.executable, "-c", START, "app", "--no-browser"]
            self.process = subprocess.Popen(words, env=env, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        while not (found := re.search(r"page: (http://(\S+)/\?token=\S+)\n", self.log.read_text())):
            assert self.process.poll() is None and time.monotonic() < begun + 60, self.log.read_text()
            time.sleep(0.05)
        self.url, self.host, self.start_s = found[1], found[2], time.monotonic() - begun

    def close(self):
        "End it as Ctrl-C does"
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def worker(self):
        "Process that knows the model"
        return children(self.process.pid)[0]

    def memory(self):
        "Bytes that the server, its worker and the task take together; what they share counts once"
        total, todo = 0, [self.process.pid]
        while todo:
            pid = todo.pop()
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                todo += children(pid)
            except (OSError, IndexError):  # it has ended meanwhile
                continue
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * 1024
        return total


class Memory(threading.Thread):
    "The most memory that is taken, looked at again and again"

    def __init__(self, app):
        super().__init__(daemon=True)
        self.app, self.most, self.ended = app, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            self.most = max(self.most, self.app.memory())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
        self.most = max(self.most, self.app.memory())


def children(pid):
    "Processes that a process has started"
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return sorted(set(found))


def particles(folder, n=8, seed=3):
    "Files of simulated particles, without a manifest: (micrographs, spectra), each in order"
    write_benchmark(folder, n, seed=seed, progress=False)
    (folder / "manifest.csv").unlink()
    return [sorted((folder / name).iterdir()) for name in ("images", "spectra")]


def spectra_table(path, spectra, n=380):
    "One table of many spectra, each a noisy copy of one of some files"
    rng = np.random.default_rng(0)
    read = [pd.read_csv(p) for p in spectra]
    wn, known = read[0].iloc[:, 0].to_numpy(), np.array([r.iloc[:, 1].to_numpy() for r in read])
    rows = known[np.arange(n) % len(known)] + rng.normal(0, 1e-3, (n, len(wn)))
    table = pd.DataFrame(rows.round(5), [f"fibre {i}" for i in range(n)], wn.round(1))
    table.to_csv(path, index_label="name")
    return path


def workbook_bomb(path, size=3_000_000_000):
    "A workbook of some megabytes that unpacks to gigabytes"
    from openpyxl import Workbook

    usual = io.BytesIO()
    Workbook().save(usual)
    with zipfile.ZipFile(usual) as given, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name in given.namelist():
            if "sheet1" not in name:
                made.writestr(name, given.read(name))
        with made.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            row = b"<row><c><v>1</v></c></row>" * 40_000
            sheet.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>')
            for _ in range(size // len(row)):
                sheet.write(row)
            sheet.write(b"</sheetData></worksheet>")
    return path
