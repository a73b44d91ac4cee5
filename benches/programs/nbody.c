// float: five bodies that attract one another
#include "kernel.h"
#include <math.h>

enum { BODIES = 5 };
static struct body { double x, y, z, vx, vy, vz, mass; } bodies[BODIES];

static void advance(double dt)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *a = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double square = dx * dx + dy * dy + dz * dz + 0.01;
            double force = dt / (square * sqrt(square));
            a->vx -= dx * b->mass * force;
            a->vy -= dy * b->mass * force;
            a->vz -= dz * b->mass * force;
            b->vx += dx * a->mass * force;
            b->vy += dy * a->mass * force;
            b->vz += dz * a->mass * force;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        bodies[i].x += dt * bodies[i].vx;
        bodies[i].y += dt * bodies[i].vy;
        bodies[i].z += dt * bodies[i].vz;
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *body = &bodies[i];
        double *values[] = { &body->x, &body->y, &body->z, &body->vx, &body->vy, &body->vz, &body->mass };
        for (int k = 0; k < 7; k++)
            *values[k] = random_unit();
    }
    for (int n = rounds(argc, argv, 40) * 100000; n > 0; n--)
        advance(0.001);
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++)
        sum = mix_double(mix_double(sum, bodies[i].x), bodies[i].vy);
    print_sum(sum);
}
