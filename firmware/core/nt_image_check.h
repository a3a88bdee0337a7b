/* Checks of the tables of a chip image; private to the parser. */
#ifndef NT_IMAGE_CHECK_H
#define NT_IMAGE_CHECK_H

#include "nt_image.h"

/* Checks all tables of an image whose header holds, and fills the fields that come from them. */
int nt_image_tables_check(struct nt_image *image);

#endif
