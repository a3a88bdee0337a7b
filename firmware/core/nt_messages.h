/* Messages of the wire. Generated from messages.toml by `python -m nt_hil.generate`; do not edit.
 * Names: NT_TYPE_x is a message type, NT_x_SIZE the fixed part of its payload, NT_x_y_AT where field y is.
 * Multi-byte fields are little-endian and unaligned. */
#ifndef NT_MESSAGES_H
#define NT_MESSAGES_H

#define NT_PROTOCOL_MAJOR 1u
#define NT_PROTOCOL_MINOR 0u
#define NT_SCHEMA_HASH 0x66ED03DBu
#define NT_BASE_MAX_PAYLOAD 512u
#define NT_BASE_WINDOW 8u
#define NT_RESPONSE_BIT 0x80u

/* The closed list of reasons for which a device refuses a request. */
#define NT_ERR_UNKNOWN_MESSAGE 1u /* no such message type; index = the type */
#define NT_ERR_BAD_PAYLOAD 2u /* the payload does not fit the message; seen = its length */
#define NT_ERR_BAD_SESSION 3u /* the frame's session is not the present one; say HELLO; seen = the present session */
#define NT_ERR_VERSION_MISMATCH 4u /* another protocol major version; seen = major * 256 + minor of the device */
#define NT_ERR_SCHEMA_MISMATCH 5u /* same version but other message definitions; seen = schema hash of the device */
#define NT_ERR_STALE_REVISION 6u /* codes have moved on since the base revision; seen = present revision */
#define NT_ERR_CODE_RANGE 7u /* a code lies outside the range allowed; index = code index, seen = code, limit = bound crossed */
#define NT_ERR_SLEW_LIMIT 8u /* a code would move too far; index = code index, seen = move, limit = largest move */
#define NT_ERR_INDEX_RANGE 9u /* a code index lies outside the chip; index = it, limit = number of codes */
#define NT_ERR_NOT_STAGED 10u /* a chunk that is not the first came without a first one */
#define NT_ERR_SLOT_RANGE 11u /* a slot does not exist; index = slot, limit = number of slots */
#define NT_ERR_SLOT_EMPTY 12u /* a slot holds no complete sample; index = slot */
#define NT_ERR_STEPS_MISMATCH 13u /* a raster of other length than the time steps asked for; index = slot, seen = its steps, limit = steps asked */
#define NT_ERR_LABEL_RANGE 14u /* a label lies outside the classes; index = position in the batch, seen = label, limit = number of classes */
#define NT_ERR_SETTING_RANGE 15u /* a setting lies outside its range; index = position of its field, seen = value, limit = bound crossed */
#define NT_ERR_NOT_LEARNING 16u /* no LEARN_START in this boot, and none before the commit that it began with */
#define NT_ERR_WRONG_STEP 17u /* the learning step is neither the next nor the last one; seen = step done */
#define NT_ERR_RESPONSE_TOO_LONG 18u /* the answer would exceed the payload agreed on; seen = its length, limit = room in the payload agreed on */
#define NT_ERR_NO_CAPABILITY 19u /* the chip cannot do this; index = the capability bit */
#define NT_ERR_NV_FAILED 20u /* the non-volatile memory refused the write */
#define NT_ERR_BUSY 21u /* the device cannot take this now */
#define NT_ERR_NO_RESULT 22u /* no PRESENT has a result at that offset; index = offset, limit = bytes kept */
#define NT_ERR_NO_IMAGE 23u /* the board holds no chip image that it can use */

/* Why the device booted last. */
#define NT_RESET_REASON_POWER_ON 0u /* supply came up */
#define NT_RESET_REASON_PIN 1u /* reset pin */
#define NT_RESET_REASON_SOFTWARE 2u /* RESET message */
#define NT_RESET_REASON_WATCHDOG 3u /* watchdog */
#define NT_RESET_REASON_BROWN_OUT 4u /* supply dipped */
#define NT_RESET_REASON_UNKNOWN 255u /* the device cannot tell */

/* How INPUT_LOAD packs events. */
#define NT_PACKING_BYTES 0u /* one byte per input and step, 0..255 events */
#define NT_PACKING_BITS 1u /* one bit per input and step, LSB first, 0 or 1 event */

/* How CODES_WRITE carries its codes; all of them are absolute. */
#define NT_CODE_FORM_DENSE 0u /* codes of start, start + 1, ... */
#define NT_CODE_FORM_SPARSE 1u /* records of 3 bytes: u16 distance from start, u8 code */
#define NT_CODE_FORM_MASKED 2u /* u16 span, ceil(span / 8) bytes of mask LSB first from start on, then one code per mask bit */

/* Optional abilities, as bits of HELLO. */
#define NT_CAP_HIDDEN_SPIKES 1u /* spikes of hidden layers can be read */
#define NT_CAP_DITHER 2u /* spikes at code + d and code - d can be read */
#define NT_CAP_MEMBRANE 4u /* membranes of the last layer can be read */
#define NT_CAP_DEVICE_LOOP 8u /* the device can learn by itself */
#define NT_CAP_NON_VOLATILE 16u /* codes, corrections and the device loop can be committed */
#define NT_CAP_STIMULATE 32u /* a single layer can be driven with given events */
#define NT_CAP_CORRECTIONS 64u /* the device can correct the codes of each domain */

/* What PRESENT brings back. */
#define NT_READOUT_HIDDEN 1u /* the hidden layers too, before the last one */
#define NT_READOUT_DITHER 2u /* planes at code + d and code - d after the plain one */
#define NT_READOUT_MEMBRANE 4u /* membranes of the last layer, i32 Q23.8, as the comparator saw them in the last step */
#define NT_READOUT_RANGE 8u /* slots holds a first slot and a count instead of a list */
#define NT_READOUT_GATES 16u /* with HIDDEN and DITHER: instead of the planes the bits that learning needs */

/* Place of a frame in a write or batch that spans frames; nothing takes effect before LAST. */
#define NT_CHUNK_FIRST 1u /* opens the staging area, forgets what it held */
#define NT_CHUNK_LAST 2u /* checks and applies all of it */

/* Opens a session. Sent with session 0; the answer carries the new session in its header. The same nonce again gets the same answer. */
#define NT_TYPE_HELLO_REQ 0x01u
#define NT_HELLO_REQ_SIZE 13u /* bytes of the fixed part */
#define NT_HELLO_REQ_PROTOCOL_MAJOR_AT 0u /* u8 */
#define NT_HELLO_REQ_PROTOCOL_MINOR_AT 1u /* u8 */
#define NT_HELLO_REQ_SCHEMA_HASH_AT 2u /* u32 */
#define NT_HELLO_REQ_NONCE_AT 6u /* u32 */
#define NT_HELLO_REQ_MAX_PAYLOAD_AT 10u /* u16, byte */
#define NT_HELLO_REQ_WINDOW_AT 12u /* u8, frame */

/* Answer to HELLO. */
#define NT_TYPE_HELLO_RSP 0x81u
#define NT_HELLO_RSP_SIZE 79u /* bytes of the fixed part */
#define NT_HELLO_RSP_PROTOCOL_MAJOR_AT 0u /* u8 */
#define NT_HELLO_RSP_PROTOCOL_MINOR_AT 1u /* u8 */
#define NT_HELLO_RSP_SCHEMA_HASH_AT 2u /* u32 */
#define NT_HELLO_RSP_NONCE_AT 6u /* u32 */
#define NT_HELLO_RSP_MAX_PAYLOAD_AT 10u /* u16, byte */
#define NT_HELLO_RSP_WINDOW_AT 12u /* u8, frame */
#define NT_HELLO_RSP_FIRMWARE_MAJOR_AT 13u /* u8 */
#define NT_HELLO_RSP_FIRMWARE_MINOR_AT 14u /* u8 */
#define NT_HELLO_RSP_FIRMWARE_PATCH_AT 15u /* u8 */
#define NT_HELLO_RSP_UID_AT 16u /* u64 */
#define NT_HELLO_RSP_IMAGE_DIGEST_AT 24u /* u8[32] */
#define NT_HELLO_RSP_N_CODES_AT 56u /* u32 */
#define NT_HELLO_RSP_N_CLASSES_AT 60u /* u16 */
#define NT_HELLO_RSP_N_STEPS_AT 62u /* u8, step */
#define NT_HELLO_RSP_CODE_MIN_AT 63u /* u8, code */
#define NT_HELLO_RSP_CODE_MAX_AT 64u /* u8, code */
#define NT_HELLO_RSP_MAX_MOVE_CODE_AT 65u /* u8, code */
#define NT_HELLO_RSP_INPUT_SLOTS_AT 66u /* u16, sample */
#define NT_HELLO_RSP_CAPABILITIES_AT 68u /* u16 */
#define NT_HELLO_RSP_BOOT_COUNT_AT 70u /* u32 */
#define NT_HELLO_RSP_RESET_REASON_AT 74u /* u8 */
#define NT_HELLO_RSP_NV_GENERATION_AT 75u /* u32 */
#define NT_HELLO_RSP_LAYER_SIZES_AT 79u /* u32[] */

/* Where the device stands. */
#define NT_TYPE_STATUS_REQ 0x02u
#define NT_STATUS_REQ_SIZE 0u /* bytes of the fixed part */

/* Answer to STATUS. */
#define NT_TYPE_STATUS_RSP 0x82u
#define NT_STATUS_RSP_SIZE 33u /* bytes of the fixed part */
#define NT_STATUS_RSP_SAMPLES_PRESENTED_AT 0u /* u64, sample */
#define NT_STATUS_RSP_REVISION_AT 8u /* u32 */
#define NT_STATUS_RSP_LEARNING_AT 12u /* u8 */
#define NT_STATUS_RSP_LEARNING_STEP_AT 13u /* u32 */
#define NT_STATUS_RSP_TEMPERATURE_MK_AT 17u /* u32, mK */
#define NT_STATUS_RSP_BOOT_COUNT_AT 21u /* u32 */
#define NT_STATUS_RSP_NV_GENERATION_AT 25u /* u32 */
#define NT_STATUS_RSP_BAD_FRAMES_AT 29u /* u32, frame */

/* Codes start .. start + count - 1. */
#define NT_TYPE_CODES_READ_REQ 0x10u
#define NT_CODES_READ_REQ_SIZE 6u /* bytes of the fixed part */
#define NT_CODES_READ_REQ_START_AT 0u /* u32 */
#define NT_CODES_READ_REQ_COUNT_AT 4u /* u16 */

/* Answer to CODES_READ. */
#define NT_TYPE_CODES_READ_RSP 0x90u
#define NT_CODES_READ_RSP_SIZE 4u /* bytes of the fixed part */
#define NT_CODES_READ_RSP_REVISION_AT 0u /* u32 */
#define NT_CODES_READ_RSP_CODES_AT 4u /* u8[], code */

/* Compare-and-set of absolute codes. Chunks are staged; LAST checks range and slew of the whole and applies all or nothing. */
#define NT_TYPE_CODES_WRITE_REQ 0x11u
#define NT_CODES_WRITE_REQ_SIZE 10u /* bytes of the fixed part */
#define NT_CODES_WRITE_REQ_BASE_REVISION_AT 0u /* u32 */
#define NT_CODES_WRITE_REQ_CHUNK_AT 4u /* u8 */
#define NT_CODES_WRITE_REQ_FORM_AT 5u /* u8 */
#define NT_CODES_WRITE_REQ_START_AT 6u /* u32 */
#define NT_CODES_WRITE_REQ_DATA_AT 10u /* u8[] */

/* Answer to CODES_WRITE. */
#define NT_TYPE_CODES_WRITE_RSP 0x91u
#define NT_CODES_WRITE_RSP_SIZE 4u /* bytes of the fixed part */
#define NT_CODES_WRITE_RSP_REVISION_AT 0u /* u32 */

/* Corrections of the domains start .. start + count - 1. */
#define NT_TYPE_CORRECTION_READ_REQ 0x12u
#define NT_CORRECTION_READ_REQ_SIZE 6u /* bytes of the fixed part */
#define NT_CORRECTION_READ_REQ_START_AT 0u /* u32 */
#define NT_CORRECTION_READ_REQ_COUNT_AT 4u /* u16 */

/* Answer to CORRECTION_READ. */
#define NT_TYPE_CORRECTION_READ_RSP 0x92u
#define NT_CORRECTION_READ_RSP_SIZE 4u /* bytes of the fixed part */
#define NT_CORRECTION_READ_RSP_REVISION_AT 0u /* u32 */
#define NT_CORRECTION_READ_RSP_CORRECTIONS_AT 4u /* u32[] */

/* Compare-and-set of the corrections of the domains from start on. Each frame is applied as a whole, and refused with SLEW_LIMIT where a supply would move too far. */
#define NT_TYPE_CORRECTION_WRITE_REQ 0x13u
#define NT_CORRECTION_WRITE_REQ_SIZE 8u /* bytes of the fixed part */
#define NT_CORRECTION_WRITE_REQ_BASE_REVISION_AT 0u /* u32 */
#define NT_CORRECTION_WRITE_REQ_START_AT 4u /* u32 */
#define NT_CORRECTION_WRITE_REQ_CORRECTIONS_AT 8u /* u32[] */

/* Answer to CORRECTION_WRITE. */
#define NT_TYPE_CORRECTION_WRITE_RSP 0x93u
#define NT_CORRECTION_WRITE_RSP_SIZE 4u /* bytes of the fixed part */
#define NT_CORRECTION_WRITE_RSP_REVISION_AT 0u /* u32 */

/* Events of samples, beginning at `offset` of `slot` and running on into the following slots. A sample is steps * inputs elements, step by step. */
#define NT_TYPE_INPUT_LOAD_REQ 0x20u
#define NT_INPUT_LOAD_REQ_SIZE 12u /* bytes of the fixed part */
#define NT_INPUT_LOAD_REQ_SLOT_AT 0u /* u16 */
#define NT_INPUT_LOAD_REQ_STEPS_AT 2u /* u8, step */
#define NT_INPUT_LOAD_REQ_PACKING_AT 3u /* u8 */
#define NT_INPUT_LOAD_REQ_OFFSET_AT 4u /* u32, element */
#define NT_INPUT_LOAD_REQ_COUNT_AT 8u /* u32, element */
#define NT_INPUT_LOAD_REQ_DATA_AT 12u /* u8[] */

/* Answer to INPUT_LOAD. */
#define NT_TYPE_INPUT_LOAD_RSP 0xA0u
#define NT_INPUT_LOAD_RSP_SIZE 0u /* bytes of the fixed part */

/* Forward pass of loaded samples, in the order given. */
#define NT_TYPE_PRESENT_REQ 0x21u
#define NT_PRESENT_REQ_SIZE 4u /* bytes of the fixed part */
#define NT_PRESENT_REQ_N_STEPS_AT 0u /* u8, step */
#define NT_PRESENT_REQ_READOUT_AT 1u /* u8 */
#define NT_PRESENT_REQ_HIDDEN_DITHER_AT 2u /* u8, code */
#define NT_PRESENT_REQ_OUTPUT_DITHER_AT 3u /* u8, code */
#define NT_PRESENT_REQ_SLOTS_AT 4u /* u16[] */

/* Answer to PRESENT. */
#define NT_TYPE_PRESENT_RSP 0xA1u
#define NT_PRESENT_RSP_SIZE 6u /* bytes of the fixed part */
#define NT_PRESENT_RSP_COUNT_AT 0u /* u16, sample */
#define NT_PRESENT_RSP_SIZE_AT 2u /* u32, byte */
#define NT_PRESENT_RSP_DATA_AT 6u /* u8[] */

/* More of the record of the last PRESENT, where that one had a single sample and did not fit. */
#define NT_TYPE_RESULT_REQ 0x22u
#define NT_RESULT_REQ_SIZE 4u /* bytes of the fixed part */
#define NT_RESULT_REQ_OFFSET_AT 0u /* u32, byte */

/* Answer to RESULT. */
#define NT_TYPE_RESULT_RSP 0xA2u
#define NT_RESULT_RSP_SIZE 0u /* bytes of the fixed part */
#define NT_RESULT_RSP_DATA_AT 0u /* u8[] */

/* Drives one layer alone with given events, the same in every time step, from rest; the layers around it keep still. Gives the spikes of each of the neurons start .. start + count - 1 over all steps of all repeats. */
#define NT_TYPE_STIMULATE_REQ 0x23u
#define NT_STIMULATE_REQ_SIZE 9u /* bytes of the fixed part */
#define NT_STIMULATE_REQ_LAYER_AT 0u /* u8 */
#define NT_STIMULATE_REQ_N_STEPS_AT 1u /* u8, step */
#define NT_STIMULATE_REQ_N_REPEATS_AT 2u /* u8 */
#define NT_STIMULATE_REQ_START_AT 3u /* u32 */
#define NT_STIMULATE_REQ_COUNT_AT 7u /* u16 */
#define NT_STIMULATE_REQ_EVENTS_AT 9u /* u8[] */

/* Answer to STIMULATE. */
#define NT_TYPE_STIMULATE_RSP 0xA3u
#define NT_STIMULATE_RSP_SIZE 0u /* bytes of the fixed part */
#define NT_STIMULATE_RSP_COUNTS_AT 0u /* u8[], spike */

/* Starts the device loop from the present codes, with empty accumulators. Asked again with the step it stands at, before any LEARN, it changes nothing. */
#define NT_TYPE_LEARN_START_REQ 0x30u
#define NT_LEARN_START_REQ_SIZE 11u /* bytes of the fixed part */
#define NT_LEARN_START_REQ_FIRST_STEP_AT 0u /* u32 */
#define NT_LEARN_START_REQ_HIDDEN_DITHER_AT 4u /* u8, code */
#define NT_LEARN_START_REQ_OUTPUT_DITHER_AT 5u /* u8, code */
#define NT_LEARN_START_REQ_RATE_Q8_AT 6u /* u16, code/256 */
#define NT_LEARN_START_REQ_MAX_MOVE_CODE_AT 8u /* u8, code */
#define NT_LEARN_START_REQ_CODE_MIN_AT 9u /* u8, code */
#define NT_LEARN_START_REQ_CODE_MAX_AT 10u /* u8, code */

/* Answer to LEARN_START. */
#define NT_TYPE_LEARN_START_RSP 0xB0u
#define NT_LEARN_START_RSP_SIZE 4u /* bytes of the fixed part */
#define NT_LEARN_START_RSP_LEARNING_STEP_AT 0u /* u32 */

/* One learning step on a batch of loaded samples. Idempotent: a step that is already done is acknowledged, not repeated. */
#define NT_TYPE_LEARN_REQ 0x31u
#define NT_LEARN_REQ_SIZE 7u /* bytes of the fixed part */
#define NT_LEARN_REQ_EXPECTED_STEP_AT 0u /* u32 */
#define NT_LEARN_REQ_CHUNK_AT 4u /* u8 */
#define NT_LEARN_REQ_RATE_Q8_AT 5u /* u16, code/256 */
#define NT_LEARN_REQ_PAIRS_AT 7u /* u16[] */

/* Answer to LEARN. */
#define NT_TYPE_LEARN_RSP 0xB1u
#define NT_LEARN_RSP_SIZE 8u /* bytes of the fixed part */
#define NT_LEARN_RSP_LEARNING_STEP_AT 0u /* u32 */
#define NT_LEARN_RSP_REVISION_AT 4u /* u32 */

/* What the device loop keeps between steps, for the codes start .. start + count - 1. */
#define NT_TYPE_LEARN_STATE_REQ 0x32u
#define NT_LEARN_STATE_REQ_SIZE 6u /* bytes of the fixed part */
#define NT_LEARN_STATE_REQ_START_AT 0u /* u32 */
#define NT_LEARN_STATE_REQ_COUNT_AT 4u /* u16 */

/* Answer to LEARN_STATE. */
#define NT_TYPE_LEARN_STATE_RSP 0xB2u
#define NT_LEARN_STATE_RSP_SIZE 4u /* bytes of the fixed part */
#define NT_LEARN_STATE_RSP_LEARNING_STEP_AT 0u /* u32 */
#define NT_LEARN_STATE_RSP_STATE_AT 4u /* u8[] */

/* Persists codes, corrections and, where it learns, the device loop. */
#define NT_TYPE_COMMIT_REQ 0x40u
#define NT_COMMIT_REQ_SIZE 4u /* bytes of the fixed part */
#define NT_COMMIT_REQ_REVISION_AT 0u /* u32 */

/* Answer to COMMIT. */
#define NT_TYPE_COMMIT_RSP 0xC0u
#define NT_COMMIT_RSP_SIZE 4u /* bytes of the fixed part */
#define NT_COMMIT_RSP_NV_GENERATION_AT 0u /* u32 */

/* Answers, then boots: volatile state is lost, a new session is needed. */
#define NT_TYPE_RESET_REQ 0x50u
#define NT_RESET_REQ_SIZE 0u /* bytes of the fixed part */

/* Answer to RESET. */
#define NT_TYPE_RESET_RSP 0xD0u
#define NT_RESET_RSP_SIZE 0u /* bytes of the fixed part */

/* Ends the session; the chip keeps its state. */
#define NT_TYPE_GOODBYE_REQ 0x51u
#define NT_GOODBYE_REQ_SIZE 0u /* bytes of the fixed part */

/* Answer to GOODBYE. */
#define NT_TYPE_GOODBYE_RSP 0xD1u
#define NT_GOODBYE_RSP_SIZE 0u /* bytes of the fixed part */

/* Sent once when a frame is missing; not answered, not in sequence. */
#define NT_TYPE_NAK 0xFEu
#define NT_NAK_SIZE 2u /* bytes of the fixed part */
#define NT_NAK_EXPECTED_AT 0u /* u16 */

/* Takes the place of a response; nothing was changed. */
#define NT_TYPE_ERROR 0xFFu
#define NT_ERROR_SIZE 14u /* bytes of the fixed part */
#define NT_ERROR_REQUEST_TYPE_AT 0u /* u8 */
#define NT_ERROR_ERROR_AT 1u /* u8 */
#define NT_ERROR_INDEX_AT 2u /* u32 */
#define NT_ERROR_SEEN_AT 6u /* u32 */
#define NT_ERROR_LIMIT_AT 10u /* u32 */

#endif
