/* args.c - what the argument checks need rarely, out of line: they take a hundred instructions of a small call. */
#ifdef __linux__
#define _GNU_SOURCE
#include <sys/mman.h>
#endif

#include "args.h"

_Thread_local bfly_loan bfly_lent;

/* (a - 1) * |stride|, or -1 when it does not fit */
static bfly_int extent(bfly_int a, bfly_int stride)
{
    if (a <= 1 || stride == 0) return 0;
    if (stride == INT64_MIN) return -1;
    const bfly_int s = stride < 0 ? -stride : stride;
    return a - 1 > INT64_MAX / s ? -1 : (a - 1) * s;
}

int bfly_fits_exactly(bfly_int n, bfly_int inc, bfly_int count, bfly_int dist, size_t size)
{
    const bfly_int a = extent(n, inc), b = extent(count, dist);
    return n <= (bfly_int)1 << (BFLY_MAX_LOGN - 2) && a >= 0 && b >= 0 && a <= INT64_MAX / 32 && b <= INT64_MAX / 32 &&
           (a + b + 1) <= INT64_MAX / (bfly_int)size;
}

/* Large workspace on large pages where the system has them: a fresh page of 4 KiB costs as much as filling it. */
void *bfly_work_new(size_t bytes)
{
    char *const p = malloc(bytes);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const size_t page = (size_t)2 << 20;
    if (p && bytes >= 4 * page) {
        char *const first = p + (page - (uintptr_t)p % page) % page;
        madvise(first, (bytes - (size_t)(first - p)) / page * page, MADV_HUGEPAGE);
    }
#endif
    return p;
}
