/* Traps: hardware faults at places that the site table knows, which are exceptions on
 * Windows. A vectored handler sees them before anybody looks for frames of the system. */
#include "instance.h"

#include <stddef.h>

instance *instances;
SRWLOCK lock = SRWLOCK_INIT;

/* What a builtin wants to end a call with, while the exception is on its way. */
static __thread instance *raising;
static __thread uint32_t raised;

static uint64_t leb(const uint8_t **bytes)
{
    uint64_t number = 0;
    int shift = 0;
    do {
        number |= (uint64_t)(**bytes & 0x7f) << shift;
        shift += 7;
    } while (*(*bytes)++ & 0x80);
    return number;
}

/* The trap code of the instruction at an offset in the text, or 0. */
static uint32_t trap_at(const descriptor *module, uint64_t code)
{
    for (uint32_t i = 0; i < module->functions.count; i++) {
        const function_record *function = AT(function_record, functions, i);
        if (code < function->code || code - function->code >= function->size)
            continue;
        bool last = i + 1 == module->functions.count;
        uint32_t until = last ? module->sites.count : function[1].sites;
        const uint8_t *bytes = at(module, module->sites, function->sites, 1);
        const uint8_t *end = at(module, module->sites, until, 1);
        uint64_t here = function->code;
        while (bytes < end) {
            uint64_t head = leb(&bytes);
            uint32_t trap = head & 3;
            if (trap == 1)
                trap = MEMORY_OUT_OF_BOUNDS;
            else if (trap == 2)
                trap = *bytes++;
            leb(&bytes); /* where it comes from in the source */
            here += head >> 2;
            if (here == code && trap != 0)
                return trap;
        }
    }
    return 0;
}

/* Whose code runs where the frame pointer is this: the frame of the trampoline that
 * has entered an instance is among those around it. */
static instance *running(uintptr_t pc, uintptr_t fp)
{
    instance *found = NULL;
    bool ours = false;
    AcquireSRWLockShared(&lock);
    for (instance *self = instances; self != NULL; self = self->next)
        ours |= pc - (uintptr_t)self->text < self->module->text_size;
    while (ours && found == NULL && fp != 0) {
        for (instance *self = instances; self != NULL; self = self->next)
            if (self->store.entry != NULL && (uintptr_t)self->store.entry->fp == fp)
                found = self;
        uintptr_t outer = *(uintptr_t *)fp;
        fp = outer > fp ? outer : 0;
    }
    ReleaseSRWLockShared(&lock);
    return found;
}

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *exception)
{
    CONTEXT *machine = exception->ContextRecord;
    const EXCEPTION_RECORD *record = exception->ExceptionRecord;
    instance *self = raising;
    uint32_t status = raised;
    if (self == NULL) {
        self = running(machine->Rip, machine->Rbp);
        if (self == NULL)
            return EXCEPTION_CONTINUE_SEARCH;
        status = trap_at(self->module, machine->Rip - (uintptr_t)self->text);
        if (record->ExceptionCode == EXCEPTION_ACCESS_VIOLATION) {
            uint64_t distance = record->ExceptionInformation[1] - (uintptr_t)self->memory;
            if (self->memory == NULL || distance >= self->module->reservation + self->module->guard)
                status = 0;
        }
    }
    if (status == 0 || self->store.entry == NULL)
        return EXCEPTION_CONTINUE_SEARCH; /* not ours */
    raising = NULL;
    const entry *resume = self->store.entry;
    machine->Rip = (uintptr_t)resume->handler;
    machine->Rsp = (uintptr_t)resume->sp;
    machine->Rbp = (uintptr_t)resume->fp;
    machine->Rax = status;
    return EXCEPTION_CONTINUE_EXECUTION;
}

void catch_exceptions(void)
{
    static volatile LONG caught;
    if (InterlockedExchange(&caught, 1) == 0)
        AddVectoredExceptionHandler(1, on_exception);
}

/* A status goes the way of a fault, which needs no assembly. */
void raise_in(instance *self, uint32_t status)
{
    raising = self;
    raised = status;
    __builtin_trap();
}
