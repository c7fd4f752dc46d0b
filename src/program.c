/* program.c - the list of passes, and how much memory its execution takes. */
#include "program.h"

void bfly_program_init(bfly_program *P, int op, int order, int form, bfly_int n, int complex_w, int complex_x,
                       int logw, int most)
{
    bfly_program_set(P, op, order, form, n, complex_w, complex_x, logw, most, logw + 2);
}

/* log2 of the vectors that share a row */
static int log_per_row(const bfly_program *P)
{
    const int spare = P->logw + 2 - P->logn;
    return spare > 0 ? spare : 0;
}

/* Vectors of the caller that one tile takes: a full set of rows while the tile stays in the cache, fewer beyond. */
bfly_int bfly_tile_count(const bfly_program *P, size_t size)
{
    bfly_int rows = P->complex_x ? BFLY_TILE_VECTORS / 2 : BFLY_TILE_VECTORS;
    if ((size_t)P->row * size * BFLY_TILE_VECTORS > 512 * 1024) rows /= 2;
    return rows << log_per_row(P);
}

size_t bfly_coef_bytes(const bfly_program *P, size_t size)
{
    return (size_t)P->ncoef * (P->complex_w ? 2 : 1) * (size << P->logw);
}

size_t bfly_tile_bytes(const bfly_program *P, size_t size, bfly_int count)
{
    const int log = log_per_row(P);
    const size_t rows = (size_t)(count + ((bfly_int)1 << log) - 1) >> log;
    const size_t bytes = rows * (size_t)P->row * size * (P->complex_x ? 2 : 1);
    return (bytes + BFLY_ALIGN - 1) & ~(size_t)(BFLY_ALIGN - 1);
}
