/* Commands: payload in, payload or refusal out. What takes long goes on sample by sample. */
#ifndef NT_COMMAND_RUN_H
#define NT_COMMAND_RUN_H

#include "nt_chip.h"

enum nt_command_result {
    NT_COMMAND_DONE,
    NT_COMMAND_CONTINUES, /* nt_command_continue until it says otherwise; the request must stay where it is */
    NT_COMMAND_REFUSED    /* nothing was changed */
};

struct nt_request {
    const uint8_t *payload;
    uint32_t length;
    uint8_t type;
};

/* The answer being made: at most `room` bytes at `payload`, or the content of an ERROR notice. */
struct nt_reply {
    uint8_t *payload;
    uint32_t room;
    uint32_t length;
    uint32_t index;
    uint32_t seen;
    uint32_t limit;
    uint8_t error; /* NT_ERR_x; 0 without a refusal */
};

typedef enum nt_command_result nt_command_handler(struct nt_chip *chip, const struct nt_request *request,
                                                  struct nt_reply *reply);

/* Fills in a refusal; gives NT_COMMAND_REFUSED. */
enum nt_command_result nt_command_refuse(struct nt_reply *reply, uint8_t error, uint32_t index, uint32_t seen,
                                         uint32_t limit);

/* The refusal of a payload that does not fit its message. */
enum nt_command_result nt_command_payload_refuse(struct nt_reply *reply, uint32_t seen);

/* Refuses a request whose first field, a revision, is not the present one. */
enum nt_command_result nt_command_revision_check(const struct nt_chip *chip, const struct nt_request *request,
                                                 struct nt_reply *reply);

/* Refuses elements of which the last, start + count - 1, is not below `limit`. */
enum nt_command_result nt_command_range_check(uint32_t start, uint32_t count, uint32_t limit, struct nt_reply *reply);

/* Refuses an answer of more bytes than there is room for. */
enum nt_command_result nt_command_room_check(uint32_t bytes, uint32_t room, struct nt_reply *reply);

/* Refuses a move of domain `i` that is larger than its limit. */
enum nt_command_result nt_command_slew_check(const struct nt_codes *codes, uint32_t i, int move,
                                             struct nt_reply *reply);

/* Runs any command but those of the session itself. */
nt_command_handler nt_command_run;

/* One more sample of the command that continues. */
enum nt_command_result nt_command_continue(struct nt_chip *chip, struct nt_reply *reply);

nt_command_handler nt_command_codes_read;
nt_command_handler nt_command_codes_write;
nt_command_handler nt_command_correction_read;
nt_command_handler nt_command_correction_write;
nt_command_handler nt_command_stimulate;
nt_command_handler nt_command_input_load;
nt_command_handler nt_command_present;
nt_command_handler nt_command_result_read;
nt_command_handler nt_command_learn_start;
nt_command_handler nt_command_learn;
nt_command_handler nt_command_learn_state;
nt_command_handler nt_command_commit;

/* One more sample of PRESENT or LEARN. */
enum nt_command_result nt_command_present_continue(struct nt_chip *chip, struct nt_reply *reply);
enum nt_command_result nt_command_learn_continue(struct nt_chip *chip, struct nt_reply *reply);

/* Writes step and settings into the head of the loop's persistent memory; takes them from there, and goes on learning where
   this device allows such settings. */
void nt_command_loop_save(struct nt_chip *chip);
void nt_command_loop_resume(struct nt_chip *chip);

/* Slot number `position` of the job. */
uint32_t nt_command_job_slot(const struct nt_chip *chip, uint32_t position);

/* Refuses slots that do not exist, hold no complete sample, or one of another length than `steps`. */
enum nt_command_result nt_command_slots_check(const struct nt_chip *chip, uint32_t steps, struct nt_reply *reply);

/* STATUS, whose count of bad frames is the link's. */
enum nt_command_result nt_command_status(const struct nt_chip *chip, const struct nt_request *request,
                                         uint32_t bad_frames, struct nt_reply *reply);

#endif
