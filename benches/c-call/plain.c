/* The same as the exports, with the same signatures; in a file of its own, so that
 * a call is one. */
#include <stdint.h>

uint32_t plain_add(void *self, int32_t a, int32_t b, int32_t *result)
{
    (void)self;
    *result = (int32_t)((uint32_t)a + (uint32_t)b);
    return 0;
}

static const uint8_t memory[65536];

uint32_t plain_fetch(void *self, int32_t a, int32_t b, int32_t *result)
{
    (void)self;
    *result = (int32_t)((uint32_t)a + ((const volatile uint8_t *)memory)[b]);
    return 0;
}

uint32_t plain_divide(void *self, int32_t a, int32_t b, int32_t *result)
{
    (void)self;
    *result = (int32_t)((uint32_t)a / (uint32_t)b + (uint32_t)b);
    return 0;
}
