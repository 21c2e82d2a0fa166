"""The page in the browser under attack: strangers are refused, and what is too much leaves nothing behind

The server is the real one, in a process of its own; requests go to its port without a browser, which would not send
most of them.
"""

import http.client
import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import numpy as np
import pytest
from app_server import MOST_MEMORY, App, Memory, children, particles, workbook_bomb
from PIL import Image

pytest.importorskip("fasthtml", reason="the page needs FastHTML: make setup")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("app"),
    pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="memory and processes are read from /proc"),
]
WAIT_S = 180  # A busy machine is no failure


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    found = App(tmp_path_factory.mktemp("app"))
    yield found
    found.close()
    assert not list(found.temporary.iterdir()), "something was left behind"


class User:
    "Somebody with the token, and a session"

    def __init__(self, app):
        self.app, self.own = app, dict(Origin=f"http://{app.host}")
        status, headers, _ = self.ask("GET", app.url.partition(app.host)[2])
        assert status == 303
        self.home = headers["location"]

    def ask(self, method, path, body=None, **headers):
        "(status, headers, content) of one request"
        line = http.client.HTTPConnection(self.app.host, timeout=60)
        try:
            line.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = line.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            line.close()

    def post(self, path, content=None, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content or {})
        return self.ask("POST", self.home + path, body, **(self.own | headers))

    def announce(self, path, **headers):
        "What is answered to the beginning of a request"
        line = http.client.HTTPConnection(self.app.host, timeout=30)
        line.putrequest("POST", self.home + path)
        for name, value in (self.own | headers).items():
            line.putheader(name.replace("_", "-"), value)
        line.endheaders()
        status = line.getresponse().status
        line.close()
        return status

    def drop(self, path, name=None):
        return self.post(f"files?name={quote(name or path.name)}", path.read_bytes())[0]

    def page(self, path=""):
        return self.ask("GET", self.home + path)[2]

    def status(self):
        return json.loads(self.page("status"))

    def settled(self):
        "The screen when no work goes on any more"
        end = time.monotonic() + WAIT_S
        while self.status()["open"]:
            assert time.monotonic() < end, self.app.log.read_text()
            time.sleep(0.05)
        return self.page()

    def read(self, path):
        "Drop a file, and see what becomes of it"
        assert self.drop(path) == 200
        assert self.post("read")[0] == 200
        return self.settled()


@pytest.fixture
def me(app):
    user = User(app)
    yield user
    assert user.post("clear")[0] == 303


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    return particles(tmp_path_factory.mktemp("particles") / "all")[1]


def dropped(app):
    "Files of all sessions"
    return [
        p for p in app.temporary.rglob("*") if p.is_file() and "dropped_files" in p.parts or p.name.startswith("part-")
    ]


# ---- strangers


@pytest.mark.parametrize(
    "name", ["../x.csv", "a/../../x.csv", "/etc/cron.d/x", "C:\\x.csv", "..\\..\\x", "a\0.csv", "", "x" * 2000]
)
def test_names_that_lead_elsewhere_are_refused(app, me, name):
    assert me.post(f"files?name={quote(name)}", b"1,2")[0] == 400
    assert not [p for p in app.temporary.rglob("x*")]


@pytest.mark.parametrize(
    "path", ["get-..%2F..%2F..%2Fetc%2Fpasswd", "get-pairs.json", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"]
)
def test_no_path_of_the_server_can_be_read(me, path):
    status, _, content = me.ask("GET", me.home + path)
    assert status in (403, 404) and "root:" not in content


def test_requests_of_other_pages_are_refused(app, me):
    for origin in ("https://evil.example", "null", f"http://{app.host}.evil.example", f"https://{app.host}"):
        assert me.post("clear", Origin=origin)[0] == 403
    assert me.ask("POST", f"{me.home}clear")[0] == 403  # says nothing
    assert me.post("clear", Sec_Fetch_Site="cross-site")[0] == 403
    assert me.ask("GET", me.home, Host="evil.example")[0] == 421  # a name that was made to lead here
    assert me.ask("GET", f"{me.home}status", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")[0] == 403
    assert me.ask("GET", "/")[0] == me.ask("GET", "/?token=guess")[0] == me.ask("GET", "/s/guess/")[0] == 403


def test_only_this_computer_is_listened_to(app):
    "In the kernel's list of listening sockets the port stands with 127.0.0.1 alone"
    port = f"{int(app.host.rpartition(':')[2]):04X}"
    lines = [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}").readlines()[1:]]
    listening = [line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{port}")]
    assert listening == [f"0100007F:{port}"]


def test_a_script_in_names_and_cells_stays_text(me, spectra):
    script = "<script>alert(1)</script>"
    assert me.drop(spectra[0], f"{script}.csv") == me.drop(spectra[1], "<img src=x onerror=alert(1)>.csv") == 200
    me.post("read")
    assert script not in (page := me.settled()) and "<img src=x" not in page
    me.post("answer", dict(changes={"0": dict(specimen_id=script, polymer=f'"{script}')}))
    for page in (me.settled(), me.page("pairs"), me.page("sample-0"), me.page("get-predictions.html")):
        assert script not in page and "<img src=x" not in page
    me.settled()
    assert "unsafe" not in me.ask("GET", me.home)[1]["content-security-policy"]


# ---- too much


def test_a_file_of_5_gb_is_refused_before_it_is_read(app, me):
    with Memory(app) as memory:
        assert me.announce("files?name=x.csv", Content_Length="5000000000") == 413
        assert me.announce("files?name=x.csv", Transfer_Encoding="chunked") == 411  # does not say how large it is
        assert me.announce("answer", Content_Length="6000000") == 413  # more than the page ever sends
    assert memory.most < MOST_MEMORY and not dropped(app)


def test_an_upload_that_breaks_off_leaves_nothing(app, me):
    line = http.client.HTTPConnection(app.host, timeout=30)
    line.putrequest("POST", f"{me.home}files?name=half.csv")
    for name, value in (me.own | {"Content-Length": "1000000"}).items():
        line.putheader(name, value)
    line.endheaders()
    line.send(b"1" * 1000)
    time.sleep(0.3)
    line.close()
    time.sleep(0.5)
    assert not [p for p in dropped(app) if "half" in p.name or p.name.startswith("part-")]


def test_bombs_are_refused_in_bounded_memory(app, me, tmp_path):
    "A workbook that unpacks to gigabytes, and a picture of a billion pixels"
    picture = tmp_path / "large.png"
    Image.new("1", (40_000, 25_000)).save(picture)
    for bomb in (workbook_bomb(tmp_path / "bomb.xlsx"), picture):
        assert bomb.stat().st_size < 40_000_000
        with Memory(app) as memory:
            page = me.read(bomb)
        print(f"{bomb.name}: at most {memory.most / 1e6:.0f} MB")
        said = re.search(r'role="alert">(.*?)</div>', page, re.S)[1]
        assert bomb.name in said or "more memory" in said, said
        print(said)
        assert memory.most < MOST_MEMORY
    assert not dropped(app)


def test_a_picture_that_may_just_be_read_takes_bounded_memory(app, me, tmp_path):
    "Sixty million pixels are predicted, or are said to be too many; the server stays"
    picture = tmp_path / "large.png"
    rng = np.random.default_rng(0)
    Image.fromarray(np.tile(rng.integers(0, 255, (500, 500), np.uint8), (16, 15))).save(picture)
    with Memory(app) as memory:
        page = me.read(picture)
    print(
        f"60 million pixels: at most {memory.most / 1e6:.0f} MB, {re.findall('<h1.*?</h1>|alert.>.*?</div>', page)[-1]}"
    )
    assert memory.most < MOST_MEMORY and ("more memory" in page or 'id="answer"' in page)


def test_20_uploads_at_once(app, spectra):
    "Twenty sessions, each with a file of 20 MB, and each keeps its own"
    users = [User(app) for _ in range(20)]
    content = [bytes([48 + i]) * 20_000_000 for i in range(len(users))]
    with Memory(app) as memory, ThreadPoolExecutor(len(users)) as pool:
        done = list(
            pool.map(lambda pair: pair[0].post("files?name=large.txt", pair[1])[0], zip(users, content, strict=True))
        )
    print(f"20 uploads: at most {memory.most / 1e6:.0f} MB")
    assert done == [200] * len(users) and memory.most < MOST_MEMORY
    kept = {p.read_bytes()[:1] for p in dropped(app) if p.name == "large.txt" and p.stat().st_size == 20_000_000}
    assert len(kept) == len(users)
    for user in users:
        assert user.post("clear")[0] == 303
    assert not dropped(app)


# ---- death


def test_a_killed_task_is_said_and_the_next_one_is_done(app, me, spectra):
    for path in spectra[:4]:
        me.drop(path)
    me.post("read")
    me.settled()
    me.post("answer", dict(changes={}))
    while not (tasks := children(app.worker())):
        time.sleep(0.01)
    os.kill(tasks[0], signal.SIGKILL)
    assert "ended before its task was done" in me.settled()
    os.kill(app.worker(), signal.SIGKILL)  # and the worker itself
    time.sleep(0.2)
    me.post("answer", dict(changes={}))
    assert me.settled().count('href="sample-') == 4


def test_a_killed_server_is_cleaned_up_by_the_next(tmp_path):
    first = App(tmp_path / "first")
    folder = next(first.temporary.glob("microplastic-aging-app-*"))
    User(first)
    worker = first.worker()
    first.process.kill()
    first.process.wait()
    assert folder.exists()
    second = App(tmp_path / "second", first.temporary)
    second.close()
    end = time.monotonic() + 30
    while os.path.exists(f"/proc/{worker}") and time.monotonic() < end:
        time.sleep(0.1)
    assert not folder.exists() and not os.path.exists(f"/proc/{worker}")


def test_a_terminated_server_leaves_nothing(tmp_path):
    app = App(tmp_path / "app")
    User(app)
    worker = app.worker()
    app.process.terminate()
    app.process.wait(30)
    assert not list(app.temporary.iterdir()) and not os.path.exists(f"/proc/{worker}")
