"""Chromium without a window, for pictures of pages and for tests of them.

The browser is driven by its own protocol (DevTools) over a socket; tornado comes with Jupyter. It has a profile of its
own in a temporary folder and opens local files only. `find_browser` is None where no Chromium is installed.
"""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from tornado.websocket import websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-extensions"]
FLAGS += ["--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--remote-debugging-port=0"]
FLAGS += ["--remote-allow-origins=*"]
MAX_MESSAGE = 200_000_000  # Bytes; a picture of a long page is one message
WAIT = 60  # Seconds for the browser to start, and for each answer


def find_browser():
    "The command of an installed Chromium, None where there is none"
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    "One local page in one browser: `with Page() as page: page.open(path, width=390)`"

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        command = [find_browser(), *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.loop, self.number, self.socket = asyncio.new_event_loop(), 0, None
        try:
            self.socket = self.loop.run_until_complete(self._connect())
        except BaseException:
            self.__exit__()
            raise
        self.call("Page.enable")
        return self

    def __exit__(self, *error):
        if self.socket is not None:
            self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.loop.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    async def _connect(self):
        port_file, limit = Path(self.profile, "DevToolsActivePort"), time.monotonic() + WAIT
        while not (port_file.exists() and port_file.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{find_browser()} did not start")
            await asyncio.sleep(0.1)
        port = port_file.read_text().split()[0]
        targets = json.load(urlopen(f"http://127.0.0.1:{port}/json/list", timeout=WAIT))
        address = next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
        return await websocket_connect(address, max_message_size=MAX_MESSAGE)

    async def _answer(self, number):
        while True:
            message = await self.socket.read_message()
            if message is None:
                raise RuntimeError("the browser went away")
            message = json.loads(message)
            if message.get("id") == number:
                return message

    def call(self, method, **params):
        "One command of the protocol, and its result"
        self.number += 1
        self.socket.write_message(json.dumps(dict(id=self.number, method=method, params=params)))
        answer = self.loop.run_until_complete(asyncio.wait_for(self._answer(self.number), WAIT))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def evaluate(self, code):
        "The value of a JavaScript expression on the page; a promise is waited for"
        found = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", "script failed"))
        return found["result"].get("value")

    def open(self, path, width=1280, height=800, dark=False, media="screen"):
        "Show a file at a width in CSS pixels"
        self.width, self.height = width, height
        self._size(height)
        scheme = dict(name="prefers-color-scheme", value="dark" if dark else "light")
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        limit = time.monotonic() + WAIT
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            if time.monotonic() > limit:
                raise RuntimeError(f"{path} did not load")
            time.sleep(0.05)

    def _size(self, height, scale=1):
        # Not `mobile`: that widens the window to its content, and nothing would ever be too wide
        size = dict(width=self.width, height=height, deviceScaleFactor=scale, mobile=False)
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def picture(self, whole=False, scale=1):
        "PNG of what is on the screen, or of the whole page"
        height = self.evaluate("document.documentElement.scrollHeight") if whole else self.height
        self._size(int(height), scale)
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def pdf(self):
        "The page as it is printed"
        self.call("Emulation.setEmulatedMedia", media="print")
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])
