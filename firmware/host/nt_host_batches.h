/* Minibatches of a learning loop: the numbers of numpy.random.Generator(PCG64), a batch per seed. */
#ifndef NT_HOST_BATCHES_H
#define NT_HOST_BATCHES_H

#include <stdint.h>

/* Draws `n_batches` batches of `size` rows. `seeds` are four words for each, as SeedSequence gives them to PCG64. Rows lie
   class by class in `by_class`, those of each of `n_classes` from its `first` on; `order` has room for as many. A batch takes
   classes in turn, in a permutation of its own, and a row of each at random: Generator.permutation(n_classes), then for each
   place Generator.integers(count of its class). Counts are 1..2^31. */
void nt_host_batches_draw(const uint64_t *seeds, uint32_t n_batches, uint32_t size, const int64_t *by_class,
                          const int64_t *first, const int64_t *counts, uint32_t n_classes, uint32_t *order,
                          int64_t *rows);

#endif
