// integer: inverses modulo 2^255 - 19, by products of 64 and 64 bits to 128
#include "kernel.h"

/* Five limbs of 51 bits. */
typedef struct { uint64_t limb[5]; } field;
typedef unsigned __int128 wide;

static const uint64_t MASK = ((uint64_t)1 << 51) - 1;

static field multiply(const field *a, const field *b)
{
    wide t[5];
    for (int i = 0; i < 5; i++) {
        t[i] = 0;
        for (int j = 0; j < 5; j++) {
            int k = i - j;
            t[i] += (wide)a->limb[j] * (k >= 0 ? b->limb[k] : 19 * b->limb[k + 5]);
        }
    }
    field product;
    uint64_t carry = 0;
    for (int i = 0; i < 5; i++) {
        t[i] += carry;
        product.limb[i] = (uint64_t)t[i] & MASK;
        carry = (uint64_t)(t[i] >> 51);
    }
    product.limb[0] += carry * 19;
    product.limb[1] += product.limb[0] >> 51;
    product.limb[0] &= MASK;
    return product;
}

/* To the power 2^255 - 21, which is the inverse: the exponent has ones but in two
 * places, bits 2 and 4. */
static field invert(const field *a)
{
    field result = *a;
    for (int bit = 253; bit >= 0; bit--) {
        result = multiply(&result, &result);
        if (bit != 2 && bit != 4)
            result = multiply(&result, a);
    }
    return result;
}

static void reduce(field *a)
{
    for (int pass = 0; pass < 2; pass++) {
        uint64_t carry = pass == 0 ? 0 : 19;
        for (int i = 0; i < 5; i++) {
            a->limb[i] += carry;
            carry = a->limb[i] >> 51;
            a->limb[i] &= MASK;
        }
        if (pass == 0)
            a->limb[0] += 19 * carry;
        else if (carry == 0) /* it was less than the modulus: take 19 away again */
            for (int i = 0, borrow = 19; i < 5; i++) {
                uint64_t value = a->limb[i] - borrow;
                borrow = value >> 63;
                a->limb[i] = value & MASK;
            }
    }
}

int main(int argc, char **argv)
{
    field value = { { 0x123456789abcd, 0x3333333333333, 0x1555555555555, 0x7654321012345, 0x2468ace02468a } };
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 60) * 400; n > 0; n--) {
        field inverse = invert(&value);
        field one = multiply(&value, &inverse);
        reduce(&one);
        expect(one.limb[0] == 1 && one.limb[1] == 0 && one.limb[4] == 0, "a number times its inverse");
        inverse.limb[0] ^= n;
        value = inverse;
        sum = mix(sum, value.limb[3]);
    }
    print_sum(sum);
}
