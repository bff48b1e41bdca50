"""Write those tables of README.md and docs/ that come from benchmarks/results/*.json.

    python scripts/make_results.py

Each lies between the lines <!-- table: NAME FILE... --> and <!-- end -->; NAME is one of TABLES, FILE... the
measurements it shows. A test holds the pages to this script.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

import held_out_tables

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "docs" / "results.md", ROOT / "docs" / "cluster.md", ROOT / "README.md")
MEASUREMENTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- table: ([\w-]+) ([^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)

BASELINES = {
    "BasicVSR, the baseline": "baseline, contiguous",
    "BasicVSR, channels_last": "baseline, channels_last",
}
CONDITIONS = ("BI", "BI+crf18", "BI+crf23", "BI+crf28", "BI+crf33")
COMPRESSED = CONDITIONS[2:]
VARIANTS = {
    "full": "full",
    "forward": "forward instead of bidirectional",
    "recurrence-only": "recurrence only, no sliding window",
    "sliding-window-only": "sliding window only, no recurrence",
    "single-stage-fusion": "single-stage fusion",
    "without-alignment": "without temporal self-alignment",
    "without-matching": "without correlative matching",
    "without-stability": "without both (no stability module)",
}
PLAN_MAY_BE_OFF = 0.35
FILM_FRAMES = 24 * 3600  # an hour
FILM_SIZE = "320x180"
PIXELS = 320 * 180
FILM_SIZES = ((320, 180), (480, 270), (854, 480))  # to 720, 1080 and 1920 lines
SEGMENT_WITH_CONTEXT = 56 / 48  # frames computed for each one kept
STREAMING = ("tcnet-lite", "tcnet-video-lite")  # which cannot be shared out
BUSY_WAYS = {
    "command": "`tcnet upscale`",
    "library": "`tcnet.upscale_video`",
    "late": "the same, torch imported before tcnet",
}

Measurement = Any


def main() -> None:
    for page in PAGES:
        page.write_text(made(page.read_text(encoding="utf-8")), encoding="utf-8")


def made(page: str) -> str:
    """A page with each of its tables made anew."""

    def block(found: re.Match[str]) -> str:
        start, name, files, end = found.groups()
        return start + "\n" + "\n".join(TABLES[name]([read(file) for file in files.split()])) + "\n\n" + end

    return BLOCK.sub(block, page)


def read(file: str) -> Measurement:
    return json.loads((MEASUREMENTS / file).read_text(encoding="utf-8"))


def speed(measurements: Sequence[Measurement]) -> list[str]:
    """A row for each network that was timed, run by run."""
    rows = []
    for run in _runs(measurements):
        peak = run["convolution_limit"]
        for network in run["timings"]:
            rows.append(
                (
                    BASELINES.get(network["name"], network["name"]),
                    _whole(network["milliseconds_per_frame"]),
                    f"{network['ratio']:.2f}",
                    f"{network['gflop_per_frame']:.0f}",
                    f"{100 * network['limit_fraction']:.0f} % of {peak / 1e12:.2f}",
                    _whole(network["peak_memory"] / 2**20),
                )
            )
    header = ("network", "ms a frame", "ratio", "GFLOP", "of peak, TFLOP/s", "peak memory, MiB")
    return _table(header, rows)


def stages(measurements: Sequence[Measurement]) -> list[str]:
    """A column group for each TCNet that was timed by stages."""
    networks = [network for run in _runs(measurements) for network in run["timings"] if network.get("stages")]
    header = ["stage"]
    for network in networks:
        name = network["name"].split(" ")[0]
        header += [f"{name}, ms", "MACs / output pixel", "of peak"]
    rows = []
    for index, stage in enumerate(networks[0]["stages"]):
        row = ["other" if stage["name"] == "between" else stage["name"]]
        for network in networks:
            own = network["stages"][index]
            peak = own["limit_fraction"]
            row += [
                f"{own['milliseconds_per_frame']:.1f}",
                _whole(own["multiply_adds"]),
                "" if peak is None else f"{100 * peak:.0f} %",
            ]
        rows.append(row)
    return _table(header, rows)


def ablation(measurements: Sequence[Measurement]) -> list[str]:
    """Means of the seeds, each seed in brackets, and the difference from the full network."""
    document = measurements[0]
    full = document["variants"]["full"]["sets"]["held-out"]
    bicubic = document["bicubic"]["held-out"]
    truth = document["ground_truth"]["held-out"]
    warp = bicubic["warp"]
    rows = [["bicubic", "", f"{bicubic['psnr']:.3f}", "", f"{warp:.3f}", f"{warp - truth:+.3f}"]]
    for name, title in VARIANTS.items():
        variant = document["variants"][name]
        row = [title, f"{variant['parameters_without_motion'] / 1000:.0f} k"]
        for metric in ("psnr", "warp"):
            seeds = [seed[metric] for seed in variant["sets"]["held-out"].values()]
            base = truth if metric == "warp" else fmean(seed[metric] for seed in full.values())
            row.append(f"{fmean(seeds):.3f} ({', '.join(f'{seed:.3f}' for seed in seeds)})")
            row.append("" if name == "full" and metric == "psnr" else f"{fmean(seeds) - base:+.3f}")
        rows.append(row)
    header = (
        "variant",
        "parameters without motion",
        "PSNR-Y",
        "vs full",
        "warping error",
        "from the truth's",
    )
    return _table(header, rows)


def compressed_input(measurements: Sequence[Measurement]) -> list[str]:
    """PSNR-Y by compression, and the smallest gain over bicubic of all clips and compressions."""
    document = measurements[0]
    base = document["bicubic"]
    rows = []
    for model, values in document.items():
        means = {
            condition: fmean(value for name, value in values.items() if name.endswith(f" {condition}"))
            for condition in CONDITIONS
        }
        cells = [*means.values(), fmean(means[condition] for condition in COMPRESSED)]
        least = "" if model == "bicubic" else f"{min(values[name] - base[name] for name in base):+.2f}"
        rows.append([model, *(f"{value:.2f}" for value in cells), least])
    header = ("model", "BI", "crf 18", "crf 23", "crf 28", "crf 33", "mean of 23, 28, 33", "least gain")
    return _table(header, rows)


def looks(measurements: Sequence[Measurement]) -> list[str]:
    """A row for each method, those of all files, and the ground truth's own figures."""
    columns = {"psnr": 2, "features": 3, "niqe": 2, "detail": 2, "change": 2, "static-change": 2}
    rows = []
    for document in measurements:
        for name, method in document["methods"].items():
            rows.append(
                [name, *(f"{method['mean'][column]:.{digits}f}" for column, digits in columns.items())]
            )
    niqe = measurements[0]["ground_truth"]["niqe"]
    rows.append(["ground truth", "", "0", f"{niqe:.2f}", "1", "1", "1"])
    header = ("method", "PSNR-Y", "feature distance", "NIQE", "detail", "change", "static change")
    return _table(header, rows)


def cluster(measurements: Sequence[Measurement]) -> list[str]:
    keys = ("workers", "segments", "seconds", "fps", "efficiency", "driver_ms_per_segment")
    header = ("workers", "segments", "seconds", "frames/s", "efficiency", "driver, CPU ms a segment")
    return _table(header, [[str(row[key]) for key in keys] for row in measurements[0]["rows"]])


def cluster_costs(measurements: Sequence[Measurement]) -> list[str]:
    """An hour of film by each model that a cluster can share out, from whole files on one machine."""
    cases, simulation = measurements
    workers, efficiency = max((row["workers"], row["efficiency"]) for row in simulation["rows"])
    rows = []
    for case in cases:
        if case["size"].partition(":")[0] != FILM_SIZE or case["model"] in STREAMING:
            continue
        seconds = case["measured"] / case["frames"]
        hours = seconds * SEGMENT_WITH_CONTEXT * FILM_FRAMES / 3600
        sizes = [f"{hours * case['threads'] * width * height / PIXELS:.0f}" for width, height in FILM_SIZES]
        many = hours * 60 / workers / efficiency
        rows.append([case["model"], case["precision"], f"{seconds:.2f}", *sizes, f"{many:.0f} min"])
    header = (
        *("model", "precision", "s a frame of 320x180"),
        *(f"core hours at {width}x{height}" for width, height in FILM_SIZES),
        f"320x180 on {workers} such machines",
    )
    return _table(header, sorted(rows, key=lambda row: float(row[2])))


def damaged_inputs(measurements: Sequence[Measurement]) -> list[str]:
    document = measurements[0]
    row = (
        document["inputs"],
        document["outcomes"]["played"],
        document["outcomes"]["refused"],
        len(document["by_format"]),
        document["slowest_seconds"],
        document["largest_resident_set_mib"],
    )
    header = ("inputs", "played", "refused in one line", "formats", "slowest, s", "largest resident set, MiB")
    return _table(header, [[f"{value:,}".replace(",", " ") for value in row]])


def odd_inputs(measurements: Sequence[Measurement]) -> list[str]:
    document = measurements[0]
    rows = []
    for kind, outcomes in (*document["by_kind"].items(), ("all", document["outcomes"])):
        bad = sum(count for outcome, count in outcomes.items() if outcome not in ("played", "refused"))
        counts = (sum(outcomes.values()), outcomes.get("played", 0), outcomes.get("refused", 0), bad)
        rows.append([kind, *map(str, counts)])
    header = ("kind", "inputs", "played", "refused in one line", "traceback, hang, silent loss or wrong")
    return _table(header, rows)


def kill_runs(measurements: Sequence[Measurement]) -> list[str]:
    document = measurements[0]
    places = ", ".join(f"{place} {count}" for place, count in document["kills by place"].items())
    header = ("runs", "kills", "outputs that differ", "kills by place")
    counts = (document["runs"], document["kills"], len(document["different"]))
    return _table(header, [[*map(str, counts), places]])


def long_video(measurements: Sequence[Measurement]) -> list[str]:
    document = measurements[0]
    peaks = {name: f"{peak:.1f}" for name, peak in document["peak_mib"].items()}
    header = ("seconds", "frames a second", *(f"peak, MiB: {name}" for name in peaks), "growth")
    row = (
        f"{document['seconds']:.0f}",
        f"{document['frames_per_second']:.0f}",
        *peaks.values(),
        f"**+{document['growth_percent']} %**",
    )
    return _table(header, [row])


def plan_accuracy(measurements: Sequence[Measurement]) -> list[str]:
    """A row for each model and file, and how many plans are near enough."""
    [cases] = measurements
    rows = []
    for case in sorted(cases, key=lambda case: (case["machine"], case["model"], case["measured"])):
        size, _, frames = case["size"].partition(":")
        rows.append(
            (
                case["model"],
                f"{size}, {frames} frames",
                case["precision"],
                f"{case['planned']:.1f}",
                f"{case['measured']:.1f}",
                f"{case['planned'] / case['measured']:.2f}",
            )
        )
    near = sum(abs(case["planned"] / case["measured"] - 1) <= PLAN_MAY_BE_OFF for case in cases)
    header = ("model", "file", "precision", "planned, s", "measured, s", "planned / measured")
    return [*_table(header, rows), "", f"Within {100 * PLAN_MAY_BE_OFF:.0f} %: {near} of {len(cases)}."]


def busy_machine(measurements: Sequence[Measurement]) -> list[str]:
    """A row for each way to upscale the sample clip."""
    [measurement] = measurements
    command = median(measurement["seconds"]["command"])
    rows = [
        (
            BUSY_WAYS[way],
            f"{median(seconds):.1f}",
            f"{median(seconds) / command:.2f}",
            ", ".join(f"{each:.1f}" for each in seconds),
        )
        for way, seconds in measurement["seconds"].items()
    ]
    return _table(("way", "median, s", "of the command", "rounds, s"), rows)


def telecine(measurements: Sequence[Measurement]) -> list[str]:
    """Film frames that come back, of each kind of telecined video, beside FFmpeg's filters."""
    rows = []
    for each in measurements[0]["telecined"]:
        row = [each["kind"], each["codec"], str(each["film frames"]), each["found"]]
        for reader in ("tcnet", "fieldmatch"):
            found = each[reader]
            video = "" if found["video"] is None else f", video {100 * found['video']:.1f} %"
            row += [
                f"{100 * found['share']:.1f} %, {found['twice']} twice{video}",
                f"{found['ms off']:.1f} ms",
            ]
        rows.append(row)
    header = (
        *("telecined", "codec", "film frames", "found as", "tcnet: back", "off by at most"),
        *("fieldmatch: back", "off by at most"),
    )
    return _table(header, rows)


def double_rate(measurements: Sequence[Measurement]) -> list[str]:
    """Fields that come back as frames."""
    rows = [
        [
            each["order"], each["codec"], str(each["fields"]), each["found"], f"{100 * each['share']:.1f} %",
            f"{each['ms off']:.1f} ms",
        ]
        for each in measurements[0]["doubled"]
    ]  # fmt: skip
    return _table(("fields", "codec", "fields in all", "found as", "back", "off by at most"), rows)


def fake_hd(measurements: Sequence[Measurement]) -> list[str]:
    """Of what was blown up the share that is found, by how it was compressed afterwards; and false alarms."""
    [document] = measurements
    rows = []
    for form, codings in document["summary"].items():
        row = [form]
        for after in ("", "18", "23", "28"):
            found = [counts for coding, counts in codings.items() if _coded_after(coding) == after]
            total = {key: sum(counts[key] for counts in found) for key in ("all", "right", "less", "more")}
            row.append(_of_blown_up(total) if total["all"] and form[0] in "xD" else _of_honest(total))
        rows.append(row)
    header = ("video", "not compressed after", "crf 18 after", "crf 23 after", "crf 28 after")
    return _table(header, rows)


def _coded_after(coding: str) -> str:
    """The CRF of the last compression; empty where it was before the enlargement, or never."""
    if coding.endswith("before and after"):
        return coding.split()[1]
    return coding.split()[-2] if coding.endswith(" after") else ""


def _of_blown_up(total: Measurement) -> str:
    less = f", {total['less']} as less" if total["less"] else ""
    more = f", {total['more']} as more" if total["more"] else ""
    return f"{total['right']} of {total['all']}{less}{more}"


def _of_honest(total: Measurement) -> str:
    return f"{total['more']} false of {total['all']}" if total["all"] else ""


TABLES: dict[str, Callable[[Sequence[Measurement]], list[str]]] = {
    "speed": speed,
    "stages": stages,
    "ablation": ablation,
    "compressed-input": compressed_input,
    "looks": looks,
    "held-out-bi": lambda measurements: _table(*held_out_tables.by_clip(measurements[0], "BI")),
    "held-out-bd": lambda measurements: _table(*held_out_tables.by_clip(measurements[0], "BD")),
    "held-out-means": lambda measurements: _table(*held_out_tables.means(measurements[0])),
    "parts": lambda measurements: _table(*held_out_tables.parts(measurements[0])),
    "cluster": cluster,
    "cluster-costs": cluster_costs,
    "damaged-inputs": damaged_inputs,
    "odd-inputs": odd_inputs,
    "kill-runs": kill_runs,
    "long-video": long_video,
    "plan-accuracy": plan_accuracy,
    "busy-machine": busy_machine,
    "telecine": telecine,
    "double-rate": double_rate,
    "fake-hd": fake_hd,
}


def _runs(measurements: Iterable[Measurement]) -> Iterable[Measurement]:
    """A file of `tcnet bench --json` holds one run, or several under "runs"."""
    for measurement in measurements:
        yield from measurement.get("runs", [measurement])


def _whole(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [
        f"| {' | '.join(cells)} |".replace("| --- ", "|---").replace("|--- |", "|---|") for cells in lines
    ]


if __name__ == "__main__":
    main()
