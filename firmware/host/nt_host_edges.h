/* Edges: the smallest sum at which a neuron spikes in one step from rest; private to firmware/host. */
#ifndef NT_HOST_EDGES_H
#define NT_HOST_EDGES_H

#include "nt_host_model.h"

/* Of one block; `low` to `high` are the sums at which noise matters, unused without noise. */
struct nt_host_edges {
    int16_t *spike;
    int16_t *low;
    int16_t *high;
};

/* Finds the edges of some blocks of a layer anew, none of whose domains is split; a layer whose sums may leave 16 bits has
   none. */
void nt_host_edges_find(const struct nt_host_isa *isa, const struct nt_host_point_layer *layer, uint32_t first,
                        uint32_t blocks);

struct nt_host_edges nt_host_edges_at(const struct nt_host_point_layer *layer, uint32_t block);

/* One step from rest of the rows of a block, whose sums are narrow; `room` holds an entry for each neuron of a tile. */
void nt_host_edges_run(const struct nt_host_isa *isa, const struct nt_host_edges *edges,
                       const struct nt_host_cells *cells, const struct nt_host_rows *rows, const struct nt_host_out *out,
                       uint16_t *room);

#endif
