/* A chip image linked into the firmware: `make IMAGE=file.ntrom`. Without it the image's flash stays erased, and a
 * programmer or an emulator puts an image there. */
#ifdef NT_IMAGE_FILE
__asm__(".section .image, \"a\", %progbits\n"
    ".balign 8\n"
    ".global nt_image_embedded\n"
    "nt_image_embedded:\n"
    ".incbin \"" NT_IMAGE_FILE "\"\n"
    ".previous\n");
#endif
typedef int nt_image_embed_not_empty; /* ISO C wants a declaration */
