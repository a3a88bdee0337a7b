"""All checks of a port, by name."""

from __future__ import annotations

from collections.abc import Callable

from tests.port_conformance import boot_checks, link_checks, work_checks
from tests.port_conformance.bench import Bench

Check = Callable[[Bench], None]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        boot_checks.hello_tells_what_the_chip_is,
        boot_checks.reset_answers_then_boots_with_marker,
        boot_checks.every_reset_is_a_boot_of_the_same_chip,
        boot_checks.session_of_the_boot_before_is_refused,
        boot_checks.committed_codes_outlive_resets,
        boot_checks.many_commits_in_one_boot,
        link_checks.burst_at_full_window_loses_nothing,
        link_checks.many_small_frames_back_to_back,
        link_checks.frames_in_pieces,
        link_checks.longest_answers_arrive_whole,
        link_checks.garbage_harms_nothing,
        link_checks.long_idle_is_no_matter,
        work_checks.silent_host_loses_uncommitted_codes,
        work_checks.spikes_are_those_of_the_golden_model,
        work_checks.gates_are_those_of_the_planes,
        work_checks.device_learns_as_the_golden_model,
    )
}
