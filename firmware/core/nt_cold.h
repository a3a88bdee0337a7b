/* Marks what runs once per boot, batch or commit: small rather than fast, at any level of optimisation. What only such
   functions call is treated alike. */
#ifndef NT_COLD_H
#define NT_COLD_H

#define NT_COLD __attribute__((cold))

#endif
