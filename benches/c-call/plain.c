#include <stdint.h>

uint32_t plain_add(void *self, int32_t a, int32_t b, int32_t *result)
{
    (void)self;
    *result = a + b;
    return 0;
}
