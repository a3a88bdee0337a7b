/* Port to a POSIX host: the firmware as a process, a simulated chip for any program that opens a serial port.
 * A reset is an exec of the same program; link and NV go on as descriptors, everything else begins anew. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "nt_error.h"
#include "nt_messages.h"
#include "nt_port.h"
#include "nt_posix.h"

#define SCRATCH_BYTES (64u << 20) /* untouched pages cost nothing */
#define BOOT_VARIABLE "NT_CHIP_BOOT"
#define EXIT_USAGE 2

static const char usage[] = "usage: nt-chip [--listen stdio|pty|unix:PATH|tcp:PORT] [--image FILE] [--nv FILE] "
                            "[--uid HEX]\n"
                "The firmware as a process. The address to connect to is the first line of the output.\n";

static char **arguments;
static const char *listen_at = "stdio";
static const char *image_path;
static const char *nv_path;
static uint64_t uid_value = 1;
static int nv_file;

static _Noreturn void usage_fail(const char *cause, const char *seen)
{
    fprintf(stderr, "error: %s: %s\n%s", cause, seen, usage);
    exit(EXIT_USAGE);
}

static uint32_t time_us(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

static int baud_set(void *context, uint32_t baud)
{
    (void)context;
    return baud >= 1200 && baud <= 12000000 ? (int)baud : NT_ERROR_ARGUMENT;
}

static void watchdog_feed(void *context)
{
    (void)context;
}

static int uid_read(void *context, uint8_t uid[8])
{
    (void)context;
    for (int i = 0; i < 8; i++)
        uid[i] = (uint8_t)(uid_value >> (8 * i));
    return 0;
}

static void reset(void *context)
{
    char text[64];
    int listener, client;

    (void)context;
    nt_posix_link_tell(&listener, &client);
    snprintf(text, sizeof text, "%d %d %d", listener, client, nv_file);
    setenv(BOOT_VARIABLE, text, 1);
    execvp(arguments[0], arguments);
    perror("error: the simulated chip cannot start itself again");
    exit(1);
}

static void image_load(struct nt_hal *hal)
{
    struct stat status;
    int file = open(image_path, O_RDONLY);
    void *mapped;

    if (file < 0 || fstat(file, &status) < 0)
        usage_fail("the chip image cannot be read", image_path);
    mapped = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED)
        usage_fail("the chip image cannot be read", image_path);
    close(file);
    hal->image = mapped;
    hal->image_bytes = (size_t)status.st_size;
}

/* After a reset: takes over what the last boot left. False at power-on. */
static bool boot_resume(void)
{
    const char *left = getenv(BOOT_VARIABLE);
    int listener, client;

    if (!left || sscanf(left, "%d %d %d", &listener, &client, &nv_file) != 3)
        return false;
    unsetenv(BOOT_VARIABLE);
    nt_posix_link_adopt(listener, client);
    nv_file = nt_posix_nv_adopt(nv_file);
    return true;
}

const struct nt_hal *nt_port_init(void)
{
    static struct nt_hal hal = {
        .rx_read = nt_posix_rx_read,
        .tx_write = nt_posix_tx_write,
        .baud_set = baud_set,
        .time_us = time_us,
        .idle_wait = nt_posix_idle_wait,
        .watchdog_feed = watchdog_feed,
        .nv_read = nt_posix_nv_read,
        .nv_program = nt_posix_nv_program,
        .nv_erase = nt_posix_nv_erase,
        .uid_read = uid_read,
        .reset = reset,
        .nv_area_bytes = NT_POSIX_NV_AREA_BYTES,
        .nv_word_bytes = 4,
        .reset_reason = NT_RESET_REASON_POWER_ON,
    };

    signal(SIGPIPE, SIG_IGN);
    if (image_path)
        image_load(&hal);
    if (boot_resume()) {
        hal.reset_reason = NT_RESET_REASON_SOFTWARE;
    } else {
        nv_file = nt_posix_nv_open(nv_path);
        if (nt_posix_link_open(listen_at) < 0)
            usage_fail("cannot listen", listen_at);
    }
    if (nv_file < 0)
        usage_fail("the NV file cannot be used", nv_path ? nv_path : "temporary file");
    return &hal;
}

uint8_t *nt_port_scratch(size_t *bytes)
{
    static _Alignas(65536) uint8_t scratch[SCRATCH_BYTES]; /* aligned to any page size */

    /* Its first bytes outlive a reset, as they do on a board: they lie behind the NV areas in the same file. */
    if (nt_posix_nv_retained_map(nv_file, scratch) < 0)
        usage_fail("the NV file cannot be mapped", nv_path ? nv_path : "temporary file");
    *bytes = sizeof scratch;
    return scratch;
}

static const char *value_after(char **at)
{
    if (!at[1])
        usage_fail("a value is missing after", at[0]);
    return at[1];
}

int main(int argc, char **argv)
{
    (void)argc;
    arguments = argv;
    for (char **at = argv + 1; *at; at += 2) {
        if (strcmp(*at, "--listen") == 0)
            listen_at = value_after(at);
        else if (strcmp(*at, "--image") == 0)
            image_path = value_after(at);
        else if (strcmp(*at, "--nv") == 0)
            nv_path = value_after(at);
        else if (strcmp(*at, "--uid") == 0)
            uid_value = strtoull(value_after(at), NULL, 16);
        else
            usage_fail("unknown option", *at);
    }
    return nt_program_run();
}
