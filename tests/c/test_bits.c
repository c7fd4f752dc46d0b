/* test_bits.c - the same bits for any number of threads, and for a vector whatever the number of its neighbours. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

static void *random_block(int t, bfly_int k, int factors)
{
    const type_info *T = &types[t];
    int is_complex = factors ? T->complex_w : T->complex_x;
    void *p = must_alloc((size_t)k * (factors ? size_w(t) : size_x(t)));
    for (bfly_int i = 0; i < k; i++) put_num(p, is_complex, T->is_double, i, random_num(is_complex));
    return p;
}

static void *copy_of(const void *p, size_t bytes)
{
    void *q = must_alloc(bytes);
    memcpy(q, p, bytes);
    return q;
}

/* One call of all vectors against calls of 1, 2, 3, ... of them. */
static void test_count(int t, int op, int order, int form, int logn, int plain, const char *isa)
{
    enum { COUNT = 45 };
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn;
    bfly_int count = logn > 8 ? 19 : COUNT;
    size_t size = size_x(t), bytes = (size_t)(n * count) * size;
    num alpha = plain ? (num){1, 0} : random_num(T->complex_x), beta = plain ? (num){0, 0} : random_num(T->complex_x);
    void *w = random_block(t, numbers_in(n, form), 1), *x = random_block(t, n * count, 0);
    void *start = random_block(t, n * count, 0), *all = copy_of(start, bytes), *parts = copy_of(start, bytes);
    int rc = call_mul(t, op, order, form, n, count, &alpha, w, x, 1, n, &beta, all, 1, n);
    CHECK(rc == 0, "%s returned %d", T->name, rc);
    bfly_int share = 1;
    for (bfly_int k = 0; k < count; k += share, share++) {
        bfly_int now = share < count - k ? share : count - k;
        rc = call_mul(t, op, order, form, n, now, &alpha, w, (char *)x + (size_t)(k * n) * size, 1, n, &beta,
                      (char *)parts + (size_t)(k * n) * size, 1, n);
        CHECK(rc == 0, "%s returned %d", T->name, rc);
    }
    CHECK(memcmp(all, parts, bytes) == 0, "%s n=%lld op=%d order=%d form=%d isa=%s plain=%d: depends on count", T->name,
          (long long)n, op, order, form, isa, plain);
    free(w);
    free(x);
    free(start);
    free(all);
    free(parts);
}

/* The product, its gradients and the relaxed permutation by 1, 2, 3 and 7 threads. */
static void test_threads(int t, int op, int order, int form, int logn, bfly_int count, int plain)
{
    static const int threads[] = {1, 2, 3, 7};
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn, numbers = numbers_in(n, form);
    size_t bytes = (size_t)(n * count) * size_x(t), w_bytes = (size_t)numbers * size_w(t);
    num alpha = plain ? (num){1, 0} : random_num(T->complex_x), beta = plain ? (num){0, 0} : random_num(T->complex_x);
    void *w = random_block(t, numbers, 1), *x = random_block(t, n * count, 0), *gy = random_block(t, n * count, 0);
    void *y[2], *gx[2], *gw[2], *z[2], *gprob[2], *moved[2];
    int relaxed = t <= TYPE_Z;
    bfly_int *perm = must_alloc((size_t)n * sizeof *perm);
    for (bfly_int i = 0; i < n; i++) perm[i] = (5 * i + 3) % n;
    num *c = must_alloc((size_t)(3 * logn) * sizeof *c);
    for (int i = 0; i < 3 * logn; i++) c[i] = (num){(random_real() + 1) / 2, 0};
    void *prob = pack_nums(c, 3 * logn, 0, T->is_double);
    size_t prob_bytes = (size_t)(3 * (logn - 1)) * (T->is_double ? 8 : 4);
    for (int i = 0; i < 2; i++) {
        y[i] = must_alloc(bytes);
        gx[i] = must_alloc(bytes);
        gw[i] = must_alloc(w_bytes);
        z[i] = must_alloc(bytes);
        gprob[i] = must_alloc(prob_bytes);
        moved[i] = must_alloc(bytes);
    }
    for (int k = 0; k < 4; k++) {
        int at = k > 0, rc;
        bfly_set_num_threads(threads[k]);
        memcpy(y[at], gy, bytes);
        rc = call_mul(t, op, order, form, n, count, &alpha, w, x, 1, n, &beta, y[at], 1, n);
        CHECK(rc == 0, "%s mul returned %d", T->name, rc);
        rc = call_grad(t, op, order, form, 0, n, count, w, x, 1, n, gy, 1, n, gw[at], gx[at], 1, n);
        CHECK(rc == 0, "%s grad returned %d", T->name, rc);
        if (relaxed) {
            rc = call_perm(t, op, n, count, perm, x, 1, n, moved[at], 1, n);
            CHECK(rc == 0, "%s perm returned %d", T->name, rc);
            rc = call_relaxed(t, op, n, count, prob, x, 1, n, z[at], 1, n);
            CHECK(rc == 0, "%s relaxed returned %d", T->name, rc);
            rc = call_relaxed_grad(t, op, 0, n, count, prob, x, 1, n, gy, 1, n, gprob[at], NULL, 1, n);
            CHECK(rc == 0, "%s relaxed gradient returned %d", T->name, rc);
        }
        if (!at) continue;
        const char *where = T->name;
        CHECK(memcmp(y[0], y[1], bytes) == 0, "%s mul n=%lld: %d threads differ", where, (long long)n, threads[k]);
        CHECK(memcmp(gx[0], gx[1], bytes) == 0, "%s gx n=%lld: %d threads differ", where, (long long)n, threads[k]);
        CHECK(memcmp(gw[0], gw[1], w_bytes) == 0, "%s gw n=%lld: %d threads differ", where, (long long)n, threads[k]);
        if (!relaxed) continue;
        CHECK(memcmp(moved[0], moved[1], bytes) == 0, "%s perm n=%lld: %d threads differ", where, (long long)n,
              threads[k]);
        CHECK(memcmp(z[0], z[1], bytes) == 0, "%s relaxed n=%lld: %d threads differ", where, (long long)n, threads[k]);
        CHECK(memcmp(gprob[0], gprob[1], prob_bytes) == 0, "%s gprob n=%lld: %d threads differ", where, (long long)n,
              threads[k]);
    }
    bfly_set_num_threads(0);
    for (int i = 0; i < 2; i++) {
        free(y[i]);
        free(gx[i]);
        free(gw[i]);
        free(z[i]);
        free(gprob[i]);
        free(moved[i]);
    }
    free(w);
    free(x);
    free(gy);
    free(perm);
    free(c);
    free(prob);
}

int main(void)
{
    random_seed(3);
    const char *isa;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        bfly_set_isa(isa);
        for (int t = 0; t < TYPES; t++)
            for (int form = 0; form < 2; form++)
                for (int order = 0; order < 2; order++)
                    for (int op = 0; op < 4; op++)
                        for (int logn = 0; logn <= (effort() ? 12 : 5); logn++)
                            for (int plain = 0; plain < 2; plain++)
                                if (logn <= 6 || (op + logn + plain + form + order) % 8 == 0 || effort() == 2)
                                    test_count(t, all_ops[op], all_orders[order], all_forms[form], logn, plain, isa);
        for (int t = 0; t < TYPES; t++)
            for (int form = 0; form < 2; form++) {
                test_threads(t, all_ops[t % 4], all_orders[form], all_forms[form], 9, 131, 0);
                if (strcmp(bfly_get_isa(), "scalar") == 0) continue;
                test_threads(t, all_ops[(t + 1) % 4], all_orders[1 - form], all_forms[form], 4, 3001, 1);
                test_threads(t, all_ops[(t + 2) % 4], all_orders[form], all_forms[form], 7, 701, 0);
                /* few large vectors: the threads share each of them */
                test_threads(t, all_ops[(t + 3) % 4], all_orders[form], all_forms[form], 13, form ? 2 : 5, t % 2);
            }
    }
    return finish("bits");
}
