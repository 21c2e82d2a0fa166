"""A headless Chromium for tests, driven over a pipe: pages at a width, their size, pictures of them.

`python tests/browser.py WIDTH PAGE.html PICTURE.png [dark]` takes a picture of a page.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
TOO_WIDE = """(() => {
  const screen = document.documentElement.clientWidth;
  const hidden = e => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX)) return true; return false; };
  const wide = [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > screen + 1 && e.getBoundingClientRect().width && !hidden(e))
    .map(e => e.tagName.toLowerCase() + '.' + e.className);
  return JSON.stringify({screen, page: document.documentElement.scrollWidth, wide: wide.slice(0, 5)});
})()"""


def browser_path():
    "Where Chromium is; None where there is none"
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    "One page of a headless Chromium; use it in a `with`"

    def __init__(self, path=None):
        self.path = path or browser_path()

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="browser-")
        commands, self.send_to = os.pipe()
        self.read_from, answers = os.pipe()

        def as_three_and_four():  # the numbers that Chromium reads commands from and writes answers to
            kept = [os.dup2(fd, 100 + i) for i, fd in enumerate((commands, answers))]
            for i, fd in enumerate(kept):
                os.dup2(fd, 3 + i)

        self.process = subprocess.Popen(
            [self.path, *FLAGS, f"--user-data-dir={self.folder.name}"],
            preexec_fn=as_three_and_four,
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self.number, self.rest, self.session = 0, b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        os.close(self.send_to)
        os.close(self.read_from)
        self.folder.cleanup()

    def _messages(self):
        while True:
            text, end, rest = self.rest.partition(b"\0")
            if end:
                self.rest = rest
                yield json.loads(text)
                continue
            more = os.read(self.read_from, 1 << 16)
            if not more:
                raise RuntimeError("Chromium has ended")
            self.rest += more

    def call(self, method, **params):
        "One command and its answer"
        self.number += 1
        session = {"sessionId": self.session} if self.session else {}
        message = dict(id=self.number, method=method, params=params) | session
        os.write(self.send_to, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, page, width, height=900, dark=False):
        "Load a file at a width in CSS pixels, and wait until it is there"
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = dict(name="prefers-color-scheme", value="dark" if dark else "light")
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=Path(page).resolve().as_uri())
        for message in self._messages():
            if message.get("method") == "Page.loadEventFired":
                return
        raise AssertionError("never loaded")

    def evaluate(self, code):
        "The value of a JavaScript expression"
        return self.call("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def widths(self):
        "Width of the screen and of the page, and what sticks out"
        return json.loads(self.evaluate(TOO_WIDE))

    def picture(self, path, full=False):
        "A PNG of what is on the screen, or of the whole page"
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=full)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    width, page, picture, *dark = sys.argv[1:]
    with Browser() as browser:
        browser.open(page, int(width), 1400, dark=bool(dark))
        browser.picture(picture)
        print(browser.widths())
