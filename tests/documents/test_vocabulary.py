"""One word for one thing: the words on the left are not used, in documents, code and messages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "NOTICE")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("configs/**/*.toml")),
    *sorted(ROOT.glob("src/tcnet/weights/*.toml")),
]
CODE = [
    *sorted(ROOT.glob("src/tcnet/**/*.py")),
    *sorted(ROOT.glob("src/tcnet/web/static/*.*")),
    *sorted(ROOT.glob("src/tcnet/web/static/js/**/*.js")),
    *sorted(ROOT.glob("web/*.js")),
    *(
        path
        for folder in ("benchmarks", "scripts", "examples")
        for path in sorted(ROOT.glob(f"{folder}/**/*.py"))
    ),
]
INSTEAD = {
    r"work folders?|run folders?": "checkpoint",
    r"wishe[sd]": "request, options",
    r"contenders?|peers?": "method",
    r"the plain way": "baseline",
    r"what (the|this|that) machine can do": "peak throughput",
    r"(is|are) run in|run_in": "warm-up",
    r"(stand|stood)s? still|(what|which) is still": "static region",
    r"(is|are) told|lines? for people": "warning, notice",
    r"(is|are|was|were) wanted": "target, requested",
    r"has the last word": "takes precedence",
    r"stands? under the (output's )?name": "the output appears only when complete",
    r"nobody made": "implausible",
    r"is no condition": "is not a valid condition",
    r"is nothing before": "incomplete until",
    r"places? of images": "image-sequence path",
}
IN_DOCUMENTS = INSTEAD | {r"stretch(es)?": "segment", r"(?<!post-)operations": "FLOPs, MACs"}


def found(path, instead):
    text = " ".join(path.read_text(encoding="utf-8", errors="ignore").split())
    return {
        match[0]: word
        for pattern, word in instead.items()
        for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documents_have_one_word_for_one_thing(page):
    assert not found(page, IN_DOCUMENTS)


def test_code_has_one_word_for_one_thing():
    words = {str(path.relative_to(ROOT)): found(path, INSTEAD) for path in CODE}
    assert not {path: those for path, those in words.items() if those}
    assert len(words) > 100
