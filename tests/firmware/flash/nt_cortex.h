/* Stands in for port/common/nt_cortex.h when the flash driver is compiled as C++ for the host: each register and each
 * word of flash that it touches goes to the simulated controller. */
#ifndef NT_CORTEX_H
#define NT_CORTEX_H

#include <stdbool.h>
#include <stdint.h>

#include "controller.h"

class SimulatedRegister {
public:
    explicit SimulatedRegister(uintptr_t address) : at(address) {}
    operator uint32_t() const { return controller_load(at); }
    void operator=(uint32_t value) { controller_store(at, value); }
    void operator|=(uint32_t value) { controller_store(at, controller_load(at) | value); }

private:
    uintptr_t at;
};

#define NT_REGISTER(address) SimulatedRegister((uintptr_t)(address))

static inline void nt_memory_barrier(void)
{
}

#endif
