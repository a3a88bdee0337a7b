"""The non-volatile store under power failures: every cut of a scenario, and planted faults that the cuts must find.

A failure prints ids such as `w4-k57-noise`; `nv_cuts replay real w4-k57-noise` runs that trial again (how to build
it is in `build` below).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CORE = Path(__file__).parents[3] / "firmware" / "core"
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
API_CASES = (
    "empty",
    "arguments",
    "sections",
    "binding",
    "binding_carried",
    "space",
    "wear",
    "failing_memory",
    "rot",
)

SINGLE = ("nv_cuts.c", "single", "real", "8")
PAIRS = ("nv_cuts.c", "pairs", "real", "8", "1", "23")
ROT = ("nv_api.c", "rot")

# One planted fault each: what it is, a text of the store's sources, its replacement, and the run that finds it.
FAULTS = (
    ("the commit mark is not looked at", "if (!mark_found(hal, area, marks, nt_nv_commit_mark))", "if (0)", SINGLE),
    ("the seal is not looked at", "? NT_NV_SEALED : NT_NV_COMMITTED;", "? NT_NV_SEALED : NT_NV_SEALED;", SINGLE),
    ("the body is not checked", "!body_good(hal, record, header))", "(body_good(hal, record, header), 0))", ROT),
    ("nothing is decided at mount", "if (!set_choose(nv))", "if (set_choose(nv) < 2)", SINGLE),
    (
        "an old set is not made firm",
        "return log->doubt.state != NT_NV_NONE;",
        "return log->doubt.state == NT_NV_COMMITTED;",
        SINGLE,
    ),
    (
        "a new set is not made firm",
        "return log->doubt.state != NT_NV_NONE;",
        "return log->doubt.state == NT_NV_BODY;",
        SINGLE,
    ),
    ("the only good area is erased", "0 : from.area ^ 1u;", "0 : from.area;", SINGLE),
    ("an unsealed head is believed", "other->wanted.state == NT_NV_NONE ? log->head", "1 ? log->head", PAIRS),
    ("the older area is taken", "logs[1].head.sequence > logs[0]", "logs[1].head.sequence < logs[0]", SINGLE),
    (
        "the commit mark comes before the trailer",
        "    bytes_write(writer, trailer, NT_NV_TRAILER_BYTES);\n",
        "    mark_write(writer, nt_nv_commit_mark);\n    bytes_write(writer, trailer, NT_NV_TRAILER_BYTES);\n",
        SINGLE,
    ),
    (
        "an area is not erased before use",
        "if (nv->hal->nv_erase(nv->hal->context, (int)record.area) < 0)",
        "if (0)",
        SINGLE,
    ),
    ("the set in force is not carried", "    nt_nv_record_carry(&writer, &from);\n", "", SINGLE),
    (
        "a tail is used again after a boot",
        "    nv->current = log->doubt.state == NT_NV_COMMITTED ? log->doubt : log->last;\n",
        "    nv->current = log->doubt.state == NT_NV_COMMITTED ? log->doubt : log->last;\n"
        "    nv->open = log->doubt.state == NT_NV_NONE;\n"
        "    nv->tail = log->last.offset + log->last.payload_bytes + NT_NV_OVERHEAD_BYTES;\n",
        SINGLE,
    ),
)


def build(program: str, folder: Path, *options: str, store: Path = CORE) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler; try `apt-get install -y --no-install-recommends gcc`")
    names = (program, "flash_sim.c", "stores.c") if program == "nv_cuts.c" else (program, "flash_sim.c")
    sources = [*(str(HERE / name) for name in names), *map(str, store.glob("nt_nv*.c")), str(CORE / "nt_crc32c.c")]
    out = folder / program.removesuffix(".c")
    command = [compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{CORE}", f"-I{HERE}", *options]
    result = subprocess.run([*command, *sources, "-o", str(out)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return out


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)


def count(output: str, name: str) -> int:
    found = re.search(rf"\b{name}=(\d+)", output)
    assert found, output
    return int(found[1])


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("nv_cuts.c", tmp_path_factory.mktemp("nv"))


@pytest.fixture(scope="module")
def cuts_sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("nv_cuts.c", tmp_path_factory.mktemp("nv_sanitized"), *SANITIZE)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("nv_api.c", tmp_path_factory.mktemp("nv_api"), *SANITIZE)


@pytest.mark.parametrize("case", API_CASES)
def test_answers_without_a_power_failure(api: Path, case: str) -> None:
    result = run(api, case)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("word", "least_points"), [(8, 400), (4, 800), (1, 3200)])
def test_every_single_cut_leaves_the_old_or_the_new_set(cuts: Path, word: int, least_points: int) -> None:
    result = run(cuts, "single", "real", str(word))
    assert result.returncode == 0, result.stdout + result.stderr
    assert count(result.stdout, "points") >= least_points
    assert count(result.stdout, "trials") == 8 * count(result.stdout, "points")


@pytest.mark.parametrize(("word", "strides"), [(8, ("13", "5")), (4, ("29", "11")), (1, ("401", "61"))])
def test_sampled_pairs_of_cuts(cuts: Path, word: int, strides: tuple[str, str]) -> None:
    result = run(cuts, "pairs", "real", str(word), *strides)
    assert result.returncode == 0, result.stdout + result.stderr
    assert count(result.stdout, "trials") > 2000


def test_no_undefined_behaviour_under_cuts(cuts_sanitized: Path) -> None:
    for arguments in (("single", "real", "8"), ("pairs", "real", "8", "37", "11")):
        result = run(cuts_sanitized, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("store", ["early", "single"])
@pytest.mark.parametrize("word", [8, 4])
def test_naive_writers_are_caught(cuts: Path, store: str, word: int) -> None:
    result = run(cuts, "single", store, str(word))
    assert result.returncode == 1
    assert count(result.stdout, "failures") >= 5
    found = re.search(r"FAIL (\S+):", result.stdout)
    assert found, result.stdout
    again = run(cuts, "replay", store, found[1])
    assert again.returncode == 1
    assert f"FAIL {found[1]}:" in again.stdout, "the id does not replay"


@pytest.mark.parametrize(
    ("text", "replacement", "campaign"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_planted_faults_are_caught(tmp_path: Path, text: str, replacement: str, campaign: tuple[str, ...]) -> None:
    sources = {path.name: path.read_text() for path in CORE.glob("nt_nv*.c")}
    assert sum(source.count(text) for source in sources.values()) == 1, "the place of the fault is gone: say it anew"
    for name, source in sources.items():
        (tmp_path / name).write_text(source.replace(text, replacement))
    program = build(campaign[0], tmp_path, "-Wno-error", store=tmp_path)
    result = run(program, *campaign[1:])
    assert result.returncode == 1, result.stdout + result.stderr
    assert "FAIL" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("word", "strides"), [(8, ("1", "1")), (4, ("1", "1")), (1, ("7", "11"))])
def test_every_pair_of_cuts(cuts: Path, word: int, strides: tuple[str, str]) -> None:
    """Words of one byte give 64 times the pairs of words of eight, so there they are sampled."""
    result = run(cuts, "pairs", "real", str(word), *strides)
    assert result.returncode == 0, result.stdout + result.stderr
