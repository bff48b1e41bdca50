"""Hooks of MkDocs: the site is made of the files that the repository shows, none is written for it twice.

README.md becomes the home page, CONTRIBUTING.md and CHANGELOG.md are pages too. A link leads where it leads
in the repository; a file outside docs/ that a page links to is copied into the site, under its path.
"""

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
"""Pages beside docs/, and where they are in the site."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.mdx_configs["toc"]["slugify"] = github_anchor
    return config


def github_anchor(title: str, separator: str) -> str:
    """The anchor that GitHub gives to a title, so that links work in both places."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", separator)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, place in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    place = page.file.src_uri
    outside = {site: ROOT / name for name, site in PAGES.items()}
    source = outside.get(place, DOCS / place)

    def link(match: re.Match[str]) -> str:
        path, anchor = match["path"], match["anchor"] or ""
        if not path or "://" in path or path.startswith("mailto:"):
            return match[0]
        target = Path(os.path.normpath(source.parent / path))
        there = _site_path(target)
        if target.is_file() and files.get_file_from_path(there) is None:
            files.append(File.generated(config, there, abs_src_path=str(target)))
        relative = os.path.relpath(there, PurePosixPath(place).parent)
        return f"]({PurePosixPath(relative).as_posix()}{anchor})"

    return re.sub(r"\]\((?P<path>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)", link, markdown)


def _site_path(target: Path) -> str:
    """Where a file of the repository is in the site."""
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    name = target.relative_to(ROOT).as_posix()
    return PAGES.get(name, name)
