/* Random numbers: the Mersenne Twister with the draws of NumPy's legacy generator, so that a seeded operator gives what the
 * ONNX reference gives. */
#ifndef IG_OPS_GENERATOR_RANDOM_H
#define IG_OPS_GENERATOR_RANDOM_H

#include "ops/op.h"

enum { IG_TWISTER = 624 };

typedef struct ig_random {
    uint32_t state[IG_TWISTER];
    size_t at;
    bool has_spare;
    double spare;
} ig_random;

void ig_random_start(ig_random *r, uint32_t seed);
/* By the node's `seed` attribute when it is given, otherwise by the run. */
void ig_random_start_node(ig_random *r, ig_call *c);
uint32_t ig_random_u32(ig_random *r);
double ig_random_unit(ig_random *r);   /* [0, 1), 53 bits */
double ig_random_normal(ig_random *r); /* mean 0, deviation 1 */

#endif
