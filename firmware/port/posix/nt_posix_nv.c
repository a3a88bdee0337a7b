/* NV areas in a mapped file: they outlive the process, and a word that is programmed twice is refused as on flash. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "nt_error.h"
#include "nt_posix.h"

#define WORD_BYTES 4u
#define AREAS_BYTES (2u * NT_POSIX_NV_AREA_BYTES)
#define RETAINED_BYTES 0x10000u /* behind the areas; whole pages of any host */
#define FILE_BYTES (AREAS_BYTES + RETAINED_BYTES)

static uint8_t *base;

int nt_posix_nv_adopt(int file)
{
    void *mapped = mmap(NULL, AREAS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    base = mapped == MAP_FAILED ? NULL : mapped;
    return base ? file : -1;
}

static int unnamed_file_open(void)
{
    FILE *unnamed = tmpfile();
    int file = unnamed ? dup(fileno(unnamed)) : -1;

    if (unnamed)
        fclose(unnamed);
    return file;
}

int nt_posix_nv_open(const char *path)
{
    int file = path ? open(path, O_RDWR | O_CREAT, 0644) : unnamed_file_open();
    struct stat status;

    if (file < 0 || fstat(file, &status) < 0)
        return -1;
    if (status.st_size != 0 && status.st_size != (off_t)FILE_BYTES)
        return -1; /* somebody else's file */
    /* Cut and grown again: what outlives a reset does not outlive the process. */
    if (ftruncate(file, AREAS_BYTES) < 0 || ftruncate(file, FILE_BYTES) < 0 || nt_posix_nv_adopt(file) < 0)
        return -1;
    if (status.st_size == 0)
        memset(base, 0xFF, AREAS_BYTES);
    return file;
}

int nt_posix_nv_retained_map(int file, void *at)
{
    void *mapped = mmap(at, RETAINED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, AREAS_BYTES);

    return mapped == MAP_FAILED ? -1 : 0;
}

static bool range_refused(int area, uint32_t offset, size_t length)
{
    return area < 0 || area > 1 || offset > NT_POSIX_NV_AREA_BYTES || length > NT_POSIX_NV_AREA_BYTES - offset ||
           offset % WORD_BYTES || length % WORD_BYTES;
}

static uint8_t *cell_at(int area, uint32_t offset)
{
    return base + (size_t)area * NT_POSIX_NV_AREA_BYTES + offset;
}

int nt_posix_nv_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length)
{
    (void)context;
    if (range_refused(area, offset, length))
        return NT_ERROR_ARGUMENT;
    memcpy(data, cell_at(area, offset), length);
    return 0;
}

int nt_posix_nv_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    (void)context;
    if (range_refused(area, offset, length))
        return NT_ERROR_ARGUMENT;
    for (size_t i = 0; i < length; i++)
        if (*cell_at(area, offset + (uint32_t)i) != 0xFF)
            return NT_ERROR_ARGUMENT;
    memcpy(cell_at(area, offset), data, length);
    return 0;
}

int nt_posix_nv_erase(void *context, int area)
{
    (void)context;
    if (range_refused(area, 0, 0))
        return NT_ERROR_ARGUMENT;
    memset(cell_at(area, 0), 0xFF, NT_POSIX_NV_AREA_BYTES);
    return 0;
}
