"""Bytes on the wire against what the line carries."""

from __future__ import annotations

import numpy as np
import pytest

from nt_hil.chip import Dither, Readout, Traffic
from nt_hil.links.throttled import ThrottledLink
from nt_hil.rto import RetransmissionTimer
from nt_hil.session import SessionOptions
from nt_hil.sim.device import LinkLimits
from nt_hil.traffic import difference, wire_time
from tests.hil.rig import client_of, loaded_image, random_events, sim_device


def test_wire_time_is_ten_bits_a_byte_both_ways_at_once() -> None:
    time = wire_time(Traffic(921_60, 2 * 921_60, 1, 1, 0, 0))
    assert (time.sent_s, time.received_s, time.seconds) == (1.0, 2.0, 2.0)
    assert time.utilisation(4.0) == 0.5
    assert time.utilisation(0.0) == 0.0


@pytest.mark.parametrize("limits", [LinkLimits(512, 8), LinkLimits(4096, 4)])
def test_a_window_of_frames_fills_the_line(limits: LinkLimits) -> None:
    device = sim_device(loaded_image((64, 500, 100, 10)), limits=limits)
    link = ThrottledLink(device, 921_600, turnaround_s=0.001)
    chip = client_of(device, link, SessionOptions(baud=921_600))
    chip.load_samples(random_events(200, 64))
    before, started = chip.traffic, link.now()
    chip.present_loaded(np.arange(200), Readout(True, Dither(48, 24)))
    elapsed = link.now() - started
    spent = difference(chip.traffic, before)
    assert spent.retransmissions == 0
    assert wire_time(spent).utilisation(elapsed) > 0.95


def test_one_frame_at_a_time_would_not_fill_it() -> None:
    device = sim_device(loaded_image((64, 500, 100, 10)), limits=LinkLimits(512, 1))
    link = ThrottledLink(device, 921_600, turnaround_s=0.001)
    chip = client_of(device, link, SessionOptions(baud=921_600))
    chip.load_samples(random_events(200, 64))
    before, started = chip.traffic, link.now()
    chip.present_loaded(np.arange(200), Readout(True, Dither(48, 24)))
    assert wire_time(difference(chip.traffic, before)).utilisation(link.now() - started) < 0.9


def test_slow_lines_cause_no_needless_retransmission() -> None:
    device = sim_device(loaded_image((64, 500, 10)), limits=LinkLimits(4096, 8))
    chip = client_of(device, ThrottledLink(device, 9600), SessionOptions(deadline_s=30.0, baud=9600))
    chip.present(random_events(100, 64), Readout(True))
    assert chip.traffic.retransmissions == 0


def test_the_time_out_follows_the_line() -> None:
    timer = RetransmissionTimer(minimum_s=0.01)
    for _ in range(50):
        timer.measured(0.2)
    assert 0.2 <= timer.timeout_s < 0.25
    timer.expired()
    timer.expired()
    assert timer.timeout_s > 0.8
    timer.measured(0.2)
    assert timer.timeout_s < 0.25
    timer.allow_for_line(1.0)
    assert timer.timeout_s > 2.0


def test_code_bytes_are_counted_in_the_shortest_form() -> None:
    chip = client_of(sim_device(loaded_image((12, 500, 4))))
    codes = chip.read_codes()[0]
    codes[[3, 100]] += 1
    chip.write_codes(codes)
    assert chip.traffic.code_bytes_written == 10 + 2 * 3
