/* types.h - one face for the six types of the library, so that a test is written once and loops over them.
 *
 * A number of any type is a `num`; call_mul and its kin convert and pick bfly_smul, bfly_dmul, ... by type. A `strided`
 * holds vectors with any strides in a block of memory whose other bytes are all 0xff: as numbers they are NaN, so a
 * read between the elements shows in the result, and a write there is found by strided_clean.
 */
#ifndef TYPES_H
#define TYPES_H

#include <stddef.h>

#include "butterfly.h"

typedef struct num {
    long double re, im;
} num;

enum { TYPE_S, TYPE_D, TYPE_C, TYPE_Z, TYPE_CS, TYPE_ZD, TYPES };

typedef struct type_info {
    const char *name;
    int complex_w, complex_x, is_double;
    double eps;
} type_info;

extern const type_info types[TYPES];
extern const int all_ops[4], all_orders[2], all_forms[2];

size_t size_w(int t);
size_t size_x(int t);
num get_num(const void *p, int is_complex, int is_double, bfly_int i);
void put_num(void *p, int is_complex, int is_double, bfly_int i, num v);
num random_num(int is_complex);

/* Exactly as many bytes as the numbers take, so that memory checkers see every step outside. */
void *pack_nums(const num *v, bfly_int k, int is_complex, int is_double);

typedef struct strided {
    char *memory, *origin; /* origin: element 0 of vector 0 */
    size_t bytes;
    int type;
    bfly_int n, count, inc, dist;
} strided;

/* guard: elements of 0xff on either side; shift: real numbers by which the origin is off alignment */
strided strided_new(int type, bfly_int n, bfly_int count, bfly_int inc, bfly_int dist, int guard, int shift);
num strided_get(const strided *v, bfly_int k, bfly_int i);
void strided_put(strided *v, bfly_int k, bfly_int i, num value);
int strided_clean(strided *v); /* overwrites the elements; are all other bytes as they were? */
void strided_free(strided *v);

/* NULL for alpha or beta is handed on to the functions that take a pointer. */
int call_mul(int t, int op, int order, int form, bfly_int n, bfly_int count, const num *alpha, const void *w,
             const void *x, bfly_int incx, bfly_int distx, const num *beta, void *y, bfly_int incy, bfly_int disty);
int call_grad(int t, int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
              const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy, void *gw,
              void *gx, bfly_int incgx, bfly_int distgx);

/* These exist for s, d, c and z. */
int call_perm(int t, int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x, bfly_int incx,
              bfly_int distx, void *y, bfly_int incy, bfly_int disty);
int call_relaxed(int t, int op, bfly_int n, bfly_int count, const void *prob, const void *x, bfly_int incx,
                 bfly_int distx, void *y, bfly_int incy, bfly_int disty);
int call_relaxed_grad(int t, int op, int accumulate, bfly_int n, bfly_int count, const void *prob, const void *x,
                      bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy, void *gprob,
                      void *gx, bfly_int incgx, bfly_int distgx);
int call_fwht(int t, int ordering, bfly_int n, bfly_int count, double scale, const void *x, bfly_int incx,
              bfly_int distx, void *y, bfly_int incy, bfly_int disty);
int call_dense(int t, int op, int order, int form, bfly_int n, const void *w, void *a, bfly_int lda);
int call_hadamard(int t, int order, int form, bfly_int n, void *w);

/* For c and z only. */
int call_fft(int t, int direction, int order, int form, bfly_int n, void *w);

/* The i-th name of bfly_isas(), or NULL after the last. */
const char *isa_name(int i);

#endif
