/* stream.c - applies a plan that lies in a file to every vector of another file.
 *
 *     stream PLAN INPUT OUTPUT
 *
 * PLAN is of bfly_plan_save or of Python: dct64.plan was learnt by learn_dct.py, both beside this file.
 * INPUT holds vectors of the plan's input type one after the other, OUTPUT receives those of its output type. Only one
 * block of vectors is in memory at a time.
 *
 *     cc stream.c $(pkg-config --cflags --libs butterfly) -o stream
 */
#include <butterfly.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "stream: %s: %s\n", what, why);
    exit(2);
}

static size_t size_of(int type) { return type == BFLY_S ? 4 : type == BFLY_Z ? 16 : 8; }

static FILE *open_file(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);
    if (!f) stop(path, strerror(errno));
    return f;
}

int main(int argc, char **argv)
{
    bfly_plan *plan = NULL;
    bfly_info info;
    if (argc != 4) stop("usage", "stream PLAN INPUT OUTPUT");
    int result = bfly_plan_load(argv[1], &plan);
    if (result == 0) result = bfly_plan_info(plan, &info);
    if (result != 0) stop(argv[1], result == BFLY_EIO ? strerror(errno) : bfly_strerror(result));

    const bfly_int n = info.n;
    const size_t in = (size_t)n * size_of(info.type_in), out = (size_t)n * size_of(info.type_out);
    FILE *input = open_file(argv[2], "rb"), *output = open_file(argv[3], "wb");
    char *x = malloc(BLOCK * in), *y = malloc(BLOCK * out);
    if (!x || !y) stop("memory", strerror(ENOMEM));

    size_t bytes;
    long vectors = 0;
    while ((bytes = fread(x, 1, BLOCK * in, input)) > 0) {
        if (bytes % in != 0) stop(argv[2], "the last vector is not complete");
        const bfly_int count = (bfly_int)(bytes / in);
        result = bfly_plan_execute(plan, count, x, 1, n, y, 1, n);
        if (result != 0) stop(argv[1], bfly_strerror(result));
        if (fwrite(y, out, (size_t)count, output) != (size_t)count) stop(argv[3], strerror(errno));
        vectors += (long)count;
    }
    if (ferror(input)) stop(argv[2], strerror(errno));
    if (fclose(output) != 0) stop(argv[3], strerror(errno));
    printf("%ld vectors of %ld numbers\n", vectors, (long)n);
    fclose(input);
    free(x);
    free(y);
    bfly_plan_destroy(plan);
    return 0;
}
