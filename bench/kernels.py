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
logic operations for eight columns and one unpacking for sixteen. Rows of a batch share reaches of inputs whose columns
stay near; a single row takes its columns from memory out of order, because in order, with gaps, they look like a stream
to the hardware, which then fetches the gaps too. *Look-up* (four inputs choose one of 16 sums) is for layers of which
about half of the inputs are active, or more (AVX2: a third). The share of the int8 peak exceeds 100 % because inputs
that are not active cost nothing. A row of which nearly every input is active is read as a stream, 32 columns (2 KB)
ahead: asked for 64 or more ahead, beside what the hardware fetches by itself, it took 0.7 to 1.0 of the speed of plain
reading, by how busy the memory was with the machine's other guests, and now takes 1.0 to 1.3. Errors go down by event
sums too, over the signed digits of the errors (non-adjacent form), on a transposed copy of the layers above the first;
to the first layer by gates, as said below.

A layer of at most 4352 inputs keeps its sums in 16 bits. In one time step from rest a neuron spikes from some sum on,
its *edge*, found by one division when gains are set; three operating points then cost three comparisons per sum, and
noise is drawn only for neurons whose sum lies between the edges of twice the noise. Several steps take the same sums
and keep the membranes of 64 neurons in registers. Of the first layer the learning step wants sums over the batch
alone: the errors above are summed over the samples whose gate is open, as bytes, and multiplied by the weights once,
not once per sample.

A turn of a case lasts 4 ms or more. With one call per turn, as before, a step of the small network took about twice
the time (341 us, and 155 us with several calls, under a load of 13), because its first call finds the caches full of
the other cases' data. That holds for the peers too, which a turn of 4 ms lets repeat as well.

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
the small network). Products of bytes for errors were 1.1 times as fast on the small network's step and half as fast on
the large one's; sums over open gates have taken their place.

Kernels of AVX2 keep their byte sums in registers by a hint to the compiler, which else adds columns up as a tree, runs
out of registers and keeps the sums in memory: 0.88 of the time of forward 64 of the large network (SSE2: no change;
AVX2 with one vector at a time: 1.02).

What the small network's time goes into, by samples of the program alone (`perf`, AVX-512, on this page's processor):
from 68 us to 47 us for forward 64, 214 us to 99 us for a step, 1100 us to 795 us for 16 steps. Edges in place of
products: 12 us of the first; lists of events by bytes (AVX-512 VBMI2) and one pass over the inputs: 9 us; gated sums:
75 us of a step. Of what is left, sums of events take two thirds: 70,600 columns of 64 bytes at 0.5 ns. Their loads
alone need a cycle each (0.27 ns), the adders 1.2; a loop of them takes 1.7 cycles, and neither trees of sixteen
columns (kept: 0.98 times the time), two rows in one loop, indices read four at a time, nor 25 KB in place of 50 KB of
weights changed that by more than 5 %. Fetching inputs 4 KB ahead changed nothing. By count, tables of five to eight
inputs over 1024 rows would need as many cycles as the events (about 300 to 350 multiply-adds each), byte products
five times as many: 16 steps are bound there.

A later round on 16 steps, before and after in turns in one process beside the torch loop, under a load of 10, medians
of 31 turns in each of four runs: 881 to 915 us before, 800 to 804 us after, 1.10 to 1.14 times the speed; against the
torch loop 20.6 to 21.8 x before and 22.9 to 24.2 x after. The load slows the loop (18.4 to 19.4 ms) more than it slows
us: beside the 15.5 ms of the table, by this count, it would be 19.7 to 20.4 x. Forward 64 came to 1.14 times its
speed, the large network, AVX2 and SSE2 to 1.00 to 1.04. What gave it: blocks of at most 16 neurons, as the last
layer's, summed in 16-bit lanes with nothing to widen, and membranes of one vector, 2 to 3 %; columns as loaded added
with one `xor` for both results, 3 %; a row's events taken from the count of its bits, 2 to 3 %; the rest of a row of
inputs by a masked load, 1 %; rows left in order where all weights stay in the cache, 1 % (3 % of forward 64).

Why a column takes 1.7 cycles, by loops of single instructions: a 512-bit operation of two operands takes 0.48 cycles;
`vpternlogq` takes 0.5 with operands that never change, but 0.8 to 1.0 with three that other instructions write, at
whatever distance. Two of those and a load are no less than what is seen, and without the index loads the loop is as
slow. Dropped, in times of a column: carries found from parities, which copy no register, 1.13; every adder by `xor`,
1.06 to 1.10; columns as memory operands, 1.02 to 1.03; two blocks by one list, 1.09; trees that load sixteen columns at
once, 1.04; vectors of half the width, 1.14 to 1.28 whatever the mix; the compiler's scheduling options, 0.97 to 1.18,
none better everywhere. Pairs of rows whose common events are added once, each row going on from there: 11 % fewer
columns and 0.90 of the time in a loop of their own, but three lists in place of two cost more than that: 0.97 of the
speed of 16 steps. Widening a row by byte products, clearing membranes by the mask of the next step's subtraction,
joining spikes without general registers, zeros behind a row's bits in the same loop: no change. Counters joined by one
multiplication of pairs of bytes, eight operations of 55 fewer a row: no change. Table rows in place of columns, counted
per four inputs, of which one is active on average: 0.95 bit planes, or 1.37 loads of bytes with as many additions, from
tables that do not fit the first-level cache.

`NT_KERNEL` (`avx512`, `avx2`, `sse2`, `neon`, `wide`, `portable`) forces a kernel; `HostOptions(threads=2)` lets layers
with 100 us of work for each thread take a second one. On a shared machine wall times depend on the neighbours.

Threads keep off the processor of who calls them, anew whenever the caller finds itself moved (`nt_host_place.c`). Left
to the scheduler, a thread that was woken stood behind its caller on the same processor, while the other idled or held
work of less weight, in 60 of 60 calls of one run and in none of another, and two threads then took as long as one
(0.89 x) or longer. Beside a busy program of equal weight on one of two processors, two threads are no gain in either
case (0.8 x and 0.9 x): a half that was done there has to be waited for.

In the table two threads, one, and two separate processes are measured in the same turns, three calls of each after one
that does not count; *after a pause* is the first call of two threads in a turn, which finds the second one asleep. The
rows before this round counted that call alone, beside two processes that were measured in turns of their own. What two
processes reach changes from minute to minute (1.1 to 2.0 x were seen: a virtual machine's two processors may be one
core of the host), and two threads with it.

An engine keeps its threads asleep between calls; one that is out of work watches for 200 us before it sleeps, as to
wake it takes its caller up to 40 us in a virtual machine, and it comes 40 to 85 us later. Each thread streams its own
run of blocks, and takes from the end of another's when it is done: blocks in turns cost 10 us each more, because what a
kernel fetches ahead at a block's end belongs to the next. Events, lists, errors, gates, gains and codes are shared out
by ranges of inputs or neurons, and a buffer serves one purpose, so that a thread mostly reads what it wrote and writes
where it wrote before; lists and their turns, which all read, are written past the caches; errors of the first layer are
summed per thread until all are done. What is left is what cores tell each other, and a virtual machine moves between
two states: to overwrite a line that the other core has read took 7 to 9 ns where a line's round trip took 55 to 65 ns,
28 ns where it took 310 ns (2 ns past the caches).

Two threads in both states, at real-time priority, with an idle loop of lower priority on each core that keeps other
work away; medians of 21 calls, cases in turns. At times a core took 1.3 times as long whatever ran here, so that the
ratio is to the mean speed of one thread on either core. *Two engines* have one thread each, work at once and share
nothing: what the machine gives. *In turn*: calls of other engines between, so that each begins with a thread asleep, as
*after a pause* in the table above; *repeated*: a call of the same engine before. Medians over the runs, and ranges.

| round trip | work | calls | runs | two engines | before | after |
|---|---|---|---|---|---|---|
| 315 ns | forward 64 | repeated | 7 | 1.96 | 1.85 (1.76 to 1.89) | 1.86 (1.81 to 1.93) |
| 315 ns | forward 64 | in turn | 6 | 1.99 | 1.83 (1.73 to 1.87) | 1.86 (1.81 to 1.89) |
| 315 ns | step 64 | repeated | 8 | 1.97 | 1.78 (1.70 to 1.81) | 1.88 (1.76 to 1.94) |
| 315 ns | step 64 | in turn | 8 | 1.98 | 1.77 (1.74 to 1.84) | 1.91 (1.80 to 1.93) |
| 60 ns | forward 64 | in turn | 2 | 2.01 | 1.88, 1.92 | 1.88, 1.92 |
| 60 ns | step 64 | repeated | 1 | 1.97 | 1.85 | 1.89 |

What changed, by the clocks of both threads in the slow state: one thread alone prepared and added up the errors of the
first layer, and set gains and edges of three points, 0.8 of 12 ms, now 0.1; digits of 1000 errors took 88 us in eight
strips of 128 inputs, now 46 in two; counting events per reach took 43 us on each of two threads, because turns were
written over lines that the other had read, against 31 us on one, and now takes 27; reading the events took 115 us on
either number of threads, and takes 75 to 95 since a strip asks for its next row. One thread is as fast as before. The
step was then beyond 1.8 in most runs, the forward pass near 1.86 (threads did not yet keep off their caller): of 4.9
ms, a thread that sleeps at first costs 60 to 90 us, the first layer's sums take 70 us more than half of one thread's,
its lists 30 us more (65 us on each of two threads, 60 on one), those of the other layers with their counts 70 us
against 32 on one thread. Tried and dropped: large pages for buffers of half a megabyte (no change); for reading (83 to
98 us in those runs) inputs fetched two rows ahead (74 to 93 us) or into the first-level cache (91 to 127), strips of
half the width (90 to 114) or of twice (72 to 105). Half of the batch for each thread, which shares nothing, had reached
1.66 to 1.80: a column then serves half as many rows.

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
