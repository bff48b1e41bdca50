"""Who may import whom, read from the source; and importing tcnet changes nothing outside it."""

import ast
import importlib
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import tcnet

PACKAGE = Path(tcnet.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
DESERIALISERS = {"pickle", "marshal", "shelve", "dill", "joblib", "safetensors"}


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Full names of all that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


IMPORTS = {name_of(path): imports(path) for path in FILES}


def within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offenders(modules, forbidden):
    return sorted(
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        if modules(module)
        for name in names
        if forbidden(name)
    )


def test_the_walk_sees_the_package():
    assert len(FILES) > 50
    assert "av" in {name.split(".")[0] for name in IMPORTS["tcnet.video.read.reader"]}
    assert "tcnet.network.layers.conv3x3" in IMPORTS["tcnet.evaluation.methods.basicvsr"]


def test_the_network_imports_nothing_of_ours():
    assert not offenders(
        lambda module: within(module, "tcnet.network"),
        lambda name: within(name, "tcnet") and not within(name, "tcnet.network"),
    )


def test_the_system_imports_nothing_of_ours():
    assert not offenders(
        lambda module: within(module, "tcnet.system"),
        lambda name: within(name, "tcnet") and not within(name, "tcnet.system", "tcnet.errors"),
    )


def test_only_video_touches_ffmpeg():
    assert not offenders(lambda module: not within(module, "tcnet.video"), lambda name: within(name, "av"))


def test_video_knows_no_tensors_and_no_network():
    foreign = (
        "torch",
        "tcnet.network",
        "tcnet.models",
        "tcnet.catalogue",
        "tcnet.inference",
        "tcnet.upscale",
        "tcnet.evaluation",
        "tcnet.training",
    )
    assert not offenders(
        lambda module: within(module, "tcnet.video"), lambda name: within(name, *foreign)
    )  # fmt: skip


def test_inference_knows_frames_but_no_files():
    foreign = (
        "tcnet.upscale",
        "tcnet.cluster",
        "tcnet.evaluation",
        "tcnet.profiling",
        "tcnet.training",
        "tcnet.cli",
    )
    assert not offenders(
        lambda module: within(module, "tcnet.inference"),
        lambda name: (
            within(name, *foreign)
            or (
                within(name, "tcnet.video")
                and not within(name, "tcnet.video.frame", "tcnet.video.repetition")
            )
        ),
    )


def test_reading_and_writing_know_nothing_of_each_other():
    assert not offenders(
        lambda module: within(module, "tcnet.video.read"), lambda name: within(name, "tcnet.video.write")
    )
    wings = ("tcnet.video.read", "tcnet.video.write")
    assert not offenders(
        lambda module: within(module, "tcnet.video.color"), lambda name: within(name, *wings)
    )


def test_the_command_line_does_no_computing():
    assert not offenders(
        lambda module: within(module, "tcnet.cli"), lambda name: within(name, "torch", "numpy")
    )


def test_only_the_cluster_knows_ray_and_upscale_does_not_know_the_cluster():
    assert not offenders(
        lambda module: not within(module, "tcnet.cluster"), lambda name: within(name, "ray")
    )  # fmt: skip
    assert not offenders(
        lambda module: within(module, "tcnet.inference", "tcnet.upscale", "tcnet.video"),
        lambda name: within(name, "tcnet.cluster"),
    )
    planning = (
        "tcnet.cluster.schedule",
        "tcnet.cluster.pool",
        "tcnet.cluster.worker",
        "tcnet.cluster.messages",
    )
    foreign = ("ray", "tcnet.cluster.ray_crew", "tcnet.cluster.connection")
    assert not offenders(lambda module: within(module, *planning), lambda name: within(name, *foreign))


def test_nobody_imports_the_command_line():
    assert not offenders(
        lambda module: not within(module, "tcnet.cli", "tcnet.command"),
        lambda name: within(name, "tcnet.cli"),
    )


def test_what_runs_exports_is_optional():
    """Named in few places, and not imported before it is used."""
    runtimes = ("onnx", "onnxscript", "onnxruntime", "openvino")
    assert not offenders(
        lambda module: not within(module, "tcnet.export", "tcnet.evaluation.methods.onnx_method"),
        lambda name: within(name, *runtimes),
    )
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_once = ast.Module(
            [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], []
        )
        names = {
            alias.name for node in ast.walk(at_once) if isinstance(node, ast.Import) for alias in node.names
        }
        assert not [name for name in names if within(name, *runtimes)], path


def test_exports_know_nothing_of_runs():
    assert not offenders(
        lambda module: within(module, "tcnet.export"),
        lambda name: within(
            name, "tcnet.inference", "tcnet.upscale", "tcnet.evaluation", "tcnet.training", "tcnet.web"
        ),
    )


def test_the_server_starts_the_command_and_computes_nothing():
    extra = ("fastapi", "starlette", "uvicorn", "sse_starlette", "anyio")
    assert not offenders(lambda module: not within(module, "tcnet.web"), lambda name: within(name, *extra))
    assert not offenders(
        lambda module: not within(module, "tcnet.web", "tcnet.cli.serve"),
        lambda name: within(name, "tcnet.web"),
    )
    assert not offenders(
        lambda module: within(module, "tcnet.web"), lambda name: within(name, "torch", "tcnet.network")
    )


def test_only_models_reads_weights():
    allowed = {
        "tcnet.models": {"safetensors"},
        "tcnet.training.checkpoint": {"safetensors"},  # the state of a run, not weights to ship
        "tcnet.evaluation.methods.basicvsr": {"pickle"},  # for the name of its error
    }
    for module, names in IMPORTS.items():
        used = {name.split(".")[0] for name in names} & DESERIALISERS
        assert used <= allowed.get(module, set()), module


def loads(path):
    """Calls of torch.load and of pickle.load and loads: (line, keyword arguments)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and (node.func.value.id, node.func.attr)
            in {("torch", "load"), ("pickle", "load"), ("pickle", "loads"), ("pickle", "Unpickler")}
        ):
            yield node.lineno, {word.arg: ast.unparse(word.value) for word in node.keywords}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_torch_load_reads_data_only(path):
    for line, words in loads(path):
        assert words.get("weights_only") == "True", f"{path.name}:{line}"
        assert within(
            name_of(path),
            "tcnet.evaluation.methods.basicvsr",
            "tcnet.published_weights",
            "tcnet.training",
        ), f"{path.name}:{line}"


MANY_FILES = {
    "benchmarks/results": "one file a measurement, named by what measured it",
    "docs/experiments": "a log: names begin with their date, README.md is the index",
}
"""Folders that may have more than 15 files, and why."""


def test_no_folder_is_crowded():
    root = Path(__file__).parents[1]
    places = [
        root / name for name in ("src", "tests", "benchmarks", "docs", "scripts", "configs", "examples")
    ]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    counts = Counter(
        path.parent.relative_to(root).as_posix()
        for path in files
        if not path.name.startswith("__") and "__pycache__" not in path.parts
    )
    assert counts["src/tcnet/video/read"] > 10
    crowded = {folder: count for folder, count in counts.items() if count > 15 and folder not in MANY_FILES}
    assert not crowded


def test_names_that_say_nothing_are_not_used():
    words = {"utils", "util", "common", "helpers", "misc"}
    assert not [path for path in FILES if path.stem in words or path.stem.startswith("base")]


PROBE = """
import json, logging, os, random, signal, warnings
import numpy, torch
import rich.progress  # draws from the random module

def state():
    return {
        "environment": dict(os.environ),
        "torch": torch.get_rng_state().sum().item(),
        "initial seed": torch.initial_seed(),
        "random": hash(random.getstate()),
        "numpy": int(numpy.random.get_state()[1].sum()),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "dtype": str(torch.get_default_dtype()),
        "gradients": torch.is_grad_enabled(),
        "handlers": len(logging.getLogger().handlers),
        "level": logging.getLogger().level,
        "filters": len(warnings.filters),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)],
        "files": sorted(os.listdir(".")),
    }

before = state()
import tcnet, tcnet.cli, tcnet.profiling, tcnet.profiling.doctor, tcnet.evaluation, tcnet.training, tcnet.video
print(json.dumps([before, state()]))
for _ in range(2):
    tcnet.Upscaler(tcnet.TCNet(tcnet.TCNetConfig(channels=8)).eval())
"""


def without_settings():
    """The environment without what says how threads wait."""
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "TCNET_PROCESS_SETTINGS")
    return {key: value for key, value in os.environ.items() if key not in names}


def test_importing_after_torch_has_no_side_effects_and_computing_then_warns_once(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env=without_settings(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    assert after == before
    warned = done.stderr.count("Import tcnet before torch")
    assert warned == (sys.platform == "linux"), done.stderr  # libgomp is torch's on Linux
    assert done.stderr.count("\n") == 2 * warned


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {"GOMP_SPINCOUNT"}),
        ({"GOMP_SPINCOUNT": "7"}, set()),
        ({"OMP_WAIT_POLICY": "active"}, set()),
        ({"TCNET_PROCESS_SETTINGS": "0"}, set()),
    ],
)
def test_before_torch_importing_sets_how_threads_wait_and_nothing_else(given, changed):
    code = (
        "import os; before = dict(os.environ); import tcnet; "
        "print(*(key for key in os.environ if os.environ[key] != before.get(key)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=without_settings() | given,
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(done.stdout.split()) == changed


def test_public_names_are_there_and_torch_is_loaded_only_for_them_which_is_early_enough():
    code = (
        "import sys, tcnet\n"
        "assert 'torch' not in sys.modules\n"
        "for name in tcnet.__all__:\n"
        "    assert getattr(tcnet, name), name\n"
        "assert 'torch' in sys.modules\n"
        "assert dir(tcnet) == sorted(tcnet.__all__)\n"
        "assert not hasattr(tcnet, 'nothing_of_this_name')\n"
        "tcnet.Upscaler(tcnet.TCNet(tcnet.TCNetConfig(channels=8)).eval())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=without_settings(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_programs_outside_the_package_import_of_it_is_there():
    root = Path(__file__).parent.parent
    programs = [
        path for folder in ("benchmarks", "scripts", "examples") for path in (root / folder).rglob("*.py")
    ]
    assert len(programs) > 10
    missing = []
    for program in programs:
        for name in imports(program):
            module, _, attribute = name.rpartition(".")
            if within(module, "tcnet") and not hasattr(importlib.import_module(module), attribute):
                missing.append(f"{program.name}: {name}")
    assert not missing


def test_the_command_keeps_waiting_threads_from_spinning_unless_told_otherwise():
    code = "import os, sys; sys.argv = ['tcnet', '--version']\nfrom tcnet.command import main\n" \
        "try:\n    main()\nexcept SystemExit:\n    print(os.environ.get('GOMP_SPINCOUNT'))"  # fmt: skip
    own = {
        key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    for given, wanted in (
        ({}, ("1000", "10000")),
        ({"GOMP_SPINCOUNT": "7"}, ("7",)),
        ({"OMP_WAIT_POLICY": "active"}, ("None",)),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code], env=own | given, check=True, capture_output=True, text=True
        )
        assert done.stdout.split()[-1] in wanted


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's allocator")
def test_the_command_keeps_freed_memory_unless_told_otherwise():
    code = (
        "import resource\n"
        "from tcnet.system.process import keep_freed_memory\n"
        "keep_freed_memory()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "data = b'x' * 2**26\n"
        "del data\n"
        "before = faults()\n"
        "data = b'x' * 2**26\n"
        "print(faults() - before)\n"
    )
    own = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_"))}

    def faults(given):
        done = subprocess.run(
            [sys.executable, "-c", code], env=own | given, check=True, capture_output=True, text=True
        )
        return int(done.stdout)

    kept = faults({})
    for given in ({"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.check=0"}):
        assert faults(given) > 10 * kept
