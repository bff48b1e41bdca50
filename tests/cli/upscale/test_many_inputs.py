import pytest

from tcnet.cli.upscale import batch


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def table(lines):
    """{file: (frames, outcome)} of the summary."""
    rows = [line.split("│") for line in lines if line.startswith("│")]
    return {row[1].strip(): (row[2].strip(), row[5].strip()) for row in rows}


@pytest.fixture
def folder(media, tmp_path):
    """videos/ with two good files, a broken one and one below."""
    below = tmp_path / "videos" / "below"
    below.mkdir(parents=True)
    media.clip(tmp_path / "videos" / "b.mkv", frames=3)
    media.clip(tmp_path / "videos" / "a.mkv", frames=2)
    (tmp_path / "videos" / "bad.mp4").write_bytes(b"bad" * 99)
    media.clip(below / "a.mkv", frames=4)
    return tmp_path / "videos"


def test_a_folder_of_videos_with_one_that_fails(tcnet, folder, tiny):
    done = tcnet("upscale", "videos", "--model", tiny)
    assert done.code == 1
    assert done.out == ["videos/a.x4.mkv", "videos/b.x4.mkv"]
    assert [line for line in done.err if line.startswith("[")] == [
        "[1/3] videos/a.mkv → videos/a.x4.mkv",
        "[2/3] videos/b.mkv → videos/b.x4.mkv",
        "[3/3] videos/bad.mp4 → videos/bad.x4.mp4",
    ]
    assert sum(line.startswith("error: videos/bad.mp4: cannot be read") for line in done.err) == 1
    assert table(done.err) == {
        "videos/a.mkv": ("2", "done"),
        "videos/b.mkv": ("3", "done"),
        "videos/bad.mp4": ("", "failed"),
    }


def test_the_same_command_does_what_is_left(tcnet, folder, media, tiny):
    (folder / "bad.mp4").unlink()
    assert tcnet("upscale", "videos", "--model", tiny).code == 0
    media.clip(folder / "c.mkv", frames=2)
    before = (folder / "a.x4.mkv").read_bytes()
    done = tcnet("upscale", "videos", "--model", tiny)
    assert (done.code, done.out) == (0, ["videos/c.x4.mkv"])
    assert done.err[0] == "note: left out as outputs of earlier runs: a.x4.mkv, b.x4.mkv"
    assert {name: row[1] for name, row in table(done.err).items()} == {
        "videos/a.mkv": "kept",
        "videos/b.mkv": "kept",
        "videos/c.mkv": "done",
    }
    assert (folder / "a.x4.mkv").read_bytes() == before
    done = tcnet("upscale", "videos", "--model", tiny, "--overwrite")
    assert {row[1] for row in table(done.err).values()} == {"done"}


def test_recursive_with_a_template_makes_folders_only_for_what_succeeds(tcnet, folder, tiny, tmp_path):
    (folder / "b.mkv").unlink()
    template = "out/{below}/{stem}-big{suffix}"
    before = files(tmp_path)
    done = tcnet(
        "upscale", "videos", "--recursive", "--output-template", template, "--dry-run", "--model", tiny
    )
    assert done.code == 1
    assert files(tmp_path) == before
    assert not (tmp_path / "out").exists()
    done = tcnet("upscale", "videos", "--recursive", "--output-template", template, "--model", tiny)
    assert done.out == ["out/a-big.mkv", "out/below/a-big.mkv"]
    done = tcnet("upscale", "videos/bad.mp4", "--output-template", "nothing/in/{stem}.mkv", "--model", tiny)
    assert done.code == 1
    assert not (tmp_path / "nothing").exists()


def test_what_is_wrong_with_the_names_is_found_before_anything_is_done(tcnet, folder, tiny, tmp_path):
    before = files(tmp_path)
    done = tcnet(
        "upscale", "videos", "--recursive", "--output-template", "{parent}/../x.mkv", "--model", tiny
    )
    assert done.code == 2
    assert len(done.err) == 1
    assert "would both become" in done.err[0]
    assert files(tmp_path) == before


def test_an_output_given_as_a_second_input(tcnet, folder, tiny, tmp_path):
    before = files(tmp_path)
    done = tcnet("upscale", "videos/a.mkv", "my out.mkv", "--model", tiny)
    assert (done.code, done.out) == (2, [])
    assert done.err == [
        "error: my out.mkv: no such file; to name the output of videos/a.mkv, write -o 'my out.mkv'"
    ]
    assert files(tmp_path) == before
    done = tcnet(
        "upscale", "videos/a.mkv", "gone.mkv", "--output-template", "{stem}-big{suffix}", "--model", tiny
    )
    assert (done.code, done.out) == (1, ["videos/a-big.mkv"])  # where -o has no place it is an input like any


def test_the_worst_exit_code_wins(tcnet, folder, tiny):
    done = tcnet("upscale", "videos", "--height", "96", "--model", tiny)
    assert done.code == 1
    done = tcnet("upscale", "videos/a.mkv", "videos/bad.mp4", "--crf", "99", "--model", tiny)
    assert done.code == 2


def test_the_model_is_loaded_once(tcnet, folder, tiny, monkeypatch):
    loads = []
    load = batch.load_network

    def counted(model, *how, **where):
        loads.append(model)
        return load(model, *how, **where)

    monkeypatch.setattr(batch, "load_network", counted)
    assert tcnet("upscale", "videos", "--model", tiny).code == 1
    assert loads == [str(tiny)]


def test_a_pattern_that_no_shell_expanded(tcnet, folder, tiny):
    done = tcnet("upscale", "videos/?.mkv", "--model", tiny)
    assert done.out == ["videos/a.x4.mkv", "videos/b.x4.mkv"]


def test_part_of_a_video(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=20)
    done = tcnet("upscale", "a.mkv", "--start", "0:00:00.2", "--end", "0.4", "--model", tiny)
    assert done.code == 0, done.err
    assert len(media.read(tmp_path / "a.x4.mkv").times) == 5
