"""The page as somebody uses it."""

import base64
import json
import re

from playwright.sync_api import expect

LAUNCH = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
JOB_MS = 90_000
expect.set_options(timeout=20_000)  # two cores may have other work
TINY = {"model": "tiny", "scale": 4}
_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


class Visitor:
    """A browser of its own on the page: nothing is remembered from others. `tab` is its first tab."""

    def __init__(self, chromium, address, *, scheme="light", size=(1280, 800), remembers=TINY, **options):
        """remembers: the choice of earlier visits."""
        self.address = address
        self._complaints = []
        self._expected = []
        width, height = size
        self.context = chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": height}, **options
        )
        self.context.set_default_timeout(30_000)
        self.context.add_init_script(_VIOLATIONS)
        if remembers:
            choice = json.dumps(json.dumps(remembers))
            self.context.add_init_script(
                f"if (origin !== 'null') localStorage['tcnet.choice'] ??= {choice};"  # not in about:blank
            )
        self.context.on("page", self._watch)
        self.tab = self.open()

    def open(self, where=""):
        """A new tab on the page."""
        tab = Tab(self.context.new_page(), self.address)
        tab.page.goto(self.address + where)
        # Before the server has answered the page takes nothing.
        expect(tab.heading().or_(tab.page.get_by_role("dialog")).first).to_be_visible()
        return tab

    def expect_complaint(self, pattern):
        """What a test provokes: a pattern of the browser's console line."""
        self._expected.append(pattern)

    def complaints(self):
        """What went wrong unsaid."""
        return [text for text in self._complaints if not any(re.search(one, text) for one in self._expected)]

    def close(self):
        for page in self.context.pages:
            if page.url.startswith(self.address):
                self._complaints += page.evaluate("window.violations")
        self.context.close()

    def _watch(self, page):
        page.on(
            "console", lambda message: message.type in ("error", "warning") and self._complain(message.text)
        )
        page.on("pageerror", lambda error: self._complain(f"uncaught: {error}"))
        page.on("request", self._check_host)

    def _check_host(self, request):
        if not request.url.startswith((self.address, "data:", "blob:")):
            self._complain(f"request to another host: {request.url}")

    def _complain(self, text):
        self._complaints.append(text)


class Tab:
    """What somebody does and sees in one tab."""

    def __init__(self, page, address):
        self.page = page
        self.address = address
        # From the first: a browser that is told of it with the click may open its own dialog instead.
        page.on("filechooser", lambda chooser: None)

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def heading(self):
        return self.page.get_by_role("heading", level=1)

    def main(self):
        return self.page.get_by_role("main")

    def item(self, name):
        """A video's entry in the list."""
        return self.page.get_by_role("navigation", name="Videos").get_by_role("link").filter(has_text=name)

    def choose_file(self, *paths, by="Choose a video"):
        with self.page.expect_file_chooser() as chooser:
            self.button(by).click()
        chooser.value.set_files([str(path) for path in paths])

    def expect_planned(self):
        expect(self.button("Start")).to_be_enabled(timeout=JOB_MS)

    def expect_done(self):
        expect(self.page.get_by_role("link", name="Download")).to_be_visible(timeout=JOB_MS)

    def expect_frame(self, number):
        """That the stage shows this frame, counted from 1, on both sides."""
        for side in ("before", "after"):
            picture = self.page.locator(f".stage img[src$='/frames/{number - 1}/{side}.png']")
            expect(picture).to_be_visible()

    def job_id(self):
        return re.search(r"#/job/(\w+)", self.page.url).group(1)

    def throttle(self, bytes_per_second):
        """How fast it can send; None: as it likes."""
        session = self.page.context.new_cdp_session(self.page)
        speed = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second or -1}
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", {"offline": False, **speed})

    def drop(self, path):
        """Drags a file from elsewhere onto the page and lets go."""
        transfer = self.page.evaluate_handle(
            """([name, text]) => {
              const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
              const transfer = new DataTransfer();
              transfer.items.add(new File([bytes], name));
              return transfer;
            }""",
            [path.name, base64.b64encode(path.read_bytes()).decode()],
        )
        for event in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event("body", event, {"dataTransfer": transfer})
