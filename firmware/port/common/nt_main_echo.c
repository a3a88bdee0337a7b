/* Main program for the first steps on a new board: tells who it is and echoes every byte with bit 5 flipped, so that
 * boot, link, interrupts, clock, reset and NV are proven before the core comes in. A zero byte begins a command of one
 * byte: 't' microseconds, 's' stack used, 'u' unique id, 'b' reset reason, 'i' image bytes, 'n' NV self-test,
 * 'r' reset, 'd' stand still for 100 ms without reading, 'w' stop feeding the watchdog. */
#include "nt_port.h"

#ifdef __arm__
#include "nt_cortex.h"
#else
static uint32_t nt_stack_used(void)
{
    return 0;
}
#endif

static const struct nt_hal *hal;

static void bytes_send(const uint8_t *data, size_t length)
{
    while (length > 0) {
        int sent = hal->tx_write(hal->context, data, length);

        if (sent < 0)
            return;
        data += sent;
        length -= (size_t)sent;
        hal->watchdog_feed(hal->context);
    }
}

static void hex_send(char tag, uint64_t value, int digits)
{
    uint8_t text[20];
    int n = 0;

    text[n++] = (uint8_t)tag;
    while (digits-- > 0)
        text[n++] = (uint8_t) "0123456789abcdef"[value >> (4 * digits) & 15];
    text[n++] = '\n';
    bytes_send(text, (size_t)n);
}

/* 0 good, else the step that failed. */
static uint32_t nv_try(void)
{
    uint8_t word[8] = {1, 2, 3, 4, 5, 6, 7, 8}, back[8];

    for (int area = 0; area < 2; area++) {
        uint32_t last = hal->nv_area_bytes - 8;

        if (hal->nv_erase(hal->context, area) < 0)
            return 1;
        if (hal->nv_read(hal->context, area, last, back, 8) < 0 || back[7] != 0xFF)
            return 2;
        if (hal->nv_program(hal->context, area, last, word, 8) < 0)
            return 3;
        if (hal->nv_read(hal->context, area, last, back, 8) < 0 || back[0] != 1 || back[7] != 8)
            return 4;
        if (hal->nv_program(hal->context, area, last + 8, word, 8) >= 0)
            return 5; /* outside the area */
    }
    return 0;
}

static void command_run(uint8_t command)
{
    uint8_t uid[8];
    uint64_t value = 0;

    switch (command) {
    case 't':
        hex_send('t', hal->time_us(hal->context), 8);
        break;
    case 's':
        hex_send('s', nt_stack_used(), 8);
        break;
    case 'u':
        (void)hal->uid_read(hal->context, uid);
        for (int i = 7; i >= 0; i--)
            value = value << 8 | uid[i];
        hex_send('u', value, 16);
        break;
    case 'b':
        hex_send('b', hal->reset_reason, 8);
        break;
    case 'i':
        hex_send('i', hal->image_bytes, 8);
        break;
    case 'n':
        hex_send('n', nv_try(), 8);
        break;
    case 'r':
        hal->reset(hal->context);
        break;
    case 'd':
        for (uint32_t begin = hal->time_us(hal->context); hal->time_us(hal->context) - begin < 100000;)
            ;
        break;
    case 'w':
        for (;;)
            ;
    default:
        hex_send('?', command, 2);
    }
}

int nt_program_run(void)
{
    static uint8_t data[256];
    bool command = false;

    hal = nt_port_init();
    bytes_send((const uint8_t *)NT_BOOT_MARKER, NT_BOOT_MARKER_BYTES);
    for (;;) {
        int count = hal->rx_read(hal->context, data, sizeof data);

        hal->watchdog_feed(hal->context);
        if (count <= 0) {
            hal->idle_wait(hal->context);
            continue;
        }
        for (int i = 0; i < count; i++) {
            if (command)
                command_run(data[i]);
            else if (data[i] != 0)
                bytes_send(&(uint8_t){(uint8_t)(data[i] ^ 0x20u)}, 1);
            command = !command && data[i] == 0;
        }
    }
}
