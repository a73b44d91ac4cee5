/* An instance, and its traps. */
#ifndef INSTANCE_H
#define INSTANCE_H

#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0602
#include <windows.h>

#include "../c-loader/abi.h"

/* An instance. C code has the address of its vmctx, which leads back here. */
typedef struct instance {
    vm_context *vmctx;
    const descriptor *module;
    uint8_t *text;
    store_context store;
    uint8_t *memory; /* the first one */
    uint64_t length, limit;
    uint8_t *dropped; /* for each data segment */
    struct host *hosts;
    struct instance *next;
} instance;

/* All instances, for the handler of exceptions. */
extern instance *instances;
extern SRWLOCK lock;

static inline const void *at(const descriptor *module, slice records, uint32_t index, size_t size)
{
    return (const uint8_t *)module + records.offset + index * size;
}
#define AT(type, table, index) ((const type *)at(module, module->table, (index), sizeof(type)))
#define SLOT(type, offset) ((type *)((uint8_t *)self->vmctx + (offset)))

/* Starts to make traps of exceptions, once. */
void catch_exceptions(void);

/* Ends the innermost call into an instance. Does not return. */
void raise_in(instance *self, uint32_t status);

#endif
