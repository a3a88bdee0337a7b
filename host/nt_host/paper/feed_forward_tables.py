"""Tables 1 to 5: feed-forward networks tuned by cross-entropy and Adam."""

from __future__ import annotations

from collections.abc import Sequence

from nt_host.paper.cells import Runs, Spread
from nt_host.paper.claims import COMPARABLE_CLAIM, LEVEL_IS, NOT_HERE, SOURCES, UNKNOWN, Pair, apart, holds_up
from nt_host.paper.counts import (
    PAPER_FEED_FORWARD,
    PAPER_FEWER,
    PAPER_FULL_MILLION,
    VGG19_CLASSIFIER,
    full_parameters,
    head_parameters,
    paper_feed_forward,
    paper_fewer,
)
from nt_host.paper.frozen import FrozenLayers, PaperTask, Setting
from nt_host.paper.recipe import NAMES, Tuning
from nt_host.study.result import Check, StudyResult, StudyTable

KIND = "feed-forward"
RATE = 1e-3
RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
BATCH_SIZES = (16, 32, 64, 128)
NT = "nt2"
HEAD_ALONE = "head alone"

PROTOCOL = (
    "Protocol: cross-entropy and Adam, {epochs} epochs, batches of {batch} unless said, a new head for the task's "
    "classes that always learns at the same rate, mean ± standard deviation of {runs} runs (samples, head and order "
    "drawn anew). "
    "Accuracy in per cent. *Head alone* is a control: all gains stay at 1."
)
NT_IS = "NT here is the variant with the rectifier's derivative (NT2) and multiplicative gains."
UNTUNED_RATE = f"Adam's rate is {RATE:g} for all, chosen beforehand."


def _names(method: str) -> str:
    return HEAD_ALONE if method == "none" else NAMES[method]


def _told(runs: Runs, setting: Setting, *more: str) -> tuple[str, ...]:
    sample = Tuning(NT, RATE)
    protocol = PROTOCOL.format(epochs=sample.epochs, batch=sample.batch_size, runs=len(runs.seeds))
    return (SOURCES, setting.told, f"{protocol} {LEVEL_IS}", *more)


def _pairs(runs: Runs, tasks: Sequence[PaperTask], claimed: Sequence[Tuning], against: Sequence[Tuning]) -> list[Pair]:
    """By task, the best of each of two lists of tunings."""

    def best(task: PaperTask, tunings: Sequence[Tuning]) -> Spread:
        return max((runs.spread(KIND, task, each) for each in tunings), key=lambda spread: spread.mean)

    return [Pair(f"{task.name}", best(task, claimed), best(task, against)) for task in tasks]


def _accuracy_rows(
    runs: Runs, tasks: Sequence[PaperTask], rows: Sequence[tuple[str, Sequence[tuple[str, Tuning]]]]
) -> tuple[tuple[str, ...], ...]:
    """One row for each task and way; `rows` holds (name of the way, its columns' tunings)."""
    return tuple(
        (f"{task.name} (for {task.stands_for})", name, *(runs.spread(KIND, task, each).text for _, each in columns))
        for task in tasks
        for name, columns in rows
    )


def tuned_parameters(frozen: FrozenLayers, n_classes: int, tuning: Tuning) -> int:
    """Parameters that `tuning` changes, head included."""
    head = head_parameters(frozen.sizes[-1], n_classes)
    if tuning.method == "tft":
        return full_parameters(frozen.sizes) + head
    if not tuning.moves_neurons:
        return head
    return sum(frozen.feed_forward_groups[1 if tuning.is_fewer else 0 :]) + head


def _count_checks(paper: dict[str, int], derived: dict[str, int], number: int) -> tuple[Check, ...]:
    return tuple(
        Check(
            f"tuned parameters of table {number}, {task}, from VGG-19's layer sizes",
            f"{paper[task]:,}",
            f"{derived[task]:,}",
            paper[task] == derived[task],
        )
        for task in paper
    )


def table1(setting: Setting, runs: Runs) -> StudyResult:
    """Additive against multiplicative modulation."""
    ways = [Tuning(method, RATE) for method in (NT, "additive", "none")]
    runs.fill(KIND, setting.tasks, ways)
    names = ("multiplicative gains", "additive offsets", HEAD_ALONE)
    rows = tuple(
        (f"{task.name} (for {task.stands_for})", *(runs.spread(KIND, task, way).text for way in ways), NOT_HERE)
        for task in setting.tasks
    )
    pairs = _pairs(runs, setting.tasks, ways[:1], ways[1:2])
    gained = _pairs(runs, setting.tasks, ways[:1], ways[2:])
    trend = (
        f"{apart('Multiplicative modulation', 'additive', pairs)} {UNKNOWN} Against the control: "
        f"{apart('multiplicative modulation', HEAD_ALONE, gained)}"
    )
    table = StudyTable("Accuracy by kind of modulation", ("task", *names, "paper"), rows)
    return StudyResult(
        "table1",
        "Table 1: additive against multiplicative",
        _told(runs, setting, NT_IS, UNTUNED_RATE),
        (),
        (table,),
        finding=trend,
    )


def _over_rates(method: str) -> list[tuple[str, Tuning]]:
    return [(f"{rate:g}", Tuning(method, rate)) for rate in RATES]


def _rate_table(runs: Runs, setting: Setting, methods: Sequence[str]) -> StudyTable:
    rows = _accuracy_rows(runs, setting.tasks, [(_names(method), _over_rates(method)) for method in methods])
    columns = ("task", "tuned", *(name for name, _ in _over_rates(NT)), "paper")
    return StudyTable("Accuracy by learning rate", columns, tuple((*row, NOT_HERE) for row in rows))


def table2(setting: Setting, runs: Runs) -> StudyResult:
    """NT1 against NT2 over learning rates."""
    methods = ("nt1", "nt2")
    tunings = {method: [each for _, each in _over_rates(method)] for method in methods}
    runs.fill(KIND, setting.tasks, tunings["nt1"] + tunings["nt2"])
    pairs = _pairs(runs, setting.tasks, tunings["nt1"], tunings["nt2"])
    by_rate = [
        Pair(f"{task.name} at {first.rate:g}", runs.spread(KIND, task, first), runs.spread(KIND, task, second))
        for task in setting.tasks
        for first, second in zip(tunings["nt1"], tunings["nt2"], strict=True)
    ]
    largest = max(by_rate, key=lambda pair: abs(pair.difference))
    trend = (
        f"{apart('NT1', 'NT2', pairs)} (Best rate of each, judged on the test samples.) The largest difference at one "
        f"rate is on {largest.words}. {UNKNOWN}"
    )
    return StudyResult(
        "table2",
        "Table 2: NT1 against NT2 over learning rates",
        _told(runs, setting),
        (),
        (_rate_table(runs, setting, methods),),
        finding=trend,
    )


def table3(setting: Setting, runs: Runs) -> StudyResult:
    """NT against full fine-tuning over five learning rates, with parameter counts."""
    methods = (NT, "tft", "none")
    tunings = {method: [each for _, each in _over_rates(method)] for method in methods}
    runs.fill(KIND, setting.tasks, [each for method in methods for each in tunings[method]])
    pairs = _pairs(runs, setting.tasks, tunings[NT], tunings["tft"])
    gained = _pairs(runs, setting.tasks, tunings[NT], tunings["none"])
    derived = {task: paper_feed_forward(task) for task in PAPER_FEED_FORWARD}
    counts = StudyTable(
        "Tuned parameters",
        ("task", "NT", "TFT", "paper's task", "paper NT", "paper TFT"),
        tuple(
            (
                task.name,
                f"{tuned_parameters(setting.frozen, task.n_classes, Tuning(NT, RATE)):,}",
                f"{tuned_parameters(setting.frozen, task.n_classes, Tuning('tft', RATE)):,}",
                task.stands_for,
                f"{PAPER_FEED_FORWARD[task.stands_for]:,}",
                f"{PAPER_FULL_MILLION} million",
            )
            for task in setting.tasks
        ),
    )
    full = full_parameters(VGG19_CLASSIFIER)
    checks = (
        *_count_checks(dict(PAPER_FEED_FORWARD), derived, 3),
        Check(
            "parameters of VGG-19's classifier, full fine-tuning",
            f"{PAPER_FULL_MILLION} million",
            f"{full:,}",
            round(full / 1e6, 1) == PAPER_FULL_MILLION,
        ),
    )
    trend = (
        f"{holds_up(COMPARABLE_CLAIM, pairs)} (Best rate of each, judged on the test samples.) Against the control: "
        f"{apart('NT', HEAD_ALONE, gained)}"
    )
    return StudyResult(
        "table3",
        "Table 3: NT against full fine-tuning over learning rates",
        _told(runs, setting, NT_IS),
        checks,
        (_rate_table(runs, setting, methods), counts),
        finding=trend,
    )


def table4(setting: Setting, runs: Runs) -> StudyResult:
    """NT against full fine-tuning over batch sizes."""
    methods = (NT, "tft")
    columns = {
        method: [(str(size), Tuning(method, RATE, batch_size=size)) for size in BATCH_SIZES] for method in methods
    }
    tunings = {method: [each for _, each in columns[method]] for method in methods}
    runs.fill(KIND, setting.tasks, tunings[NT] + tunings["tft"])
    rows = _accuracy_rows(runs, setting.tasks, [(_names(method), columns[method]) for method in methods])
    pairs = [
        Pair(f"{task.name} at {first.batch_size}", runs.spread(KIND, task, first), runs.spread(KIND, task, second))
        for task in setting.tasks
        for first, second in zip(tunings[NT], tunings["tft"], strict=True)
    ]

    def change(task: PaperTask, method: str) -> str:
        smallest, largest = (runs.spread(KIND, task, tunings[method][place]).mean for place in (0, -1))
        return f"{100 * (largest - smallest):+.1f}"

    changes = "; ".join(f"{task.name}: NT {change(task, NT)}, TFT {change(task, 'tft')}" for task in setting.tasks)
    trend = (
        f"{holds_up(COMPARABLE_CLAIM, pairs)} From the smallest batch to the largest (fewer steps in as many epochs), "
        f"in points: {changes}."
    )
    table = StudyTable(
        "Accuracy by batch size",
        ("task", "tuned", *(name for name, _ in columns[NT]), "paper"),
        tuple((*row, NOT_HERE) for row in rows),
    )
    return StudyResult(
        "table4",
        "Table 4: NT against full fine-tuning over batch sizes",
        _told(runs, setting, NT_IS, UNTUNED_RATE),
        (),
        (table,),
        finding=trend,
    )


def table5(setting: Setting, runs: Runs) -> StudyResult:
    """Fewer tuned parameters: the inputs of the first frozen layer keep their gains."""
    ways = [Tuning(NT, RATE), Tuning(NT, RATE, is_fewer=True), Tuning("none", RATE), Tuning("tft", RATE)]
    runs.fill(KIND, setting.tasks, ways)
    names = ("all gains", "fewer gains", HEAD_ALONE, "TFT")
    derived = {task: paper_fewer(task) for task in PAPER_FEWER}
    rows = tuple(
        (f"{task.name} (for {task.stands_for})", *(runs.spread(KIND, task, way).text for way in ways), NOT_HERE)
        for task in setting.tasks
    )
    counts = tuple(
        (
            task.name,
            *(f"{tuned_parameters(setting.frozen, task.n_classes, way):,}" for way in ways),
            task.stands_for,
            f"{PAPER_FEED_FORWARD[task.stands_for]:,}",
            f"{PAPER_FEWER[task.stands_for]:,}",
        )
        for task in setting.tasks
    )
    pairs = _pairs(runs, setting.tasks, ways[1:2], ways[:1])
    told = (
        "Fewer: the paper's counts leave out the 25088 neurons that feed VGG-19's classifier; here the 1280 features "
        "are left out, and the gains of the frozen layer's 1001 neurons remain. Those stand right before the head, "
        "which could do what they do: on these stand-ins the table says little more than that the head suffices."
        if setting.frozen.tunes_outputs
        else "Fewer: the neurons that feed the classifier keep a gain of 1."
    )
    return StudyResult(
        "table5",
        "Table 5: fewer tuned parameters",
        _told(runs, setting, NT_IS, UNTUNED_RATE, told),
        _count_checks(dict(PAPER_FEWER), derived, 5),
        (
            StudyTable("Accuracy", ("task", *names, "paper"), rows),
            StudyTable("Tuned parameters", ("task", *names, "paper's task", "paper, all", "paper, fewer"), counts),
        ),
        finding=f"{apart('Tuning fewer gains', 'tuning all', pairs)} {UNKNOWN}",
    )
