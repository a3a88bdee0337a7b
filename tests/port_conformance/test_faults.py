"""Negative controls: the POSIX port with one promise broken at a time must fail the check that judges it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nt_model.errors import NtError
from nt_model.image import Image
from tests.firmware.conftest import FIRMWARE, tool_require
from tests.port_conformance.bench import Bench
from tests.port_conformance.checks import CHECKS
from tests.port_conformance.conftest import SILENCE_S, native_bench

HERE = Path(__file__).parent
FAULTS = (
    ("burst_drops_a_byte", "burst_at_full_window_loses_nothing"),
    ("burst_repeats_a_byte", "burst_at_full_window_loses_nothing"),
    ("burst_drops_a_byte", "many_small_frames_back_to_back"),
    ("single_bytes_are_lost", "frames_in_pieces"),
    ("break_jams_reception", "garbage_harms_nothing"),
    ("sleep_loses_the_first_bytes", "long_idle_is_no_matter"),
    ("bit_7_is_lost", "hello_tells_what_the_chip_is"),
    ("tx_is_truncated", "longest_answers_arrive_whole"),
    ("no_marker", "reset_answers_then_boots_with_marker"),
    ("reset_forgets_last_bytes", "reset_answers_then_boots_with_marker"),
    ("uid_changes", "every_reset_is_a_boot_of_the_same_chip"),
    ("reason_is_always_power_on", "every_reset_is_a_boot_of_the_same_chip"),
    ("reset_does_nothing", "every_reset_is_a_boot_of_the_same_chip"),
    ("nv_forgets", "committed_codes_outlive_resets"),
    ("program_says_yes", "committed_codes_outlive_resets"),
    ("areas_wrap", "many_commits_in_one_boot"),
    ("erase_says_yes", "committed_codes_outlive_resets"),
    ("erase_hits_both_areas", "committed_codes_outlive_resets"),
    ("clock_is_fast", "silent_host_loses_uncommitted_codes"),
    ("clock_is_slow", "silent_host_loses_uncommitted_codes"),
    ("clock_stands_still", "silent_host_loses_uncommitted_codes"),
    ("sleeps_until_a_byte", "silent_host_loses_uncommitted_codes"),
    ("image_is_another", "hello_tells_what_the_chip_is"),
)
"""Planted fault, as in faulty_port.c, and the check that must not pass."""

Start = Callable[[str], "contextmanager[Bench]"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native chip whose main program calls the faulty port."""
    tool_require("cc")
    out = tmp_path_factory.mktemp("faulty") / "nt-chip"
    port, common, core = FIRMWARE / "port" / "posix", FIRMWARE / "port" / "common", FIRMWARE / "core"
    flags = ["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-D_DEFAULT_SOURCE", "-D_XOPEN_SOURCE=700"]
    flags += ["-DNT_BOARD_NAME=posix", f"-DNT_SILENCE_US={round(SILENCE_S * 1e6)}u"]
    flags += [f"-I{folder}" for folder in (core, common, port)]
    main = out.with_name("main.o")
    renamed = [*flags, "-Dnt_port_init=nt_faulty_port_init", "-c", str(common / "nt_main_core.c"), "-o", str(main)]
    sources = [*port.glob("*.c"), common / "nt_nv_area.c", *core.glob("*.c"), HERE / "faulty_port.c", main]
    for arguments in (renamed, [*flags, *map(str, sources), "-o", str(out)]):
        result = subprocess.run(["cc", *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
    return out


@pytest.fixture
def faulty(program: Path, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Start]:
    """Starts the port with the fault of that name."""

    @contextmanager
    def start(fault: str) -> Iterator[Bench]:
        monkeypatch.setenv("NT_FAULT", fault)
        yield from native_bench(program, tmp_path, image)

    return start


SLOW = {"clock_is_slow", "bit_7_is_lost"}
"""Those that take longest and have a near relative among the others."""


@pytest.mark.parametrize(
    ("fault", "check"), [pytest.param(*pair, marks=[pytest.mark.slow] if pair[0] in SLOW else []) for pair in FAULTS]
)
def test_fault_is_caught(faulty: Start, fault: str, check: str) -> None:
    with pytest.raises((AssertionError, NtError, pytest.fail.Exception)) as caught, faulty(fault) as bench:
        CHECKS[check](bench)
    print(f"{fault}: {str(caught.value).splitlines()[0]}")


@pytest.mark.parametrize("check", sorted({check for _, check in FAULTS}))
def test_without_a_fault_the_same_program_passes(faulty: Start, check: str) -> None:
    with faulty("none") as bench:
        CHECKS[check](bench)
