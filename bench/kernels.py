"""Writes the table of `nt-host bench --json` into docs/performance.md, between its markers.

Usage: nt-host bench --json > docs/results/bench.jsonl && python -m bench.kernels docs/results/bench.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.page import put
from nt_host.benchmark.row import Row

NOTES = """\
*Event sums* add the columns of the active inputs; with AVX-512 by full adders on the bits of 128 packed weights, 14
logic operations and one unpacking for eight columns. Rows of a batch share reaches of inputs whose columns stay near; a
single row takes its columns from memory out of order, because in order, with gaps, they look like a stream to the
hardware, which then fetches the gaps too. *Look-up* (four inputs choose one of 16 sums) is for layers of which about
half of the inputs are active, or more (AVX2: a third). The share of the int8 peak exceeds 100 % because inputs that are
not active cost nothing. Errors go down by event sums too, over the signed digits of the errors (non-adjacent form), on
a transposed copy of the layers above the first.
The targets were set on a Zen 5 whose int8 peak is 500 GMAC/s, with torch float32 at 35 % of 125 GMAC/s; on another
processor the two move differently, so the ratios do not carry over.

Loading reads the file into memory, checks it whole (CRC-32C, SHA-256, every nibble) and repacks from those bytes: the
`Image` keeps them, and makes the int8 form, twice as large, only for who asks for `Layer.weight` (rules that look at
weights, the golden model). The peak is that of a new process, private pages and those of files alike, less what the
empty program had. The first learning step adds the transposed copy and the buffers of its batch; the peak after it
stands beside the one of loading and has no target of its own. Made at load, the transposed copy alone brought the peak
to 2.22 x. A mapped file would be shared among processes, but could change after it was checked; it was not taken.

Tried and dropped: prefetching from the second-level into the first-level cache at batch 1 (1.1 times the speed at
25 %, 0.8 times with every input active); carry-save trees for a single row (1.4 times slower than plain sums in vectors
of half the width: a tree waits for eight columns); errors in two's complement (0.93 times the speed of signed digits on
the small network). Products of bytes for errors, as before, are 1.1 times as fast on the small network's step and half
as fast on the large one's.

`NT_KERNEL` (`avx512`, `avx2`, `sse2`, `neon`, `wide`, `portable`) forces a kernel; `HostOptions(threads=2)` lets layers
with 100 us of work for each thread take a second one. On a shared machine wall times depend on the neighbours.

An engine keeps its threads asleep between calls; one that is out of work watches for 50 us before it sleeps. Each
thread streams its own run of blocks, and takes from the end of another's when it is done: blocks in turns cost 10 us
each more, because what a kernel fetches ahead at a block's end belongs to the next. Events, lists, errors and codes
are shared out by ranges of inputs or neurons, so that a thread mostly reads what it wrote; lists, which all read, are
written past the caches. What is left is what cores tell each other, and a virtual machine moves between two states:
to overwrite a line that the other core has read took 7 ns where a line's round trip took 65 ns, 28 ns where it took
310 ns (2 ns past the caches). Measured at real-time priority beside other work, medians of 20: in the first state
1.89 and 1.90 times one thread on the forward pass, 1.79 and 1.88 on the step; in the second 1.83 to 1.85, and 1.73 to
1.79 in the runs that nothing disturbed (1.5 and 1.6 before lists went past the caches). The sums themselves went 1.93
to 2.0 times as fast in both; reading events, building lists and digits did not gain in the second. Half of the batch
for each thread instead, which shares nothing, would reach 1.66 to 1.80: a column then serves half as many rows. Two
separate processes at once, each on its own network, reached 1.9 to
2.1 (beyond 2 is noise).

![cost against synapses, neurons, batch, steps, activity and threads](img/scaling.png)"""
HEAD = "| network | figure | measured | target | | times |\n|---|---|---|---|---|---|"


def read_records(path: Path) -> list[dict[str, Any]]:
    """Records of an NDJSON file, in order."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def figure_line(record: dict[str, Any]) -> str:
    """One row of the Markdown table."""
    row = Row(
        record["figure"],
        record["value"],
        record["unit"],
        record["target"],
        record["lower_is_better"],
        record["detail"],
    )
    cells = (record["network"], row.figure, row.value_text, row.target_text, row.verdict, row.detail)
    return "| " + " | ".join(cells) + " |"


def section(records: list[dict[str, Any]]) -> str:
    """The generated section."""
    machine = next(record for record in records if record["kind"] == "machine")
    intro = (
        f"Printed by `nt-host bench --json` on {machine['processor']}, {machine['cpus']} cores, kernels "
        f"`{machine['kernel']}`, load {machine['load']:.1f} at the start. Medians of {machine['rounds']} turns, "
        "cases in turns in one process, samples rotating; times are CPU time of the one thread unless a line says wall "
        "time. large is 25088-4096-4096-1000 (123.6 million synapses, 61.8 MB at 4 bits), small 784-512-256-10; random "
        "weights, binary inputs of which 25 % are active, thresholds set so that as many neurons spike."
    )
    lines = [figure_line(record) for record in records if record["kind"] == "figure"]
    return "\n".join(("# The kernels of a host", "", intro, "", HEAD, *lines, "", NOTES))


def main(arguments: list[str]) -> None:
    records = [record for name in arguments for record in read_records(Path(name))]
    put("kernels", section(records))


if __name__ == "__main__":
    main(sys.argv[1:])
