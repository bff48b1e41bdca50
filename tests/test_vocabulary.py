"""One word for one thing: the words on the left are not used where people read."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "NOTICE")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("configs/**/*.toml")),
    *sorted(ROOT.glob("src/tcnet/weights/*.toml")),
]
INSTEAD = {
    r"stretch(es)?\b(?! out)": "segment",
    r"work folders?|run folders?": "checkpoint",
    r"wishe[sd]": "request, options",
    r"contenders?|peers?": "method",
    r"the plain way": "baseline",
    r"(?<!post-)operations": "FLOPs, MACs",
    r"what (the|this|that) machine can do": "peak throughput",
    r"(is|are) run in": "warm-up",
    r"(stand|stood)s? still|is still": "static region",
    r"(is|are) told|lines for people": "warning, notice",
    r"(is|are|was|were) wanted": "target",
    r"has the last word": "takes precedence",
    r"stands? under the (output's )?name": "the output appears only when complete",
    r"nobody made": "implausible",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_other_word_for_what_has_one(page):
    text = " ".join(page.read_text(encoding="utf-8").split())
    found = {
        match[0]: word
        for pattern, word in INSTEAD.items()
        for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    }
    assert not found


IN_CODE = {
    r"contenders?|peers?|contestants?(?!\"\])": "method, baseline, timing",
    r"instruments?": "estimator",
    r"wishe[sd]": "request, options",
    r"the plain way": "baseline",
    r"lines? for people|is told|are told": "notice, warning",
    r"run folders?|work folders?": "checkpoint",
    r"last word": "precedence",
}


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("src/tcnet/**/*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_nor_in_names_messages_and_docstrings(path):
    text = path.read_text(encoding="utf-8").replace("_", " ")
    found = {
        match[0]: word
        for pattern, word in IN_CODE.items()
        for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    }
    assert not found
