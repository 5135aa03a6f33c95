"""A real browser, headless, that opens pages from files: Debian's chromium with its driver, or what goes by such names.

Where there is none, these tests are skipped. `make test` installs both where it may: as root, by apt-get.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Browser:
    """A browser with one page open."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Open a page from a file, in a window of some size."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        motion = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.command("Emulation.setEmulatedMedia", features=[scheme, motion])
        self.driver.get("about:blank")
        self.complaints()
        self.driver.get(page.as_uri())

    def command(self, name: str, **arguments: Any) -> Any:
        """Give a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def complaints(self) -> list[Any]:
        """Take what pages have written in the console since this was asked last."""
        taken: list[Any] = self.driver.execute("getLog", {"type": "browser"})["value"]
        return taken

    def script(self, code: str, *arguments: Any) -> Any:
        """Run a script in the page; it returns something."""
        return self.driver.execute_script(code, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        """Find elements."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """Find an element."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def shown(self, selector: str) -> list[WebElement]:
        """Find elements that can be seen."""
        return [each for each in self.all(selector) if each.is_displayed()]

    def box(self, box_id: str) -> WebElement:
        """Find the box of a node in the picture that is shown."""
        (box,) = self.shown(f'.box[data-box="{box_id}"]')
        return box

    def hover(self, element: WebElement) -> None:
        """Move the pointer over an element."""
        self.script("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element(element).perform()

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        ActionChains(self.driver).send_keys(*keys).perform()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no browser: neither chromium with chromedriver nor Chrome is on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as opened:
        yield opened


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[Browser]:
    """Return the browser; a page that complains in its console fails the test."""
    browser = Browser(chromium)
    yield browser
    complaints = browser.complaints()
    browser.command("Emulation.setScriptExecutionDisabled", value=False)
    assert complaints == []


TAB: Final = Keys.TAB
ESCAPE: Final = Keys.ESCAPE
ENTER: Final = Keys.ENTER
