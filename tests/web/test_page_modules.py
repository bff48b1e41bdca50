"""The modules of the page find each other; tests/browser runs them."""

import re
from pathlib import Path

import tcnet

JS = Path(tcnet.__file__).parent / "web" / "static" / "js"
IMPORTS = {
    path: [
        (path.parent / name).resolve()
        for name in re.findall(r'^import .* from "(\..+?)";$', path.read_text(), re.MULTILINE)
    ]
    for path in JS.rglob("*.js")
}


def test_imports_lead_to_modules():
    assert len(IMPORTS) > 20
    missing = [
        f"{path.name}: {name}" for path, names in IMPORTS.items() for name in names if name not in IMPORTS
    ]
    assert not missing


def test_names_that_are_imported_are_exported():
    for path in IMPORTS:
        for names, module in re.findall(
            r'^import \{ (.+) \} from "(\..+?)";$', path.read_text(), re.MULTILINE
        ):
            text = (path.parent / module).read_text()
            for name in names.split(", "):
                assert re.search(
                    rf"^export (?:async )?(?:function|class|const) {name}\b", text, re.MULTILINE
                ), f"{path.name}: {name}"


def test_the_first_module_leads_to_all():
    reached, new = set(), {JS / "main.js"}
    while new:
        reached |= new
        new = {name for path in new for name in IMPORTS[path]} - reached
    assert reached == set(IMPORTS)
