/* Device side of the link: frames in, exactly-once execution, answers out. */
#ifndef NT_SESSION_H
#define NT_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "nt_chip.h"
#include "nt_command_run.h"
#include "nt_frame.h"
#include "nt_messages.h"

#define NT_FIRMWARE_MAJOR 0
#define NT_FIRMWARE_MINOR 1
#define NT_FIRMWARE_PATCH 0

#define NT_SESSION_WINDOW_SMALL 2u
#define NT_SESSION_WINDOW_MAX NT_BASE_WINDOW
/* Scratch from which on the larger window is worth its memory. */
#define NT_SESSION_WINDOW_BYTES (256u << 10)
#define NT_SESSION_WIRE_BYTES NT_FRAME_WIRE_BYTES(NT_BASE_MAX_PAYLOAD)
/* Sessions between two boots that cannot be taken for one another. */
#define NT_SESSION_BOOT_STRIDE 16u

/* An encoded answer, on its way out and kept for the case that it is lost. */
struct nt_wire {
    uint16_t length;
    uint8_t bytes[NT_SESSION_WIRE_BYTES];
};

struct nt_session {
    struct nt_chip *chip;
    struct nt_frame_decoder decoder;
    struct nt_frame request;  /* the one being executed; its payload lies in the decoder's buffer */
    uint8_t *reply;           /* payload being made */
    struct nt_wire *kept;     /* ring of window_max answers */
    struct nt_wire *once;     /* what is not repeated: notices and HELLO */
    const uint8_t *tx;
    uint32_t tx_left;
    uint32_t bad_frames;
    uint32_t opened;          /* sessions since boot */
    uint32_t nonce;
    uint32_t hello_generation;
    uint16_t hello_seq;
    uint16_t expected;
    uint16_t room;            /* payload agreed on */
    uint8_t number;           /* 0: no session */
    uint8_t window;           /* agreed on */
    uint8_t window_max;
    uint8_t kept_next;
    uint8_t kept_count;
    uint8_t gap_told;
    uint8_t is_busy;          /* a request continues */
    uint8_t reset_wanted;     /* as soon as its answer is out */
    uint8_t is_heard;         /* a frame of the session came since this was last cleared */
    uint8_t uid[8];
    int fault;                /* why the chip cannot work; HELLO is then refused with NO_IMAGE */
};

/* Takes buffers from `memory`; NT_OK or NT_ERROR_SPACE. */
int nt_session_begin(struct nt_session *session, struct nt_chip *chip, struct nt_memory *memory);

/* Takes one byte off the line. Must not be called while is_busy is set or tx_left is not 0. */
void nt_session_byte_take(struct nt_session *session, uint8_t byte);

/* One more piece of the request that continues. */
void nt_session_continue(struct nt_session *session);

/* Forgets the session; the chip keeps its state. */
void nt_session_close(struct nt_session *session);

#endif
