/* The POSIX port with one planted fault, named by NT_FAULT: each breaks one promise of nt_hal.h. Linked before the real
 * nt_port_init, which the main program is compiled not to call (test_faults.py). */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nt_error.h"
#include "nt_messages.h"
#include "nt_port.h"

const struct nt_hal *nt_faulty_port_init(void);

#define BURST 64 /* bytes that the core asks for at once */

static const struct nt_hal *good;
static struct nt_hal faulty;
static uint64_t sent_total;
static uint8_t kept[8];
static size_t kept_bytes;

static int burst_drops_a_byte(void *context, uint8_t *data, size_t capacity)
{
    static uint32_t bursts;
    int count = good->rx_read(context, data, capacity);

    if (count < BURST || ++bursts % 16 != 0)
        return count;
    memmove(data + 20, data + 21, (size_t)count - 21);
    return count - 1;
}

static int burst_repeats_a_byte(void *context, uint8_t *data, size_t capacity)
{
    static uint32_t bursts;
    int count = good->rx_read(context, data, capacity - 1);

    if (count < BURST - 1 || ++bursts % 16 != 0)
        return count;
    memmove(data + 21, data + 20, (size_t)count - 20);
    return count + 1;
}

static int bit_7_is_lost(void *context, uint8_t *data, size_t capacity)
{
    int count = good->rx_read(context, data, capacity);

    for (int i = 0; i < count; i++)
        data[i] &= 0x7F;
    return count;
}

static int single_bytes_are_lost(void *context, uint8_t *data, size_t capacity)
{
    static uint32_t singles;
    int count = good->rx_read(context, data, capacity);

    return count == 1 && ++singles % 7 == 0 ? 0 : count;
}

/* A run of zeros is a break to a UART, whose error flag nobody clears. */
static int break_jams_reception(void *context, uint8_t *data, size_t capacity)
{
    static int zeros;
    int count = zeros < 100 ? good->rx_read(context, data, capacity) : 0;

    for (int i = 0; i < count; i++)
        zeros = data[i] == 0 ? zeros + 1 : 0;
    return count;
}

/* Deep sleep: the oscillator is late for the first byte, and the next ones are spoiled. */
static int sleep_loses_the_first_bytes(void *context, uint8_t *data, size_t capacity)
{
    static uint32_t heard_us;
    uint32_t idle_us = good->time_us(context) - heard_us;
    int count = good->rx_read(context, data, capacity);

    if (count <= 0)
        return count;
    heard_us = good->time_us(context);
    return idle_us < 2000000 || count < 4 ? count : 0;
}

/* Takes a long answer for sent when its beginning is. */
static int tx_is_truncated(void *context, const uint8_t *data, size_t length)
{
    int sent = good->tx_write(context, data, length < 256 ? length : 256);

    return sent < 0 ? sent : sent == 256 ? (int)length : sent;
}

static int no_marker(void *context, const uint8_t *data, size_t length)
{
    sent_total += length;
    return sent_total <= NT_BOOT_MARKER_BYTES ? (int)length : good->tx_write(context, data, length);
}

static void kept_send(void *context)
{
    if (kept_bytes > 0)
        (void)good->tx_write(context, kept, kept_bytes);
    kept_bytes = 0;
}

/* The last bytes wait in a FIFO, and a reset forgets them. */
static int reset_forgets_last_bytes(void *context, const uint8_t *data, size_t length)
{
    kept_send(context);
    if (length > sizeof kept)
        return good->tx_write(context, data, length - sizeof kept);
    memcpy(kept, data, length);
    kept_bytes = length;
    return (int)length;
}

static void kept_idle(void *context)
{
    kept_send(context);
    good->idle_wait(context);
}

static int uid_changes(void *context, uint8_t uid[8])
{
    int result = good->uid_read(context, uid);
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    uid[0] ^= (uint8_t)(now.tv_nsec >> 10);
    uid[1] ^= (uint8_t)(now.tv_nsec >> 18);
    return result;
}

static int program_says_yes(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    (void)context, (void)area, (void)offset, (void)data, (void)length;
    return 0;
}

/* Two of the address lines of a sector are not driven. */
static int areas_wrap(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    return good->nv_program(context, area, offset & 0x7FF, data, length);
}

static int erase_says_yes(void *context, int area)
{
    (void)context, (void)area;
    return 0;
}

static int erase_hits_both_areas(void *context, int area)
{
    int first = good->nv_erase(context, area);
    int second = good->nv_erase(context, area ^ 1);

    return first < 0 ? first : second;
}

static uint32_t clock_is_fast(void *context)
{
    return good->time_us(context) * 2;
}

static uint32_t clock_is_slow(void *context)
{
    return good->time_us(context) / 2;
}

static uint32_t clock_stands_still(void *context)
{
    (void)context;
    return 0;
}

static void sleeps_until_a_byte(void *context)
{
    struct pollfd line = {.fd = 201, .events = POLLIN}; /* FD_RX of the port */

    (void)context;
    poll(&line, 1, -1);
}

static void reset_does_nothing(void *context)
{
    (void)context;
}

static void nv_forget(void)
{
    for (int area = 0; area < 2; area++)
        (void)good->nv_erase(good->context, area);
}

static void fault_plant(const char *name)
{
#define PLANT(member, function)                                                                                       \
    if (strcmp(name, #function) == 0)                                                                                 \
        faulty.member = function
    PLANT(rx_read, burst_drops_a_byte);
    PLANT(rx_read, burst_repeats_a_byte);
    PLANT(rx_read, bit_7_is_lost);
    PLANT(rx_read, single_bytes_are_lost);
    PLANT(rx_read, break_jams_reception);
    PLANT(rx_read, sleep_loses_the_first_bytes);
    PLANT(tx_write, tx_is_truncated);
    PLANT(tx_write, no_marker);
    PLANT(tx_write, reset_forgets_last_bytes);
    PLANT(uid_read, uid_changes);
    PLANT(nv_program, program_says_yes);
    PLANT(nv_program, areas_wrap);
    PLANT(nv_erase, erase_says_yes);
    PLANT(nv_erase, erase_hits_both_areas);
    PLANT(time_us, clock_is_fast);
    PLANT(time_us, clock_is_slow);
    PLANT(time_us, clock_stands_still);
    PLANT(idle_wait, sleeps_until_a_byte);
    PLANT(reset, reset_does_nothing);
    if (strcmp(name, "reset_forgets_last_bytes") == 0)
        faulty.idle_wait = kept_idle;
    if (strcmp(name, "nv_forgets") == 0)
        nv_forget();
    if (strcmp(name, "reason_is_always_power_on") == 0)
        faulty.reset_reason = NT_RESET_REASON_POWER_ON;
    if (strcmp(name, "image_is_another") == 0)
        faulty.image_bytes -= 1;
}

const struct nt_hal *nt_faulty_port_init(void)
{
    const char *name = getenv("NT_FAULT");

    good = nt_port_init();
    faulty = *good;
    fault_plant(name ? name : "none");
    return &faulty;
}
