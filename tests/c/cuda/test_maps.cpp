/* test_maps.cpp - the index maps and the kernels' use of shared memory.
 *
 * For every size: tiles cover the positions once; each kernel's threads cover a tile once; every pair of every stage is
 * met once, with the block of factors that the definition gives it. Then the kernels run watched: no race between
 * barriers, and no bank conflict in the loops.
 */
#include <cstdio>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "cuda/host.h"

using namespace bfly_cuda;

static long done, failed;
#define CHECK(ok, ...)                                              \
    do {                                                            \
        done++;                                                     \
        if (!(ok) && failed++ < 20) {                               \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #ok); \
            fprintf(stderr, __VA_ARGS__);                           \
            fputc('\n', stderr);                                    \
        }                                                           \
    } while (0)

/* ---- passes ------------------------------------------------------------------------------------------------------------ */
static void check_pass(const Pass &P)
{
    const bfly_int n = (bfly_int)1 << P.logn;
    std::vector<char> seen((size_t)n, 0);
    for (bfly_int t = 0; t < tiles_of(P); t++)
        for (int e = 0; e < 1 << tile_bits(P); e++) {
            const bfly_int pos = position_of(P, tile_base(P, t), e);
            CHECK(pos >= 0 && pos < n && !seen[(size_t)pos], "position %ld of tile %ld", (long)pos, (long)t);
            seen[(size_t)pos] = 1;
            CHECK(tile_of(P, pos) == t && number_of(P, pos) == e, "position %ld back to tile %ld number %d", (long)pos, (long)t, e);
            for (int b = 0; b < tile_bits(P); b++)
                if (!(e >> b & 1))
                    CHECK(position_of(P, tile_base(P, t), e | 1 << b) == (pos | (bfly_int)1 << position_bit(P, b)), "bit %d", b);
        }
    /* the forward table has a place of its own for each pair */
    for (int bits : {9, 10})
        for (int b = 0; b < bits; b++) {
            std::set<int> places;
            for (int i = 0; i < 1 << (bits - 1); i++) places.insert(table_place(i, b, bits));
            CHECK(places.size() == (size_t)1 << (bits - 1) && *places.rbegin() == (1 << (bits - 1)) - 1, "table of bit %d", b);
        }
    /* the backward steps meet each stage once, and each pair of it once */
    for (int up : {0, 1}) {
        std::set<int> stages;
        for (int step = 0; step < (P.g + 1) / 2; step++) {
            const int p = layout_of_step(P, up, step);
            for (int slot = 0; slot < 2; slot++) {
                if (!slot_in_use(P, up, step, slot)) continue;
                const int k = stage_of_slot(P, up, step, slot), b = bit_of_slot(P, up, step, slot);
                CHECK(stages.insert(k).second && bit_of_stage(P, up, k) == b, "stage %d", k);
                std::set<int> firsts;
                for (int t = 0; t < kBackThreads; t++)
                    for (int j = 0; j < 2; j++) {
                        const int e = back_number(p, up, t, back_first(slot, j));
                        CHECK(!(e >> b & 1) && back_number(p, up, t, back_second(slot, j)) == (e | 1 << b), "pair of thread %d", t);
                        CHECK(back_thread(p, e) == t && (e >> (p == b ? p + 1 : p) & 1) == j, "back to thread %d pair %d", t, j);
                        firsts.insert(e);
                    }
                CHECK(firsts.size() == 2 * kBackThreads, "pairs of stage %d", k);
            }
        }
        CHECK(stages.size() == (size_t)P.g, "stages of a pass");
    }
}

static void check_passes()
{
    for (int bytes : {4, 8, 16})
        for (int bits : {9, 10})
            for (int g = 1; g <= bits; g++)
                for (int logn = 0; logn <= 15; logn++) {
                    const Passes S = cut(logn, g, bits, bytes);
                    int next = 0;
                    for (int k = 0; k < S.count; k++) {
                        const Pass &P = S.pass[k];
                        CHECK(P.lo == next && P.g <= g && tile_bits(P) <= bits && P.c <= P.lo, "pass %d of %d", k, logn);
                        CHECK(k == 0 || bytes << P.c >= 32 || P.c == P.lo, "columns of pass %d", k);
                        next += P.g;
                        if (bytes == 4 || logn == 13) check_pass(P);
                    }
                    CHECK(next == logn, "stages of 2^%d", logn);
                }
    for (int logn = 0; logn <= 40; logn++)
        for (int g = 1; g <= 10; g++) CHECK(cut(logn, g, 10, 4).count <= kMaxPasses, "2^%d", logn);
}

static void check_relaxed_maps()
{
    for (bfly_int m = 4; m <= 4096; m *= 2)
        for (bfly_int i = 0; i < 3 * m; i++) {
            const bfly_int j = even_odd(i, m), base = i - i % m;
            CHECK(j >= base && j < base + m && even_odd_inverse(j, m) == i, "even_odd");
            CHECK(j % m == (i % m < m / 2 ? 2 * (i % m) : 2 * (i % m) - m + 1), "even_odd");
            const bfly_int half = i - i % (m / 2);
            CHECK(half_reversed(i, m) == half + (m / 2 - 1) - i % (m / 2), "half_reversed");
        }
}

/* ---- the kernels, watched ----------------------------------------------------------------------------------------------- */
static void report_on(const char *what)
{
    const sim::Report &r = sim::report;
    CHECK(r.races == 0, "%s: %ld races, first: %s", what, r.races, r.first_race);
    printf("%-34s %6u bytes shared, %8ld wavefronts, %8ld at best\n", what, r.most_shared, r.wavefronts, r.fewest);
}

template <class T> std::vector<T> numbers(size_t size)
{
    std::vector<T> v(size);
    std::mt19937 generator(7);
    for (T &x : v) x = (T)generator() / (T)4e9;
    return v;
}

/* parts: numbers of T in one */
template <class T> void watch(int type, int parts, int logn, bfly_int count)
{
    const bfly_int n = (bfly_int)1 << logn;
    const size_t size = (size_t)(n * count * parts), wsize = (size_t)(logn * n * 2 * parts);
    const std::vector<T> x = numbers<T>(size), w = numbers<T>(wsize);
    std::vector<T> y(size), gw(wsize), gx(size);
    const T one[2] = {1, 0}, zero[2] = {0, 0};
    bfly_int bytes;
    char what[80];
    for (int order : {BFLY_INCREASING, BFLY_DECREASING}) {
        sim::watched = true;
        int info;
        long conflicts[2];
        for (int all = 0; all < 2; all++) {
            const bfly_int now = all ? count : 1;
            sim::report = {};
            if (type == 's')
                info = bfly_cuda_smul(nullptr, BFLY_NO_TRANS, order, BFLY_UNTIED, n, now, 1, (const float *)w.data(), (const float *)x.data(), 1, n, 0, (float *)y.data(), 1, n, nullptr, 0);
            else if (type == 'd')
                info = bfly_cuda_dmul(nullptr, BFLY_NO_TRANS, order, BFLY_UNTIED, n, now, 1, (const double *)w.data(), (const double *)x.data(), 1, n, 0, (double *)y.data(), 1, n, nullptr, 0);
            else
                info = (type == 'c' ? bfly_cuda_cmul : bfly_cuda_zmul)(nullptr, BFLY_NO_TRANS, order, BFLY_UNTIED, n, now, one, w.data(), x.data(), 1, n, zero, y.data(), 1, n, nullptr, 0);
            CHECK(info == 0, "%d", info);
            conflicts[all] = (sim::report.wavefronts - sim::report.fewest) / sim::report.blocks;
        }
        snprintf(what, sizeof what, "%c forward  n = %ld, order %d", type, (long)n, order);
        report_on(what);
        /* a block fills its table in the order of the factors in memory, which has conflicts; the loop has none */
        CHECK(conflicts[0] == conflicts[1], "%s: %ld conflicts a block with one vector, %ld with all", what, conflicts[0], conflicts[1]);

        sim::report = {};
        CHECK(bfly_cuda_grad_work(type, n, count, 1, &bytes) == 0, "work");
        void *work = aligned_alloc(256, (size_t)bytes);
        if (type == 's')
            info = bfly_cuda_sgrad(nullptr, BFLY_NO_TRANS, order, BFLY_UNTIED, 0, n, count, (const float *)w.data(), (const float *)x.data(), 1, n, (const float *)y.data(), 1, n, (float *)gw.data(), (float *)gx.data(), 1, n, work, bytes);
        else if (type == 'd')
            info = bfly_cuda_dgrad(nullptr, BFLY_NO_TRANS, order, BFLY_UNTIED, 0, n, count, (const double *)w.data(), (const double *)x.data(), 1, n, (const double *)y.data(), 1, n, (double *)gw.data(), (double *)gx.data(), 1, n, work, bytes);
        else
            info = (type == 'c' ? bfly_cuda_cgrad : bfly_cuda_zgrad)(nullptr, BFLY_NO_TRANS, order, BFLY_UNTIED, 0, n, count, w.data(), x.data(), 1, n, y.data(), 1, n, gw.data(), gx.data(), 1, n, work, bytes);
        CHECK(info == 0, "%d", info);
        free(work);
        snprintf(what, sizeof what, "%c backward n = %ld, order %d", type, (long)n, order);
        report_on(what);
        if (logn <= (type == 'z' ? 4 : 10)) CHECK(sim::report.wavefronts == sim::report.fewest, "%s: bank conflicts", what);
        sim::watched = false;
    }
}

template <class T> void watch_others(int type, int parts, int logn, bfly_int count)
{
    const bfly_int n = (bfly_int)1 << logn;
    const std::vector<T> x = numbers<T>((size_t)(n * count * parts));
    std::vector<T> y = x, gx = x, prob((size_t)(3 * (logn - 1)), (T)0.25), gprob = prob;
    bfly_int bytes;
    char what[80];
    sim::report = {};
    sim::watched = true;
    const int info = type == 's' ? bfly_cuda_sfwht(nullptr, BFLY_CUDA_NATURAL, n, count, 1, (const float *)x.data(), 1, n, (float *)y.data(), 1, n, nullptr, 0)
                                 : bfly_cuda_zfwht(nullptr, BFLY_CUDA_NATURAL, n, count, 1, x.data(), 1, n, y.data(), 1, n, nullptr, 0);
    CHECK(info == 0, "%d", info);
    snprintf(what, sizeof what, "%c Hadamard n = %ld", type, (long)n);
    report_on(what);
    CHECK(sim::report.wavefronts == sim::report.fewest, "%s: bank conflicts", what);
    sim::report = {};
    CHECK(bfly_cuda_relaxed_perm_grad_work(type, n, count, &bytes) == 0, "work");
    void *work = aligned_alloc(256, (size_t)bytes + 256);
    if (type == 's')
        bfly_cuda_srelaxed_perm_grad(nullptr, BFLY_TRANS, 0, n, count, (const float *)prob.data(), (const float *)x.data(), 1, n, (const float *)y.data(), 1, n, (float *)gprob.data(), (float *)gx.data(), 1, n, work, bytes);
    else
        bfly_cuda_zrelaxed_perm_grad(nullptr, BFLY_TRANS, 0, n, count, (const double *)prob.data(), x.data(), 1, n, y.data(), 1, n, (double *)gprob.data(), gx.data(), 1, n, work, bytes);
    free(work);
    snprintf(what, sizeof what, "%c relaxed_perm_grad n = %ld", type, (long)n);
    report_on(what);
    sim::watched = false;
}

int main()
{
    sim::settings = {1, 1, 227 * 1024, 1 << 20};
    if (bfly_cuda_init(0)) return 2;
    check_passes();
    check_relaxed_maps();
    watch<float>('s', 1, 11, 5); /* a wide pass */
    for (int logn : {4, 10}) {
        watch<float>('s', 1, logn, logn == 10 ? 9 : 1030);
        watch<double>('d', 1, logn, logn == 10 ? 5 : 130);
        watch<float>('c', 2, logn, logn == 10 ? 5 : 130);
        watch<double>('z', 2, logn, logn == 10 ? 3 : 130);
        watch_others<float>('s', 1, logn, 5);
        watch_others<double>('z', 2, logn, 5);
    }
    printf("%ld checks, %ld failed\n", done, failed);
    return failed != 0;
}
