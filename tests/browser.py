"""A headless Chromium for the tests: Debian's, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Visit:
    """A page that is open.

    Attributes:
        page: Playwright's.
        complaints: errors on its console, and errors that nothing caught.
        requests: the addresses that it asked for, data: ones apart.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def visit(address: str, offline: bool = False) -> Iterator[Visit]:
    """Open an address; skip without Chromium, or fail where CS285_REQUIRE_CHROMIUM is set."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        reason = "there is no Chromium here (Debian's package chromium)"
        pytest.fail(reason) if os.environ.get("CS285_REQUIRE_CHROMIUM") else pytest.skip(reason)
    pytest.importorskip("playwright", reason="playwright, which drives Chromium, is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"], timeout=120_000)
        context = browser.new_context(viewport={"width": 1100, "height": 900}, offline=offline)
        seen = Visit(context.new_page())
        seen.page.set_default_timeout(120_000)
        seen.page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on(
            "request", lambda asked: None if asked.url.startswith("data:") else seen.requests.append(asked.url)
        )
        seen.page.goto(address)
        yield seen
        browser.close()
