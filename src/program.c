/* program.c - the list of passes, and how much memory its execution takes. */
#include "program.h"

#define TILE_ROWS 16
#define TILE_BYTES (2.0 * 1024 * 1024)

void bfly_program_init(bfly_program *P, int op, int order, int form, bfly_int n, int complex_w, int complex_x,
                       int logw, int most)
{
    bfly_program_set(P, op, order, form, n, complex_w, complex_x, logw, most, logw + 2);
}

bfly_int bfly_vectors_of(const bfly_program *P, bfly_int rows) { return rows << bfly_log_per_row(P); }

/* Many rows share each coefficient that is loaded or packed, and pay for a tile beyond the first-level cache; not for one
 * beyond the second. (f32, n = 1024, 16 vectors: 8 rows take 1.04 times as long with AVX2 and 1.13 times with AVX-512.) */
static bfly_int tile_count(const bfly_program *P, size_t size, bfly_int count, int threads)
{
    const double row = (double)P->row * (double)size * (P->complex_x ? 2 : 1);
    const bfly_int rows = row * TILE_ROWS <= TILE_BYTES ? TILE_ROWS : P->complex_x ? 2 : 4;
    const bfly_int most = bfly_vectors_of(P, rows), pair = bfly_vectors_of(P, 2);
    if (threads == 1 && count <= most) return count;
    /* equal tiles, so that none has a row alone that reads all coefficients, and no thread waits long */
    const bfly_int share = (count + threads - 1) / threads, tiles = (share + most - 1) / most;
    const bfly_int each = ((share + tiles - 1) / tiles + pair - 1) / pair * pair;
    return each < count ? each : count;
}

bfly_int bfly_tile_count(const bfly_program *P, size_t size, bfly_int count, int threads, int *inside)
{
    const bfly_int alone = tile_count(P, size, count, 1);
    *inside = 1;
    if (threads == 1) return alone;
    *inside = bfly_threads_inside(threads, bfly_tiles(count, alone), (double)bfly_tile_bytes(P, size, alone));
    return *inside > 1 ? alone : tile_count(P, size, count, threads);
}

size_t bfly_coef_bytes(const bfly_program *P, size_t size)
{
    return (size_t)P->ncoef * (P->complex_w ? 2 : 1) * (size << P->logw);
}

size_t bfly_tile_bytes(const bfly_program *P, size_t size, bfly_int count)
{
    const size_t bytes = (size_t)bfly_rows(P, count) * (size_t)P->row * size * (P->complex_x ? 2 : 1);
    return (bytes + BFLY_ALIGN - 1) & ~(size_t)(BFLY_ALIGN - 1);
}
