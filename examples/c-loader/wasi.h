/* Between the loader and the host functions. */
#ifndef WASI_H
#define WASI_H

#include <stddef.h>

#include "abi.h"

/* The guest's memory and its length in bytes. */
extern uint8_t *memory;
extern uint64_t length;

/* The program's arguments, and what it has exited with. */
extern int argument_count;
extern char **arguments;
extern int exit_code;

/* A status of ours: the program has exited. */
enum { STATUS_EXIT = 0x100 };

/* Makes `host` the function of a name. */
void wasi_bind(host_context *host, const char *name, size_t size);

#endif
