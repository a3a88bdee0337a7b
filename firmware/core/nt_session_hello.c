/* The version comes first in every HELLO there will ever be; what follows may differ. */
#include "nt_session_hello.h"

#include "nt_bytes.h"
#include "nt_cold.h"

#define DIGEST_BYTES 32u
#define UID_BYTES 8u
#define CAPABILITIES                                                                                          \
    (NT_CAP_HIDDEN_SPIKES | NT_CAP_DITHER | NT_CAP_MEMBRANE | NT_CAP_DEVICE_LOOP | NT_CAP_NON_VOLATILE |      \
     NT_CAP_STIMULATE | NT_CAP_CORRECTIONS)
#define SESSION_NUMBERS 255u

static enum nt_command_result version_check(const uint8_t *payload, uint32_t length, struct nt_reply *reply)
{
    if (length < 2)
        return nt_command_payload_refuse(reply, length);
    if (payload[NT_HELLO_REQ_PROTOCOL_MAJOR_AT] != NT_PROTOCOL_MAJOR)
        return nt_command_refuse(reply, NT_ERR_VERSION_MISMATCH, 0, NT_PROTOCOL_MAJOR * 256 + NT_PROTOCOL_MINOR, 0);
    if (length != NT_HELLO_REQ_SIZE)
        return nt_command_payload_refuse(reply, length);
    if (payload[NT_HELLO_REQ_PROTOCOL_MINOR_AT] == NT_PROTOCOL_MINOR &&
        nt_u32_load(payload + NT_HELLO_REQ_SCHEMA_HASH_AT) != NT_SCHEMA_HASH)
        return nt_command_refuse(reply, NT_ERR_SCHEMA_MISMATCH, 0, NT_SCHEMA_HASH, 0);
    return NT_COMMAND_DONE;
}

static enum nt_command_result hello_check(const struct nt_session *session, struct nt_reply *reply)
{
    const uint8_t *payload = session->request.payload;
    enum nt_command_result result = version_check(payload, session->request.length, reply);
    if (result == NT_COMMAND_REFUSED)
        return result;
    uint32_t max_payload = nt_u16_load(payload + NT_HELLO_REQ_MAX_PAYLOAD_AT);
    if (max_payload < NT_BASE_MAX_PAYLOAD)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 4, max_payload, NT_BASE_MAX_PAYLOAD);
    if (payload[NT_HELLO_REQ_WINDOW_AT] == 0)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 5, 0, 1);
    if (session->fault < 0)
        return nt_command_refuse(reply, NT_ERR_NO_IMAGE, 0, (uint32_t)session->fault, 0);
    return NT_COMMAND_DONE;
}

/* Numbers go on across boots, so that a frame of an earlier session is not taken for one of this. */
static uint8_t number_next(const struct nt_session *session)
{
    uint32_t before = (session->chip->boot_count - 1) * NT_SESSION_BOOT_STRIDE;
    return (uint8_t)((before + session->opened) % SESSION_NUMBERS + 1);
}

static void session_open(struct nt_session *session)
{
    const uint8_t *payload = session->request.payload;
    uint8_t window = payload[NT_HELLO_REQ_WINDOW_AT];
    nt_session_close(session);
    session->number = number_next(session);
    session->opened++;
    session->nonce = nt_u32_load(payload + NT_HELLO_REQ_NONCE_AT);
    session->hello_seq = session->request.seq;
    session->hello_generation = session->chip->generation;
    session->expected = (uint16_t)(session->request.seq + 1u);
    session->gap_told = 0;
    session->window = window < session->window_max ? window : session->window_max;
}

static void bytes_copy(uint8_t *to, const uint8_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = from[i];
}

static void link_store(const struct nt_session *session, uint8_t *out)
{
    out[NT_HELLO_RSP_PROTOCOL_MAJOR_AT] = NT_PROTOCOL_MAJOR;
    out[NT_HELLO_RSP_PROTOCOL_MINOR_AT] = NT_PROTOCOL_MINOR;
    nt_u32_store(out + NT_HELLO_RSP_SCHEMA_HASH_AT, NT_SCHEMA_HASH);
    nt_u32_store(out + NT_HELLO_RSP_NONCE_AT, session->nonce);
    nt_u16_store(out + NT_HELLO_RSP_MAX_PAYLOAD_AT, session->room);
    out[NT_HELLO_RSP_WINDOW_AT] = session->window;
    out[NT_HELLO_RSP_FIRMWARE_MAJOR_AT] = NT_FIRMWARE_MAJOR;
    out[NT_HELLO_RSP_FIRMWARE_MINOR_AT] = NT_FIRMWARE_MINOR;
    out[NT_HELLO_RSP_FIRMWARE_PATCH_AT] = NT_FIRMWARE_PATCH;
    bytes_copy(out + NT_HELLO_RSP_UID_AT, session->uid, UID_BYTES);
}

static void chip_store(const struct nt_session *session, uint8_t *out)
{
    const struct nt_chip *chip = session->chip;
    bytes_copy(out + NT_HELLO_RSP_IMAGE_DIGEST_AT, nt_image_digest(&chip->image), DIGEST_BYTES);
    nt_u32_store(out + NT_HELLO_RSP_N_CODES_AT, chip->image.n_codes);
    nt_u16_store(out + NT_HELLO_RSP_N_CLASSES_AT, chip->image.n_classes);
    out[NT_HELLO_RSP_N_STEPS_AT] = chip->image.n_steps;
    out[NT_HELLO_RSP_CODE_MIN_AT] = chip->codes.code_min;
    out[NT_HELLO_RSP_CODE_MAX_AT] = chip->codes.code_max;
    out[NT_HELLO_RSP_MAX_MOVE_CODE_AT] = chip->codes.max_move_code;
    nt_u16_store(out + NT_HELLO_RSP_INPUT_SLOTS_AT, (uint16_t)chip->slots.count);
    nt_u16_store(out + NT_HELLO_RSP_CAPABILITIES_AT, CAPABILITIES);
    nt_u32_store(out + NT_HELLO_RSP_BOOT_COUNT_AT, chip->boot_count);
    out[NT_HELLO_RSP_RESET_REASON_AT] = (uint8_t)chip->hal->reset_reason;
    nt_u32_store(out + NT_HELLO_RSP_NV_GENERATION_AT, session->hello_generation);
}

static uint32_t layers_store(const struct nt_image *image, uint8_t *out)
{
    uint32_t at = NT_HELLO_RSP_LAYER_SIZES_AT;
    nt_u32_store(out + at, image->n_inputs);
    for (uint32_t i = 0; i < image->n_layers; i++) {
        struct nt_layer layer;
        nt_image_layer_get(image, i, &layer);
        at += 4;
        nt_u32_store(out + at, layer.n_neurons);
    }
    return at + 4;
}

NT_COLD enum nt_command_result nt_session_hello_run(struct nt_session *session, struct nt_reply *reply)
{
    if (hello_check(session, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    uint32_t nonce = nt_u32_load(session->request.payload + NT_HELLO_REQ_NONCE_AT);
    if (session->number == 0 || nonce != session->nonce)
        session_open(session);
    link_store(session, reply->payload);
    chip_store(session, reply->payload);
    reply->length = layers_store(&session->chip->image, reply->payload);
    return NT_COMMAND_DONE;
}
