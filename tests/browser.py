"""Pages in a headless Chromium, driven by Playwright."""

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


@dataclass
class Visit:
    """An open page, the errors on its console, and the addresses that it requested, except data URLs."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def visit(address: str) -> Iterator[Visit]:
    """Open an address offline; without Chromium skip the test, or fail it if CS285_REQUIRE_CHROMIUM is set."""
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        reason = "Chromium (Debian's package chromium) is missing"
        pytest.fail(reason) if os.environ.get("CS285_REQUIRE_CHROMIUM") else pytest.skip(reason)
    pytest.importorskip("playwright", reason="playwright, which drives Chromium, is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"], timeout=120_000)
        context = browser.new_context(viewport={"width": 1100, "height": 900}, offline=True)
        seen = Visit(context.new_page())
        seen.page.set_default_timeout(120_000)
        seen.page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.goto(address)
        yield seen
        seen.requests = [url for url in seen.requests if not url.startswith("data:")]
        browser.close()
