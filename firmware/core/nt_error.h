/* The closed list of negative results; every function of the core gives >= 0 or one of these. */
#ifndef NT_ERROR_H
#define NT_ERROR_H

enum nt_error {
    NT_OK = 0,
    NT_ERROR_ARGUMENT = -1,      /* a value outside its documented range */
    NT_ERROR_SPACE = -2,         /* a buffer of the caller is too small */
    NT_ERROR_SETTING = -3,       /* a learning setting outside its range */
    NT_ERROR_IMAGE_MAGIC = -16,  /* not a chip image */
    NT_ERROR_IMAGE_VERSION = -17,
    NT_ERROR_IMAGE_LENGTH = -18, /* truncated or too long */
    NT_ERROR_IMAGE_CRC = -19,
    NT_ERROR_IMAGE_DIGEST = -20,
    NT_ERROR_IMAGE_TABLE = -21,  /* a table points outside the file */
    NT_ERROR_IMAGE_LAYER = -22,  /* sizes, leak, or layers that do not fit each other */
    NT_ERROR_IMAGE_WEIGHT = -23, /* nibble 0, which would be weight -8 */
    NT_ERROR_IMAGE_GAIN = -24,
    NT_ERROR_IMAGE_DOMAIN = -25,
    NT_ERROR_IMAGE_READOUT = -26,
    NT_ERROR_IMAGE_ENCODER = -27,
    NT_ERROR_IMAGE_COUNT = -28,  /* a count in the header contradicts the tables */
    NT_ERROR_FRAME_COBS = -32,
    NT_ERROR_FRAME_LENGTH = -33,
    NT_ERROR_FRAME_CRC = -34,
    NT_ERROR_FRAME_SPACE = -35   /* a frame longer than the receiver's buffer */
};

#endif
