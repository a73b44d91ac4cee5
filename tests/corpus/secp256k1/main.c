#include "workload.h"
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_preallocated.h>
#include <secp256k1_recovery.h>

/* The package gives every symbol a prefix with its own version. */
#define S(name) rustsecp256k1_v0_14_##name

enum { ROUNDS = 1500 };

static void fill(unsigned char out[32], uint64_t *random)
{
    for (int i = 0; i < 32; i++)
        out[i] = next_random(random);
}

int main(void)
{
    uint64_t random = 11, sum = 0;
    void *memory = allocate(S(context_preallocated_size)(SECP256K1_CONTEXT_NONE));
    S(context) *context = S(context_preallocated_create)(memory, SECP256K1_CONTEXT_NONE);
    S(pubkey) last = {{0}};
    for (int i = 0; i < ROUNDS; i++) {
        unsigned char secret[32], message[32], bytes[65], shared[32];
        size_t size = sizeof bytes;
        int recovery;
        S(pubkey) key, recovered;
        S(ecdsa_signature) plain;
        S(ecdsa_recoverable_signature) signature;
        fill(secret, &random);
        fill(message, &random);
        require(S(ec_pubkey_create)(context, &key, secret), "key");
        require(S(ecdsa_sign_recoverable)(context, &signature, message, secret, NULL, NULL), "sign");
        S(ecdsa_recoverable_signature_convert)(context, &plain, &signature);
        require(S(ecdsa_verify)(context, &plain, message, &key), "verify");
        require(S(ecdsa_recover)(context, &recovered, &signature, message), "recover");
        require(S(ec_pubkey_cmp)(context, &key, &recovered) == 0, "recovered key");
        message[i % 32] ^= 1 << i % 8;
        require(!S(ecdsa_verify)(context, &plain, message, &key), "forged message");
        require(S(ecdh)(context, shared, i ? &last : &key, secret, NULL, NULL), "shared secret");
        S(ecdsa_recoverable_signature_serialize_compact)(context, bytes, &recovery, &signature);
        sum = sum * 31 + fnv1a(bytes, 64) + recovery + fnv1a(shared, sizeof shared);
        S(ec_pubkey_serialize)(context, bytes, &size, &key, SECP256K1_EC_UNCOMPRESSED);
        sum ^= fnv1a(bytes, size);
        last = key;
    }
    printf("%d rounds, sum %016llx\n", ROUNDS, (unsigned long long)sum);
}
