/* Only the expected sequence number is executed; an older one gets its answer again, a gap gets one NAK. */
#include "nt_session.h"

#include "nt_bytes.h"
#include "nt_error.h"
#include "nt_session_hello.h"

#define HALF_OF_SEQUENCE 0x8000u

int nt_session_begin(struct nt_session *session, struct nt_chip *chip, struct nt_memory *memory)
{
    size_t request_bytes = NT_FRAME_BUFFER_BYTES(NT_BASE_MAX_PAYLOAD);
    int is_large = memory->size >= NT_SESSION_WINDOW_BYTES;
    session->chip = chip;
    session->window_max = is_large ? NT_SESSION_WINDOW_MAX : NT_SESSION_WINDOW_SMALL;
    uint8_t *request = nt_memory_take(memory, request_bytes);
    session->reply = nt_memory_take(memory, NT_BASE_MAX_PAYLOAD);
    session->kept = nt_memory_take(memory, session->window_max * sizeof(struct nt_wire));
    session->once = nt_memory_take(memory, sizeof(struct nt_wire));
    if (memory->used > memory->size)
        return NT_ERROR_SPACE;
    session->room = NT_BASE_MAX_PAYLOAD;
    nt_frame_decoder_begin(&session->decoder, request, request_bytes);
    return NT_OK;
}

void nt_session_close(struct nt_session *session)
{
    session->number = 0;
    session->kept_next = 0;
    session->kept_count = 0;
    session->is_heard = 0;
}

static void wire_send(struct nt_session *session, const struct nt_wire *wire)
{
    session->tx = wire->bytes;
    session->tx_left = wire->length;
}

static void frame_send(struct nt_session *session, struct nt_wire *wire, uint8_t number, uint8_t type, uint16_t length)
{
    const struct nt_frame frame = {number, type, session->request.seq, length, session->reply};
    int bytes = nt_frame_encode(&frame, wire->bytes, sizeof wire->bytes);
    /* The payload is never longer than what the buffer was made for. */
    wire->length = (uint16_t)(bytes < 0 ? 0 : bytes);
    wire_send(session, wire);
}

static uint16_t error_store(const struct nt_session *session, const struct nt_reply *reply)
{
    uint8_t *out = session->reply;
    out[NT_ERROR_REQUEST_TYPE_AT] = session->request.type;
    out[NT_ERROR_ERROR_AT] = reply->error;
    nt_u32_store(out + NT_ERROR_INDEX_AT, reply->index);
    nt_u32_store(out + NT_ERROR_SEEN_AT, reply->seen);
    nt_u32_store(out + NT_ERROR_LIMIT_AT, reply->limit);
    return NT_ERROR_SIZE;
}

static void result_send(struct nt_session *session, struct nt_wire *wire, enum nt_command_result result,
                        const struct nt_reply *reply)
{
    uint8_t number = session->request.session;
    if (result == NT_COMMAND_REFUSED)
        frame_send(session, wire, number, NT_TYPE_ERROR, error_store(session, reply));
    else
        frame_send(session, wire, number, (uint8_t)(session->request.type | NT_RESPONSE_BIT),
                   (uint16_t)reply->length);
}

static struct nt_wire *kept_take(struct nt_session *session)
{
    struct nt_wire *wire = &session->kept[session->kept_next];
    session->kept_next = (uint8_t)((session->kept_next + 1u) % session->window);
    if (session->kept_count < session->window)
        session->kept_count++;
    return wire;
}

/* After GOODBYE and RESET there is no session left whose answers could be asked for again. */
static void executed(struct nt_session *session, enum nt_command_result result, const struct nt_reply *reply)
{
    struct nt_wire *wire = session->once;
    session->is_busy = result == NT_COMMAND_CONTINUES;
    if (session->is_busy)
        return;
    if (session->number != 0) {
        wire = kept_take(session);
        session->expected++;
        session->gap_told = 0;
    }
    result_send(session, wire, result, reply);
}

static struct nt_reply reply_begin(const struct nt_session *session)
{
    return (struct nt_reply){.payload = session->reply, .room = session->room};
}

static enum nt_command_result request_run(struct nt_session *session, struct nt_reply *reply)
{
    const struct nt_request request = {session->request.payload, session->request.length, session->request.type};
    if (request.type == NT_TYPE_STATUS_REQ)
        return nt_command_status(session->chip, &request, session->bad_frames, reply);
    if (request.type != NT_TYPE_GOODBYE_REQ && request.type != NT_TYPE_RESET_REQ)
        return nt_command_run(session->chip, &request, reply);
    if (request.length != 0)
        return nt_command_payload_refuse(reply, request.length);
    nt_session_close(session);
    session->reset_wanted = request.type == NT_TYPE_RESET_REQ;
    return NT_COMMAND_DONE;
}

static void request_execute(struct nt_session *session)
{
    struct nt_reply reply = reply_begin(session);
    executed(session, request_run(session, &reply), &reply);
}

void nt_session_continue(struct nt_session *session)
{
    struct nt_reply reply = reply_begin(session);
    executed(session, nt_command_continue(session->chip, &reply), &reply);
}

static void gap_tell(struct nt_session *session)
{
    if (session->gap_told)
        return;
    session->gap_told = 1;
    nt_u16_store(session->reply + NT_NAK_EXPECTED_AT, session->expected);
    frame_send(session, session->once, session->request.session, NT_TYPE_NAK, NT_NAK_SIZE);
}

static void answer_again(struct nt_session *session)
{
    uint32_t behind = (uint16_t)(session->expected - session->request.seq);
    if (behind > session->kept_count)
        return;
    uint32_t at = (session->kept_next + session->window - behind) % session->window;
    wire_send(session, &session->kept[at]);
}

static void hello_take(struct nt_session *session)
{
    struct nt_reply reply = reply_begin(session);
    enum nt_command_result result = nt_session_hello_run(session, &reply);
    if (result == NT_COMMAND_REFUSED) {
        result_send(session, session->once, result, &reply);
        return;
    }
    /* A repeated HELLO gets the first one's answer, byte by byte. */
    session->request.seq = session->hello_seq;
    frame_send(session, session->once, session->number, NT_TYPE_HELLO_RSP, (uint16_t)reply.length);
}

static void frame_take(struct nt_session *session)
{
    const struct nt_frame *frame = &session->request;
    if (frame->type & NT_RESPONSE_BIT)
        return; /* our own answers, echoed by a half-duplex adapter */
    if (frame->type == NT_TYPE_HELLO_REQ) {
        hello_take(session);
        return;
    }
    if (session->number == 0 || frame->session != session->number) {
        struct nt_reply reply = {.error = NT_ERR_BAD_SESSION, .seen = session->number};
        result_send(session, session->once, NT_COMMAND_REFUSED, &reply);
        return;
    }
    session->is_heard = 1;
    uint16_t ahead = (uint16_t)(frame->seq - session->expected);
    if (ahead == 0)
        request_execute(session);
    else if (ahead < HALF_OF_SEQUENCE)
        gap_tell(session);
    else
        answer_again(session);
}

void nt_session_byte_take(struct nt_session *session, uint8_t byte)
{
    int result = nt_frame_decoder_push(&session->decoder, byte, &session->request);
    if (result < 0)
        session->bad_frames++;
    else if (result > 0)
        frame_take(session);
}
