/* The chip's link on a host: standard input and output, a pseudo-terminal, or a listening socket with one client. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "nt_posix.h"

#define IDLE_MS 10

static int listener = -1;
static int client = -1; /* -2: standard input and output */

static int is_stdio(void)
{
    return client == -2;
}

static int rx_descriptor(void)
{
    return is_stdio() ? STDIN_FILENO : client;
}

static void nonblocking_set(int descriptor)
{
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

static int socket_listen(int domain, const void *address, socklen_t bytes)
{
    int one = 1;

    listener = socket(domain, SOCK_STREAM, 0);
    if (listener < 0)
        return -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, address, bytes) < 0 || listen(listener, 1) < 0)
        return -1;
    nonblocking_set(listener);
    return 0;
}

static int unix_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    unlink(path);
    if (socket_listen(AF_UNIX, &address, sizeof address) < 0)
        return -1;
    printf("unix:%s\n", path);
    return 0;
}

/* Loopback only: the wire knows no password. Port 0 takes a free one. */
static int tcp_open(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;

    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    if (socket_listen(AF_INET, &address, sizeof address) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) < 0)
        return -1;
    printf("socket://127.0.0.1:%u\n", ntohs(address.sin_port));
    return 0;
}

/* Our own handle on the slave side is never closed: without one the master reports an error when a host leaves. */
static int pty_open(void)
{
    struct termios settings;
    int slave;

    client = posix_openpt(O_RDWR | O_NOCTTY);
    if (client < 0 || grantpt(client) < 0 || unlockpt(client) < 0)
        return -1;
    slave = open(ptsname(client), O_RDWR | O_NOCTTY);
    if (slave < 0 || tcgetattr(slave, &settings) < 0)
        return -1;
    settings.c_iflag = settings.c_oflag = settings.c_lflag = 0; /* raw: every byte passes unchanged */
    tcsetattr(slave, TCSANOW, &settings);
    nonblocking_set(client);
    printf("%s\n", ptsname(client));
    return 0;
}

static int is_connected(void)
{
    if (client == -1 && listener >= 0) {
        client = accept(listener, NULL, NULL);
        if (client >= 0)
            nonblocking_set(client);
    }
    return client != -1;
}

/* A chip with a socket boots when somebody listens, so that its boot marker is seen. */
static void first_client_await(void)
{
    struct pollfd wait = {.fd = listener, .events = POLLIN};

    while (!is_connected())
        poll(&wait, 1, -1);
}

int nt_posix_link_open(const char *where)
{
    int result = -1;

    if (strcmp(where, "stdio") == 0) {
        client = -2;
        nonblocking_set(STDIN_FILENO);
        return 0;
    }
    if (strcmp(where, "pty") == 0)
        result = pty_open();
    else if (strncmp(where, "unix:", 5) == 0)
        result = unix_open(where + 5);
    else if (strncmp(where, "tcp:", 4) == 0)
        result = tcp_open(where + 4);
    fflush(stdout);
    if (result == 0 && listener >= 0)
        first_client_await();
    return result;
}

void nt_posix_link_adopt(int old_listener, int old_client)
{
    listener = old_listener;
    client = old_client;
}

void nt_posix_link_tell(int *present_listener, int *present_client)
{
    *present_listener = listener;
    *present_client = client;
}

/* The other end is gone: wait for the next one, or end with the pipe. */
static void client_drop(void)
{
    if (is_stdio())
        exit(0);
    if (listener < 0)
        return;
    close(client);
    client = -1;
}

int nt_posix_rx_read(void *context, uint8_t *data, size_t capacity)
{
    ssize_t count;

    (void)context;
    if (!is_connected())
        return 0;
    count = read(rx_descriptor(), data, capacity);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR && errno != EIO))
        client_drop();
    return count > 0 ? (int)count : 0;
}

/* With nobody connected the bytes go nowhere, as on a UART. */
int nt_posix_tx_write(void *context, const uint8_t *data, size_t length)
{
    ssize_t count;

    (void)context;
    if (!is_connected())
        return (int)length;
    count = write(is_stdio() ? STDOUT_FILENO : client, data, length);
    if (count < 0 && errno != EAGAIN && errno != EINTR)
        client_drop();
    return count > 0 ? (int)count : 0;
}

void nt_posix_idle_wait(void *context)
{
    struct pollfd wait = {.fd = client == -1 ? listener : rx_descriptor(), .events = POLLIN};

    (void)context;
    poll(&wait, 1, IDLE_MS);
}
