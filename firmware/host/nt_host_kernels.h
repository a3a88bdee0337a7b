/* All kernels for one instruction set; included once by each nt_host_<name>.c, which sets NT_VECTOR_BYTES and NT_ISA_NAME. */
#include "nt_host_narrow.h"
#include "nt_host_errors.h"
#include "nt_host_events.h"
#include "nt_host_gated.h"
#include "nt_host_lists.h"
#include "nt_host_lookup.h"
#include "nt_host_peak.h"
#include "nt_host_timed.h"

#define NT_JOIN_TOKENS(a, b) a##b
#define NT_JOIN(a, b) NT_JOIN_TOKENS(a, b)
#define NT_TEXT_OF(a) #a
#define NT_TEXT(a) NT_TEXT_OF(a)

#if NT_VECTOR_BYTES == 64
#define LOOKUP_NS 7.0
#define EVENT_NS 0.5
#elif NT_VECTOR_BYTES == 32
#define LOOKUP_NS 10.0
#define EVENT_NS 1.0
#else
#define LOOKUP_NS 19.0
#define EVENT_NS 2.1
#endif

const struct nt_host_isa NT_JOIN(nt_host_isa_, NT_ISA_NAME) = {
    .name = NT_TEXT(NT_ISA_NAME),
    .lookup_ns = LOOKUP_NS,
    .event_ns = EVENT_NS,
    .bits_pack = bits_pack,
    .ones_count = ones_count,
    .lookup_add = lookup_add,
    .events_add = events_add,
    .lookup_narrow = lookup_narrow,
    .events_narrow = events_narrow,
    .edges_find = edges_find,
    .edges_run = edges_run,
    .edges_between = edges_between,
    .entries_list = entries_list,
    .noise_draw = noise_draw,
    .neurons_run = neurons_run,
    .errors_digits = errors_digits,
    .words_narrow = words_narrow,
    .sums_negate = sums_negate,
    .errors_gate = errors_gate,
    .differ_pack = differ_pack,
    .errors_bytes = errors_bytes,
    .gated_dots = gated_dots,
    .dot_peak = dot_peak,
    .memory_read = memory_read,
};
