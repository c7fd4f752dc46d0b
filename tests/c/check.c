/* check.c - counters, report and random numbers of the C tests. */
#include "check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

long checks_done, checks_failed;

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    if (++checks_failed > 20) return;
    fprintf(stderr, "%s:%d: %s: ", file, line, condition);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int finish(const char *name)
{
    printf("%s: %ld checks, %ld failed\n", name, checks_done, checks_failed);
    return checks_failed != 0 || checks_done == 0;
}

int effort(void)
{
    const char *s = getenv("BFLY_TEST");
    return s == NULL ? 1 : strcmp(s, "short") == 0 ? 0 : strcmp(s, "full") == 0 ? 2 : 1;
}

static uint64_t state = 1;

void random_seed(uint64_t seed) { state = seed; }

/* splitmix64 */
uint64_t random_bits(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t random_below(int64_t k) { return (int64_t)(random_bits() % (uint64_t)k); }

double random_real(void) { return ((double)(random_bits() >> 41) + 0.5) / 4194304.0 - 1.0; }

void *must_alloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (p == NULL) {
        fprintf(stderr, "out of memory in a test: %zu bytes\n", bytes);
        exit(2);
    }
    return p;
}
