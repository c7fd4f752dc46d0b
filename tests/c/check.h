/* check.h - what the C tests share: checks that count and report, and a random generator.
 *
 *     CHECK(condition, "format", ...)     one line a failure, at most 20 of them
 *     return finish("name");              the closing line and the exit status of main
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>

extern long checks_done, checks_failed;

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        checks_done++;                                                                                                 \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                                   \
    } while (0)

int finish(const char *name);

/* The environment's BFLY_TEST: "short" 0 (for slow memory checkers), "full" 2 (long sweeps), otherwise 1. */
int effort(void);

/* Repeatable random numbers: 64 bits; below k; in (-1, 1) with at most 24 significant bits, so that every type holds
 * them exactly. */
void random_seed(uint64_t seed);
uint64_t random_bits(void);
int64_t random_below(int64_t k);
double random_real(void);

/* malloc that ends the test when there is no memory. */
void *must_alloc(size_t bytes);

#endif
