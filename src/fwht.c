/* fwht.c - y := scale H x, H the Walsh-Hadamard matrix: arguments, orderings and strides around the kernel.
 *
 * Row k of H in an ordering is row r(k) of the natural one: r(k) = k; k in reverse bits (Paley); the Gray code
 * k ^ (k >> 1) in reverse bits (sequency). So only the way out knows the ordering: y[k] = natural[r(k)].
 */
#include "args.h"

#define ROWS 8              /* vectors that are copied together when neighbours are adjacent in memory */
#define SHARED_BYTES 262144 /* vectors from this size on are shared among threads when there are few of them */

typedef struct job {
    const bfly_kernels *k;
    size_t real, size; /* bytes of a real number and of an element */
    int ordering, logn, lo, hi;
    bfly_int n, count;
    double scale;
    bfly_vectors x, y;
    int direct_in, direct_out; /* the kernel reads x, writes y, where they stand */
    bfly_int block;            /* vectors that go through the buffer together */
} job;

typedef struct {
    double re, im;
} pair_of_doubles;

/* r(k) of the bits k of an index; the bit above them enters the Gray code of the topmost */
static bfly_int natural_of(int ordering, bfly_int k, bfly_int above, int bits)
{
    if (ordering == BFLY_SEQUENCY && bits > 0) k ^= k >> 1 ^ above << (bits - 1);
    return bfly_reverse_bits(k, bits);
}

/* Index k = (a, m, b) with t, logn - 2 t and t bits comes from (r(b), r(m), r(a)): for each m a square of 2^t runs is
 * read and another one written, both in whole cache lines. */
#define DEFINE_COPIES(type)                                                                                          \
    static void in_##type(const job *J, bfly_int first, bfly_int now, bfly_int i0, bfly_int i1, char *buffer)        \
    {                                                                                                                \
        const type *x = (const type *)J->x.p + first * J->x.dist;                                                    \
        type *to = (type *)buffer;                                                                                   \
        if (now == 1)                                                                                                \
            for (bfly_int i = i0; i < i1; i++) to[i] = x[i * J->x.inc];                                              \
        else                                                                                                         \
            for (bfly_int i = i0; i < i1; i++)                                                                       \
                for (bfly_int k = 0; k < now; k++) to[k * J->n + i] = x[i * J->x.inc + k * J->x.dist];               \
    }                                                                                                                \
    static void out_##type(const job *J, bfly_int first, bfly_int now, bfly_int m0, bfly_int m1, int t,              \
                           const char *buffer)                                                                       \
    {                                                                                                                \
        const type *from = (const type *)buffer;                                                                     \
        type *y = (type *)J->y.p + first * J->y.dist;                                                                \
        const int mid = J->logn - 2 * t, side = 1 << t;                                                              \
        bfly_int low[2][16], top[16];                                                                                \
        for (int i = 0; i < side; i++) {                                                                             \
            low[0][i] = natural_of(J->ordering, i, 0, t) << (J->logn - t);                                           \
            low[1][i] = natural_of(J->ordering, i, 1, t) << (J->logn - t);                                           \
            top[i] = natural_of(J->ordering, i, 0, t);                                                               \
        }                                                                                                            \
        for (bfly_int m = m0; m < m1; m++) {                                                                         \
            const bfly_int middle[2] = {natural_of(J->ordering, m, 0, mid) << t,                                     \
                                        natural_of(J->ordering, m, 1, mid) << t};                                    \
            for (int a = 0; a < side; a++)                                                                           \
                for (int b = 0; b < side; b++) {                                                                     \
                    const bfly_int to = ((bfly_int)a << mid | m) << t | b;                                           \
                    const bfly_int at = J->ordering == BFLY_NATURAL ? to : low[m & 1][b] | middle[a & 1] | top[a];   \
                    for (bfly_int k = 0; k < now; k++)                                                               \
                        y[to * J->y.inc + k * J->y.dist] = from[at + k * J->n];                                      \
                }                                                                                                    \
        }                                                                                                            \
    }
DEFINE_COPIES(float)
DEFINE_COPIES(bfly_eight)
DEFINE_COPIES(pair_of_doubles)

static void copy_in(const job *J, bfly_int first, bfly_int now, int t, int nt, char *buffer)
{
    const bfly_int i0 = J->n * t / nt, i1 = J->n * (t + 1) / nt;
    (J->size == 4 ? in_float : J->size == 8 ? in_bfly_eight : in_pair_of_doubles)(J, first, now, i0, i1, buffer);
}

static void copy_out(const job *J, bfly_int first, bfly_int now, int t, int nt, const char *buffer)
{
    int bits = J->size == 4 ? 4 : 3;
    if (2 * bits >= J->logn) bits = 0;
    const bfly_int middles = J->n >> (2 * bits);
    (J->size == 4 ? out_float : J->size == 8 ? out_bfly_eight : out_pair_of_doubles)(
        J, first, now, middles * t / nt, middles * (t + 1) / nt, bits, buffer);
}

/* vectors first .. last - 1, by one thread */
static void run_vectors(const job *J, bfly_int first, bfly_int last, char *buffer)
{
    const bfly_int numbers = (bfly_int)1 << J->hi, block = J->block, size = (bfly_int)J->size;
    for (bfly_int k = first; k < last; k += block) {
        const bfly_int now = last - k < block ? last - k : block;
        const char *x = J->direct_in ? J->x.p + k * J->x.dist * size : buffer;
        char *y = J->direct_out ? J->y.p + k * J->y.dist * size : buffer;
        if (!J->direct_in) copy_in(J, k, now, 0, 1, buffer);
        J->k->hadamard(x, y, now * numbers, J->lo, J->hi, J->scale);
        if (!J->direct_out) copy_out(J, k, now, 0, 1, buffer);
    }
}

#ifdef _OPENMP
/* one large vector by all threads of the team: eight blocks, then the three largest strides by columns */
static void run_shared(const job *J, bfly_int v, int t, int nt, char *buffer)
{
    const int e = 3;
    const bfly_int numbers = (bfly_int)1 << (J->hi - e), columns = numbers >> BFLY_HADAMARD_LINE;
    const char *x = J->direct_in ? J->x.p + v * J->x.dist * (bfly_int)J->size : buffer;
    char *y = J->direct_out ? J->y.p + v * J->y.dist * (bfly_int)J->size : buffer;
    if (!J->direct_in) {
        copy_in(J, v, 1, t, nt, buffer);
#pragma omp barrier
    }
    for (int b = 8 * t / nt; b < 8 * (t + 1) / nt; b++) {
        const bfly_int at = b * numbers * (bfly_int)J->real;
        J->k->hadamard(x + at, y + at, numbers, J->lo, J->hi - e, 1);
    }
#pragma omp barrier
    J->k->hadamard_columns(y, J->hi, e, columns * t / nt, columns * (t + 1) / nt, J->scale);
#pragma omp barrier
    if (!J->direct_out) {
        copy_out(J, v, 1, t, nt, buffer);
#pragma omp barrier
    }
}
#endif

int bfly_fwht_run(const bfly_kernels *k, int precision, int complex_x, int ordering, bfly_int n, bfly_int count,
                  double scale, bfly_vectors x, bfly_vectors y)
{
    job J = {.ordering = ordering, .n = n, .count = count, .scale = scale, .x = x, .y = y, .lo = complex_x};
    J.k = k;
    J.real = precision ? sizeof(double) : sizeof(float);
    J.size = J.real << complex_x;
    while (((bfly_int)1 << J.logn) < n) J.logn++;
    J.hi = J.lo + J.logn;
    if (count == 0) return 0;
    if (n <= 2) J.ordering = BFLY_NATURAL;

    /* what the kernel takes as one run: short vectors must be, longer ones may */
    const int run_in = (n == 1 || x.inc == 1) && (count == 1 || x.dist == n),
              run_out = (n == 1 || y.inc == 1) && (count == 1 || y.dist == n), is_short = J.hi < J.k->logw || n == 1;
    J.direct_in = is_short ? run_in && run_out : x.inc == 1;
    J.direct_out = (is_short ? run_in && run_out : y.inc == 1) && J.ordering == BFLY_NATURAL;
    if (J.direct_in && J.direct_out && run_in && run_out)
        J.block = count;
    else if ((J.direct_in && !run_in) || (J.direct_out && !run_out))
        J.block = 1;
    else
        J.block = n * (bfly_int)J.size > SHARED_BYTES && x.inc == 1 && y.inc == 1 ? 1 : ROWS;
    if (J.block > count) J.block = count;

    const double work = 0.5 * (double)n * (J.logn + 1) * (double)count * (double)J.size;
    int threads = bfly_threads_for(work);
    const int shared = threads > 1 && count < threads && n * (bfly_int)J.size >= SHARED_BYTES;
    if (shared) {
        if (threads > 8) threads = 8;
        J.block = 1;
    } else if (threads > count)
        threads = (int)count;
    if (J.block == count && !shared) J.block = (count + threads - 1) / threads;

    const size_t bytes = J.direct_in && J.direct_out ? 0
                         : ((size_t)J.block * (size_t)n * J.size + BFLY_ALIGN - 1) / BFLY_ALIGN * BFLY_ALIGN;
    bfly_work memory;
    char *buffer = bfly_work_get(&memory, (double)bytes * (shared ? 1 : threads));
    if (!buffer) return BFLY_ENOMEM;
    if (threads == 1)
        run_vectors(&J, 0, count, buffer);
    else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) reduction(| : flags)
        {
            const int t = bfly_thread_id(), nt = bfly_team_size();
            bfly_fp_begin(t);
            if (shared)
                for (bfly_int v = 0; v < count; v++) run_shared(&J, v, t, nt, buffer);
            else
                run_vectors(&J, count * t / nt, count * (t + 1) / nt, buffer + bytes * (size_t)t);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    bfly_work_free(&memory);
    return 0;
}

static int fwht(int precision, int complex_x, int ordering, bfly_int n, bfly_int count, double scale, const void *x,
                bfly_int incx, bfly_int distx, void *y, bfly_int incy, bfly_int disty)
{
    const size_t size = (precision ? sizeof(double) : sizeof(float)) << complex_x;
    BFLY_CHECK(1, ordering >= BFLY_NATURAL && ordering <= BFLY_SEQUENCY);
    BFLY_CHECK(2, bfly_is_power_of_two(n));
    BFLY_CHECK(3, count >= 0);
    BFLY_CHECK(5, x || count == 0);
    BFLY_CHECK(8, y || count == 0);
    BFLY_CHECK(9, incy != 0 || n == 1);
    BFLY_CHECK(10, disty != 0 || count <= 1);
    if (!bfly_fits(n, incx, count, distx, size) || !bfly_fits(n, incy, count, disty, size)) return BFLY_EOVERFLOW;
    return bfly_fwht_run(bfly_current_isa()->kernels[precision], precision, complex_x, ordering, n, count, scale,
                         (bfly_vectors){(char *)x, incx, distx}, (bfly_vectors){y, incy, disty});
}

#define FWHT(t, type, real, precision, complex_x)                                                                   \
    int bfly_##t##fwht(int ordering, bfly_int n, bfly_int count, real scale, const type *x, bfly_int incx,          \
                       bfly_int distx, type *y, bfly_int incy, bfly_int disty)                                      \
    {                                                                                                               \
        REPORT(fwht(precision, complex_x, ordering, n, count, scale, x, incx, distx, y, incy, disty));              \
    }
FWHT(s, float, float, 0, 0)
FWHT(d, double, double, 1, 0)
FWHT(c, void, float, 0, 1)
FWHT(z, void, double, 1, 1)
