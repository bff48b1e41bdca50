"""Limits of control groups of both versions, in trees made up for it."""

import pytest

from tcnet.system.cgroup import memory_left_by_limits

MIB = 2**20
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"


class Tree:
    """A root folder with /proc and /sys."""

    def __init__(self, root):
        self.root = root

    def process(self, cgroup, mountinfo):
        folder = self.root / "proc/self"
        folder.mkdir(parents=True)
        (folder / "cgroup").write_text(cgroup)
        (folder / "mountinfo").write_text(mountinfo)

    def v2(self, path, limit="max", used=0, cache=0, high="max"):
        values = {"memory.max": limit, "memory.high": high, "memory.current": used}
        self._write("sys/fs/cgroup" + path, values, f"anon 5\ninactive_file {cache * MIB}\n")

    def v1(self, path, limit=9223372036854771712 // MIB, used=0, cache=0, above=None):
        statistics = f"inactive_file 1\ntotal_inactive_file {cache * MIB}\n"
        if above is not None:
            statistics += f"hierarchical_memory_limit {above * MIB}\n"
        values = {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used}
        self._write("sys/fs/cgroup/memory" + path, values, statistics)

    def _write(self, path, values, statistics):
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            (folder / name).write_text(f"{value if value == 'max' else value * MIB}\n")
        (folder / "memory.stat").write_text(statistics)

    @property
    def left(self):
        left = memory_left_by_limits(self.root)
        return None if left is None else left / MIB


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_no_limit(tree):
    assert tree.left is None
    tree.process("0::/user.slice\n", V2)
    tree.v2("/user.slice", used=100)
    assert tree.left is None


@pytest.mark.parametrize(
    ("session", "user", "expected"),
    [(4000, "max", 3500), ("max", 3000, 2200), (4000, 3000, 2200), (1000, 3000, 500), (400, "max", 0)],
)
def test_the_limits_of_all_ancestors_count(tree, session, user, expected):
    tree.process("0::/user.slice/user-1.slice/session-2.scope\n", V2)
    tree.v2("/user.slice/user-1.slice/session-2.scope", session, used=700, cache=200)
    tree.v2("/user.slice/user-1.slice", user, used=1000, cache=200)
    tree.v2("/user.slice", used=5000)
    assert tree.left == expected


def test_what_is_slowed_down_counts_as_a_limit(tree):
    tree.process("0::/a\n", V2)
    tree.v2("/a", 4000, used=1000, high=2000)
    assert tree.left == 1000


def test_version_1(tree):
    tree.process("4:cpu,cpuacct:/other\n5:memory:/batch/job\n0::/\n", V1)
    tree.v1("/batch/job", used=100)
    tree.v1("/other", 1, used=1)
    assert tree.left is None
    tree.v1("/batch", 2000, used=900, cache=300)
    assert tree.left == 1400
    tree.v1("/batch/job", 800, used=100)
    assert tree.left == 700


def test_version_1_of_ancestors_that_cannot_be_seen(tree):
    """In a container the mount begins at the container's own group."""
    mount = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory\n"
    tree.process("5:memory:/docker/abc\n", mount)
    tree.v1("", used=100, above=1500)
    assert tree.left == 1400
    tree.v1("/inner", 500, used=10)  # not ours
    assert tree.left == 1400


def test_a_group_outside_of_what_is_mounted(tree):
    mount = "30 23 0:26 /../../pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    tree.process("0::/\n", mount)
    tree.v2("", 1000, used=400)
    assert tree.left == 600


def test_both_versions_at_once(tree):
    unified = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    tree.process("5:memory:/job\n0::/init.scope\n", unified + V1)
    tree.v1("/job", 900, used=100)
    (tree.root / "sys/fs/cgroup/unified/init.scope").mkdir(parents=True)
    assert tree.left == 800


def test_places_with_spaces(tree):
    tree.process("0::/a\n", V2.replace("/sys/fs/cgroup", r"/sys/fs/c\040group"))
    tree.v2("/a", 1000)
    (tree.root / "sys/fs/cgroup").rename(tree.root / "sys/fs/c group")
    assert tree.left == 1000


def test_nonsense_is_no_limit(tree):
    tree.process("::\nx\n", "nonsense\n30 23 - \n" + V2)
    tree.v2("", 1000)
    (tree.root / "sys/fs/cgroup/memory.current").write_text("many")
    assert tree.left is None
