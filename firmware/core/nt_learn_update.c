/* Rule `dmn`: from the summed errors to the new codes, and the codes that the dithered read-out uses. */
#include "nt_error.h"
#include "nt_learn.h"

#define MEAN_SHIFT 4
#define OWED_MAX_Q8 1024
#define SIZE_SATURATES (INT64_C(1) << 23)

/* |error| in Q24.8, within int32. */
static int64_t size_q8(int64_t error)
{
    if (error >= SIZE_SATURATES || error <= -SIZE_SATURATES)
        return INT32_MAX;
    return (error < 0 ? -error : error) * 256;
}

static uint32_t moved_mean_q8(uint32_t mean_q8, int64_t error)
{
    int64_t mean = mean_q8;
    int64_t size = size_q8(error);
    if (error == 0)
        return mean_q8;
    int64_t moved = mean == 0 ? size : mean + ((size - mean) >> MEAN_SHIFT);
    return (uint32_t)(moved < 1 ? 1 : moved);
}

/* ceil(log2(mean)), at least 0. */
static unsigned normalising_shift(uint32_t mean_q8)
{
    uint32_t ceiling = (uint32_t)(((uint64_t)mean_q8 + 255) >> 8);
    unsigned shift = 0;
    for (uint32_t left = ceiling > 1 ? ceiling - 1 : 0; left != 0; left >>= 1)
        shift++;
    return shift;
}

static int64_t clamped(int64_t value, int64_t low, int64_t high)
{
    int64_t raised = value < low ? low : value;
    return raised > high ? high : raised;
}

static void code_move(const struct nt_learn *learn, const struct nt_learn_state *state, uint32_t i)
{
    const struct nt_learn_settings *settings = &learn->settings;
    int64_t error = learn->total ? learn->total[i] : learn->wide_total[i];
    uint32_t mean = moved_mean_q8(state->mean_q8[i], error);
    int64_t step = (int64_t)((uint64_t)error * settings->rate_q8) >> normalising_shift(mean);
    int64_t owed = state->accumulator_q8[i] + step;
    int64_t move = clamped(owed / 256, -settings->max_move_code, settings->max_move_code);
    state->mean_q8[i] = mean;
    state->codes[i] = (uint8_t)clamped(state->codes[i] + move, settings->code_min, settings->code_max);
    state->accumulator_q8[i] = (int16_t)clamped(owed - move * 256, -OWED_MAX_Q8, OWED_MAX_Q8);
}

void nt_learn_finish(const struct nt_learn *learn, const struct nt_learn_state *state)
{
    for (uint32_t i = 0; i < learn->image->n_codes; i++)
        code_move(learn, state, i);
}

static uint8_t shifted(uint8_t code, int shift)
{
    return (uint8_t)nt_i32_clamp(code + shift, 0, 255);
}

/* Four codes at a time: a carry into the top bit of a byte that was set there is an overflow. Down is up of ~code. */
static void codes_shift(const uint8_t *codes, uint32_t count, int shift, uint8_t *out)
{
    uint32_t flip = shift < 0 ? UINT32_MAX : 0;
    uint32_t each = (uint32_t)(shift < 0 ? -shift : shift) * 0x01010101u; /* at most 127 per byte */
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        uint32_t code; /* bytes keep their places, so their order does not matter */
        __builtin_memcpy(&code, codes + i, sizeof code);
        code ^= flip;
        uint32_t sum = (code & 0x7F7F7F7Fu) + each;
        uint32_t over = code & sum & 0x80808080u;
        sum = ((sum ^ (code & 0x80808080u)) | ((over << 1) - (over >> 7))) ^ flip;
        __builtin_memcpy(out + i, &sum, sizeof sum);
    }
    for (; i < count; i++)
        out[i] = shifted(codes[i], shift);
}

void nt_learn_dither(const struct nt_image *image, const struct nt_learn_settings *settings, const uint8_t *codes,
                     int sign, uint8_t *out)
{
    struct nt_layer outputs;
    int shift = sign * settings->output_dither_code;
    nt_image_layer_get(image, image->n_layers - 1u, &outputs);
    codes_shift(codes, image->n_codes, sign * settings->hidden_dither_code, out);
    for (uint32_t i = 0; i < outputs.n_neurons; i++) {
        uint32_t exc = nt_layer_domain_exc(&outputs, i);
        uint32_t inh = nt_layer_domain_inh(&outputs, i);
        out[exc] = shifted(codes[exc], shift);
        if (inh != exc)
            out[inh] = shifted(codes[inh], shift);
    }
}
