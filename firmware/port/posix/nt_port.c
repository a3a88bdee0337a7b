/* Port to a POSIX host: the firmware as a process, a simulated chip for any program that opens a serial port.
 * A reset is an exec of the same program; link and NV go on as descriptors, everything else begins anew. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "nt_error.h"
#include "nt_messages.h"
#include "nt_nv_area.h"
#include "nt_port.h"

#define SCRATCH_BYTES (64u << 20) /* untouched pages cost nothing */
#define AREA_BYTES 0x40000u
#define RETAINED_BYTES 0x10000u /* behind the areas; whole pages of any host */
#define FILE_BYTES (2u * AREA_BYTES + RETAINED_BYTES)
#define BOOT_VARIABLE "NT_CHIP_BOOT"
#define EXIT_USAGE 2
#define IDLE_MS 10

/* What a reset must keep lies in descriptors of fixed numbers, which an exec leaves open; no other is that high. */
enum { FD_LISTENER = 200, FD_RX, FD_TX, FD_NV };

enum option { LISTEN, IMAGE, NV, UID, OPTIONS };
static const char *const names[OPTIONS] = {"--listen", "--image", "--nv", "--uid"};
static const char *values[OPTIONS] = {"stdio", NULL, NULL, "1"};
static char **arguments;

/* The NV areas, and behind them the core's memory. The file lies over the areas and the first bytes of that memory,
 * which therefore outlive a reset, as they do on a board. */
static _Alignas(RETAINED_BYTES) uint8_t memory[2 * AREA_BYTES + SCRATCH_BYTES];

static _Noreturn void usage_fail(const char *cause, const char *seen)
{
    fprintf(stderr, "error: %s: %s\n"
            "usage: nt-chip [--listen stdio|pty|unix:PATH|tcp:PORT] [--image FILE] [--nv FILE] [--uid HEX]\n"
            "The firmware as a process. The address to connect to is the first line of the output.\n", cause,
            seen ? seen : "temporary file");
    exit(EXIT_USAGE);
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

static bool client_take(int rx, int tx)
{
    bool is_taken = rx >= 0 && fcntl(rx, F_SETFL, fcntl(rx, F_GETFL) | O_NONBLOCK) == 0 &&
                    dup2(rx, FD_RX) >= 0 && dup2(tx, FD_TX) >= 0;

    if (rx > STDERR_FILENO)
        close(rx);
    return is_taken;
}

static bool is_connected(void)
{
    int client = is_open(FD_RX) ? -1 : accept(FD_LISTENER, NULL, NULL);

    return is_open(FD_RX) || client_take(client, client);
}

/* The other end is gone: wait for the next one, or end with the pipe. */
static void client_drop(void)
{
    if (!is_open(FD_LISTENER))
        exit(0);
    close(FD_RX);
    close(FD_TX);
}

static bool socket_listen(int domain, const void *address, socklen_t bytes)
{
    int listener = socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return bind(listener, address, bytes) == 0 && listen(listener, 1) == 0 &&
           dup2(listener, FD_LISTENER) >= 0 && close(listener) == 0;
}

static bool unix_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    return strlen(path) < sizeof address.sun_path && strcpy(address.sun_path, path) &&
           (unlink(path) == 0 || errno == ENOENT) && socket_listen(AF_UNIX, &address, sizeof address) &&
           printf("unix:%s\n", path) > 0;
}

/* Loopback only: the wire knows no password. Port 0 takes a free one. */
static bool tcp_open(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;

    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    return socket_listen(AF_INET, &address, sizeof address) &&
           getsockname(FD_LISTENER, (struct sockaddr *)&address, &bytes) == 0 &&
           printf("socket://127.0.0.1:%u\n", ntohs(address.sin_port)) > 0;
}

/* Our own handle on the slave side is never closed: without one the master reports an error when a host leaves. */
static bool pty_open(void)
{
    struct termios settings;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    bool is_good = master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0;
    int slave = is_good ? open(ptsname(master), O_RDWR | O_NOCTTY) : -1;

    if (slave < 0 || tcgetattr(slave, &settings) < 0)
        return false;
    settings.c_iflag = settings.c_oflag = settings.c_lflag = 0; /* raw: every byte passes unchanged */
    return tcsetattr(slave, TCSANOW, &settings) == 0 && printf("%s\n", ptsname(master)) > 0 &&
           client_take(master, master);
}

static bool link_open(const char *where)
{
    struct pollfd first_client = {.fd = FD_LISTENER, .events = POLLIN};
    bool is_good = false;

    if (strcmp(where, "stdio") == 0)
        is_good = client_take(STDIN_FILENO, STDOUT_FILENO);
    else if (strcmp(where, "pty") == 0)
        is_good = pty_open();
    else if (strncmp(where, "unix:", 5) == 0)
        is_good = unix_open(where + 5);
    else if (strncmp(where, "tcp:", 4) == 0)
        is_good = tcp_open(where + 4);
    fflush(stdout);
    /* A chip with a socket boots when somebody listens, so that its boot marker is seen. */
    while (is_good && !is_connected())
        poll(&first_client, 1, -1);
    return is_good;
}

/* A call that moves bytes ends with 0 only where the other end is gone: nobody asks for none. */
static int bytes_moved(ssize_t count)
{
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        client_drop();
    return count > 0 ? (int)count : 0;
}

static int rx_read(void *context, uint8_t *data, size_t capacity)
{
    (void)context;
    return is_connected() ? bytes_moved(read(FD_RX, data, capacity)) : 0;
}

/* With nobody connected the bytes go nowhere, as on a UART. */
static int tx_write(void *context, const uint8_t *data, size_t length)
{
    (void)context;
    return is_connected() ? bytes_moved(write(FD_TX, data, length)) : (int)length;
}

static void idle_wait(void *context)
{
    struct pollfd wait = {.fd = is_connected() ? FD_RX : FD_LISTENER, .events = POLLIN};

    (void)context;
    poll(&wait, 1, IDLE_MS);
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
    uint64_t value = strtoull(values[UID], NULL, 16);

    (void)context;
    for (int i = 0; i < 8; i++)
        uid[i] = (uint8_t)(value >> (8 * i));
    return 0;
}

static void reset(void *context)
{
    (void)context;
    setenv(BOOT_VARIABLE, "again", 1);
    execvp(arguments[0], arguments);
    perror("error: the simulated chip cannot start itself again");
    exit(1);
}

static void image_load(struct nt_hal *hal)
{
    struct stat status = {0};
    int file = open(values[IMAGE], O_RDONLY);

    if (fstat(file, &status) == 0)
        hal->image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (!hal->image || hal->image == MAP_FAILED)
        usage_fail("the chip image cannot be read", values[IMAGE]);
    close(file);
    hal->image_bytes = (size_t)status.st_size;
}

/* The file of the NV areas, made if absent, or one without a name; true where it holds data. */
static bool nv_open(void)
{
    FILE *unnamed = values[NV] ? NULL : tmpfile();
    int file = unnamed ? fileno(unnamed) : open(values[NV], O_RDWR | O_CREAT, 0644);
    struct stat status = {0};

    /* Cut and grown again: what outlives a reset does not outlive the process. */
    if (fstat(file, &status) < 0 || (status.st_size != 0 && status.st_size != (off_t)FILE_BYTES) ||
        ftruncate(file, 2 * AREA_BYTES) < 0 || ftruncate(file, FILE_BYTES) < 0 || dup2(file, FD_NV) < 0)
        usage_fail("the NV file cannot be used", values[NV]);
    close(file);
    return status.st_size != 0;
}

const struct nt_hal *nt_port_init(void)
{
    static struct nt_hal hal = {
        .rx_read = rx_read,
        .tx_write = tx_write,
        .baud_set = baud_set,
        .time_us = time_us,
        .idle_wait = idle_wait,
        .watchdog_feed = watchdog_feed,
        .nv_read = nt_nv_area_read,
        .nv_program = nt_nv_ram_program,
        .nv_erase = nt_nv_ram_erase,
        .uid_read = uid_read,
        .reset = reset,
        .nv_area_bytes = AREA_BYTES,
        .nv_word_bytes = NT_NV_WORD_BYTES,
        .reset_reason = NT_RESET_REASON_POWER_ON,
    };
    bool is_reset = getenv(BOOT_VARIABLE) != NULL;
    uint32_t magic = is_reset || nv_open() ? NT_NV_RAM_MAGIC : 0;

    signal(SIGPIPE, SIG_IGN);
    unsetenv(BOOT_VARIABLE);
    if (mmap(memory, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, FD_NV, 0) == MAP_FAILED)
        usage_fail("the NV file cannot be mapped", values[NV]);
    nt_nv_ram_begin((uint32_t *)memory, AREA_BYTES, &magic);
    if (values[IMAGE])
        image_load(&hal);
    if (is_reset)
        hal.reset_reason = NT_RESET_REASON_SOFTWARE;
    else if (!link_open(values[LISTEN]))
        usage_fail("cannot listen", values[LISTEN]);
    return &hal;
}

uint8_t *nt_port_scratch(size_t *bytes)
{
    *bytes = SCRATCH_BYTES;
    return memory + 2 * AREA_BYTES;
}

int main(int argc, char **argv)
{
    arguments = argv;
    for (int i = 1; i < argc; i += 2) {
        unsigned option = 0;

        while (option < OPTIONS && strcmp(argv[i], names[option]) != 0)
            option++;
        if (option == OPTIONS || i + 1 == argc)
            usage_fail("an unknown option, or no value after it", argv[i]);
        values[option] = argv[i + 1];
    }
    return nt_program_run();
}
