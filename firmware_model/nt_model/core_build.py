"""Recipe of the extension nt_model._core: firmware/core and firmware/host, bound by cffi in API mode.

API mode compiles the calls and releases the GIL around each of them.
"""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parents[2]
CORE = Path("firmware", "core")
HOST = Path("firmware", "host")
UNITS = (
    "nt_array",
    "nt_batch",
    "nt_cobs",
    "nt_crc32c",
    "nt_events",
    "nt_frame",
    "nt_image",
    "nt_image_check",
    "nt_kernel",
    "nt_kernel_wide",
    "nt_learn",
    "nt_learn_update",
    "nt_neuron",
    "nt_random",
    "nt_sha256",
)
"""What the extension is made of; firmware/core also holds what only a board needs."""
HOST_UNITS = (
    "nt_host_avx2",
    "nt_host_avx512",
    "nt_host_batches",
    "nt_host_codes",
    "nt_host_dispatch",
    "nt_host_edges",
    "nt_host_first",
    "nt_host_frame",
    "nt_host_frames",
    "nt_host_gates",
    "nt_host_input",
    "nt_host_learn",
    "nt_host_loop",
    "nt_host_model",
    "nt_host_neon",
    "nt_host_pack",
    "nt_host_parallel",
    "nt_host_place",
    "nt_host_point",
    "nt_host_prepare",
    "nt_host_readout",
    "nt_host_requests",
    "nt_host_run",
    "nt_host_sse2",
    "nt_host_step",
)
"""Kernels of hosts: the same source per instruction set; a unit for another processor is empty."""

DECLARATIONS = """
struct nt_image { uint32_t n_inputs; uint32_t n_neurons; uint32_t n_codes; uint32_t widest; uint16_t n_classes;
                  uint8_t n_layers; uint8_t n_steps; ...; };
int nt_image_parse(struct nt_image *image, const uint8_t *data, size_t length);
int nt_image_digest_check(const struct nt_image *image);

struct nt_kernel { ...; };
const struct nt_kernel *portable_kernel(void);
const struct nt_kernel *wide_kernel(void);

struct nt_layer_operating { const uint16_t *gain_q12; const int32_t *threshold_q8; const uint32_t *leak_q16;
                            const uint16_t *noise_q8; const int8_t *fault; uint64_t noise_seed; };
struct nt_operating { const struct nt_layer_operating *layers; const uint8_t *codes; };

struct nt_array_shape { uint32_t block_neurons; uint32_t steps; uint32_t points; };
struct nt_array { struct nt_array_shape shape; ...; };
struct nt_response { uint8_t *counts[3]; int32_t *compared_q8; int32_t *membrane_q8; };
size_t nt_array_scratch_size(const struct nt_image *image, const struct nt_array_shape *shape);
int nt_array_begin(struct nt_array *array, const struct nt_image *image, const struct nt_kernel *kernel,
                   const struct nt_array_shape *shape, void *scratch, size_t scratch_bytes);
int nt_batch_run(struct nt_array *array, const struct nt_operating *const *operating, uint32_t points,
                 const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                 const struct nt_response *response);

struct nt_learn_settings { uint8_t hidden_dither_code; uint8_t output_dither_code; uint16_t rate_q8;
                           uint8_t max_move_code; uint8_t code_min; uint8_t code_max; };
struct nt_learn_state { uint8_t *codes; int16_t *accumulator_q8; uint32_t *mean_q8; };
struct nt_learn { ...; };
size_t nt_learn_scratch_size(const struct nt_image *image);
int nt_learn_begin(struct nt_learn *learn, const struct nt_image *image, const struct nt_kernel *kernel,
                   const struct nt_learn_settings *settings, void *scratch, size_t scratch_bytes);
void nt_batch_learn(struct nt_learn *learn, const struct nt_learn_state *state, const uint8_t *plus,
                    const uint8_t *minus, const int64_t *labels, uint32_t samples);
void nt_learn_dither(const struct nt_image *image, const struct nt_learn_settings *settings, const uint8_t *codes,
                     int sign, uint8_t *out);

struct nt_host_isa { const char *name; uint64_t (*dot_peak)(uint64_t loops);
                     uint32_t (*memory_read)(const uint8_t *data, size_t bytes); ...; };
const struct nt_host_isa *nt_host_isa_available(unsigned index);
struct nt_host_source { uint32_t n_inputs; uint32_t n_neurons; const uint8_t *weight; const int16_t *bias;
                        const uint16_t *domain; uint8_t refractory; };
struct nt_host;
struct nt_host_point;
struct nt_host_options { uint32_t threads; uint32_t path; uint32_t thread_us; };
struct nt_host *nt_host_new(const struct nt_host_isa *isa, const struct nt_host_source *layers, uint32_t n_layers,
                            const uint16_t *readout, uint32_t n_codes);
void nt_host_free(struct nt_host *host);
size_t nt_host_weight_bytes(const struct nt_host *host);
size_t nt_host_bytes(const struct nt_host *host);
struct nt_host_point *nt_host_point_new(const struct nt_host *host);
void nt_host_point_free(struct nt_host_point *point);
void nt_host_point_set(struct nt_host_point *point, uint32_t layer, const struct nt_layer_operating *operating,
                       uint32_t neurons);
void nt_host_points_table_set(const struct nt_host *host, struct nt_host_point *const *points, uint32_t n_points,
                              const uint16_t *const *tables, const uint8_t *codes);
int nt_host_run(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_point *const *points,
                uint32_t n_points, const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                const struct nt_response *response);
int nt_host_learn(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  const struct nt_learn_state *state, const uint8_t *plus, const uint8_t *minus, const int64_t *labels,
                  uint32_t samples);

int nt_host_step_nominal(struct nt_host *host, const struct nt_host_options *options,
                         const struct nt_learn_settings *settings, const uint16_t *gain_q12,
                         struct nt_host_point *const *points, const struct nt_learn_state *state,
                         const uint8_t *events, const int64_t *labels, uint32_t samples, uint32_t steps);
int nt_host_steps(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  uint32_t n_steps, struct nt_host_point *const *points, const uint16_t *const *tables,
                  const struct nt_learn_state *state, const uint8_t *events, const int64_t *labels, uint32_t samples,
                  uint32_t steps, uint64_t first_step);

struct nt_host_loop {
    struct nt_host *host; const struct nt_host_options *options;
    struct nt_host_point *const *points; const uint16_t *const *tables; const struct nt_host_point *plain;
    const uint8_t *events; const uint8_t *ready; uint32_t n_slots; uint32_t held; uint32_t steps; uint32_t n_classes;
    uint32_t max_payload; uint32_t room; uint16_t expected; uint8_t session;
    uint8_t is_learning; struct nt_learn_settings settings; struct nt_learn_state state; uint32_t learning_step;
    uint32_t revision; uint32_t fresh; uint64_t first_step;
    uint32_t answers; uint32_t ends[256]; const uint8_t *records; uint32_t record_bytes; ...; };
void nt_host_loop_place(struct nt_host_loop *loop, uint8_t session, uint16_t expected, uint32_t room, uint32_t revision,
                        uint32_t learning_step, uint32_t fresh, uint64_t first_step);
size_t nt_host_loop_serve(struct nt_host_loop *loop, const uint8_t *data, size_t length, uint8_t *out, size_t capacity);

struct nt_frame { uint8_t session; uint8_t type; uint16_t seq; uint16_t length; const uint8_t *payload; };
struct nt_frame_decoder { ...; };
int nt_frame_encode(const struct nt_frame *frame, uint8_t *out, size_t capacity);
void nt_frame_decoder_begin(struct nt_frame_decoder *decoder, uint8_t *buffer, size_t capacity);
int nt_frame_decoder_push(struct nt_frame_decoder *decoder, uint8_t byte, struct nt_frame *frame);

size_t nt_host_frame_encode(uint8_t session, uint8_t type, uint16_t seq, const uint8_t *payload, uint16_t size,
                            uint8_t *out);

struct nt_host_frame_seen { uint8_t session; uint8_t type; uint16_t seq; uint32_t begin; uint32_t end; };
struct nt_host_frames_cut { uint32_t taken; uint32_t frames; uint32_t bad; };
size_t nt_host_frames_encode(uint8_t session, uint16_t seq, const uint8_t *requests, uint32_t count, uint8_t *out);
void nt_host_frames_decode(const uint8_t *data, size_t length, size_t longest, size_t max_payload, uint8_t *out,
                           struct nt_host_frame_seen *seen, struct nt_host_frames_cut *cut);

size_t nt_host_codes_write(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint32_t revision,
                           size_t max_payload, uint8_t *out);
size_t nt_host_present_write(const uint8_t *head, const int64_t *slots, uint32_t count, uint32_t held,
                             uint8_t *out);
size_t nt_host_step_write(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint32_t revision,
                          size_t max_payload, const uint8_t *head, const int64_t *slots, uint32_t count, uint32_t held,
                          uint8_t *out);
size_t nt_host_learn_write(uint32_t expected_step, uint16_t rate_q8, const int64_t *slots, const int64_t *labels,
                           uint32_t count, uint32_t held, uint8_t *out);

int nt_host_codes_unpack(uint8_t *codes, uint32_t n_codes, uint32_t form, uint32_t start, const uint8_t *data,
                         size_t length);

size_t nt_host_gates_bytes(const struct nt_host *host);
void nt_host_gates_unpack(const uint8_t *gates, uint32_t samples, uint32_t neurons, uint32_t outputs, uint8_t *planes);
int nt_host_gates_learn(struct nt_host *host, const struct nt_host_options *options,
                        const struct nt_learn_settings *settings, const struct nt_learn_state *state,
                        const uint8_t *gates, const int64_t *labels, uint32_t samples);
int nt_host_gates(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  struct nt_host_point *const *points, const uint16_t *const *tables, const uint8_t *codes,
                  const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step, uint8_t *gates);

void nt_host_batches_draw(const uint64_t *seeds, uint32_t n_batches, uint32_t size, const int64_t *by_class,
                          const int64_t *first, const int64_t *counts, uint32_t n_classes, uint32_t *order,
                          int64_t *rows);

uint32_t nt_crc32c_extend(uint32_t running, const uint8_t *data, size_t length);
uint32_t nt_crc32c_end(uint32_t running);
"""

PREAMBLE = """
#include "nt_batch.h"
#include "nt_crc32c.h"
#include "nt_frame.h"
#include "nt_host.h"
#include "nt_host_batches.h"
#include "nt_host_codes.h"
#include "nt_host_frame.h"
#include "nt_host_frames.h"
#include "nt_host_gates.h"
#include "nt_host_loop.h"
#include "nt_host_requests.h"

static const struct nt_kernel *portable_kernel(void)
{
    return &nt_kernel_portable;
}

static const struct nt_kernel *wide_kernel(void)
{
    return &nt_kernel_wide;
}
"""


def make_ffi(base: Path = Path(), flags: tuple[str, ...] = ("-O3", "-std=c11")) -> FFI:
    """The builder; setuptools wants paths relative to the folder of setup.py, others give the repository as `base`."""
    builder = FFI()
    builder.cdef(DECLARATIONS)
    builder.set_source(
        "nt_model._core",
        PREAMBLE,
        sources=[
            *(str(base / CORE / f"{unit}.c") for unit in UNITS),
            *(str(base / HOST / f"{unit}.c") for unit in HOST_UNITS),
        ],
        depends=[
            str(base / folder / path.name) for folder in (CORE, HOST) for path in sorted((ROOT / folder).glob("*.h"))
        ],
        include_dirs=[str(base / CORE), str(base / HOST)],
        extra_compile_args=[*flags, "-pthread", "-Wno-psabi"],
        extra_link_args=["-pthread", *(flag for flag in flags if flag.startswith("-fsanitize"))],
    )
    return builder


ffibuilder = make_ffi()
