/* test_plan_file.c - plans to and from memory and files: the same bits after a round trip, the documented bytes, and
 * every damaged, cut, lengthened or lying file refused with the plan pointer as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "reference.h"

enum { HEADER = 40, RECORD = 32, MOST = 6 };

typedef struct chain {
    int type_in, type_out;
    bfly_int n, items;
    bfly_item item[MOST];
    void *data[MOST];
} chain;

static const int codes[4] = {BFLY_S, BFLY_D, BFLY_C, BFLY_Z};

static void chain_free(chain *C)
{
    for (int i = 0; i < MOST; i++) free(C->data[i]);
}

static void *random_data(int t, bfly_int numbers)
{
    num *v = must_alloc((size_t)numbers * sizeof *v);
    for (bfly_int i = 0; i < numbers; i++) v[i] = random_num(types[t].complex_x);
    void *p = pack_nums(v, numbers, types[t].complex_x, types[t].is_double);
    free(v);
    return p;
}

/* One of each kind: butterfly, permutation, diagonal, butterfly of the other form, and the real part into real types. */
static chain chain_new(int t, bfly_int n, int variant)
{
    chain C = {.type_in = codes[t], .type_out = codes[t], .n = n};
    int op = all_ops[variant % 4], order = all_orders[variant / 4 % 2], form = all_forms[variant / 8 % 2];
    bfly_int *perm = must_alloc((size_t)n * sizeof *perm);
    for (bfly_int i = 0; i < n; i++) perm[i] = i;
    for (bfly_int i = n - 1; i > 0; i--) {
        bfly_int j = random_below(i + 1), k = perm[i];
        perm[i] = perm[j];
        perm[j] = k;
    }
    int other = form == BFLY_TIED ? BFLY_UNTIED : BFLY_TIED;
    C.data[0] = random_data(t, numbers_in(n, form));
    C.data[1] = perm;
    C.data[2] = random_data(t, n);
    C.data[3] = random_data(t, numbers_in(n, other));
    C.item[0] = (bfly_item){BFLY_ITEM_BUTTERFLY, codes[t], op, order, form, C.data[0]};
    C.item[1] = (bfly_item){BFLY_ITEM_PERMUTATION, BFLY_S, op, BFLY_INCREASING, BFLY_UNTIED, C.data[1]};
    C.item[2] = (bfly_item){BFLY_ITEM_DIAGONAL, codes[t], op, BFLY_INCREASING, BFLY_UNTIED, C.data[2]};
    C.item[3] = (bfly_item){BFLY_ITEM_BUTTERFLY, codes[t], BFLY_TRANS, order, other, C.data[3]};
    C.items = 4;
    if (types[t].complex_x && variant % 3 == 0) {
        C.item[C.items++] = (bfly_item){BFLY_ITEM_REAL_PART, BFLY_S, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, NULL};
        C.type_out = types[t].is_double ? BFLY_D : BFLY_S;
    }
    return C;
}

static bfly_plan *plan_of(const chain *C)
{
    bfly_plan *plan = NULL;
    int rc = bfly_plan_create(C->type_in, C->type_out, C->n, C->items, C->item, &plan);
    CHECK(rc == 0 && plan != NULL, "bfly_plan_create returned %d", rc);
    if (plan == NULL) exit(1);
    return plan;
}

static unsigned char *bytes_of(const bfly_plan *plan, bfly_int *size)
{
    *size = -1;
    int rc = bfly_plan_to_memory(plan, NULL, 0, size);
    CHECK(rc == 0 && *size > HEADER, "the size of a plan: returned %d, %lld bytes", rc, (long long)*size);
    unsigned char *p = must_alloc((size_t)*size);
    bfly_int again = -1;
    rc = bfly_plan_to_memory(plan, p, *size, &again);
    CHECK(rc == 0 && again == *size, "bfly_plan_to_memory returned %d, %lld bytes", rc, (long long)again);
    return p;
}

/* Do both plans give the same bits? */
static int same_results(int t, const chain *C, const bfly_plan *A, const bfly_plan *B)
{
    enum { COUNT = 5 };
    size_t bytes = (size_t)(C->n * COUNT) * size_x(t);
    void *x = random_data(t, C->n * COUNT);
    char *a = must_alloc(bytes), *b = must_alloc(bytes);
    memset(a, 1, bytes);
    memset(b, 1, bytes);
    int good = bfly_plan_execute(A, COUNT, x, 1, C->n, a, 1, C->n) == 0 &&
               bfly_plan_execute(B, COUNT, x, 1, C->n, b, 1, C->n) == 0 && memcmp(a, b, bytes) == 0;
    free(x);
    free(a);
    free(b);
    return good;
}

static void test_round_trip(int t, bfly_int n, int variant, const char *path)
{
    chain C = chain_new(t, n, variant);
    bfly_plan *plan = plan_of(&C), *read = NULL, *loaded = NULL;
    bfly_int size, size_again;
    unsigned char *bytes = bytes_of(plan, &size);
    int rc = bfly_plan_from_memory(bytes, size, &read);
    CHECK(rc == 0 && read != NULL && same_results(t, &C, plan, read), "%s n=%lld variant=%d: from memory returned %d",
          types[t].name, (long long)n, variant, rc);
    if (read != NULL) {
        unsigned char *again = bytes_of(read, &size_again);
        CHECK(size == size_again && memcmp(bytes, again, (size_t)size) == 0, "%s n=%lld: other bytes the second time",
              types[t].name, (long long)n);
        free(again);
    }
    /* an odd address */
    unsigned char *odd = must_alloc((size_t)size + 1);
    bfly_plan *from_odd = NULL;
    memcpy(odd + 1, bytes, (size_t)size);
    rc = bfly_plan_from_memory(odd + 1, size, &from_odd);
    CHECK(rc == 0 && same_results(t, &C, plan, from_odd), "from an odd address: returned %d", rc);
    bfly_plan_destroy(from_odd);
    free(odd);

    rc = bfly_plan_save(plan, path);
    CHECK(rc == 0, "bfly_plan_save returned %d", rc);
    rc = bfly_plan_load(path, &loaded);
    CHECK(rc == 0 && loaded != NULL && same_results(t, &C, plan, loaded), "%s n=%lld: load returned %d", types[t].name,
          (long long)n, rc);
    FILE *f = fopen(path, "rb");
    unsigned char *in_file = must_alloc((size_t)size + 1);
    size_t got = f ? fread(in_file, 1, (size_t)size + 1, f) : 0;
    CHECK(got == (size_t)size && memcmp(in_file, bytes, got) == 0, "the file holds other bytes than the memory");
    if (f) fclose(f);
    free(in_file);
    bfly_plan_destroy(plan);
    bfly_plan_destroy(read);
    bfly_plan_destroy(loaded);
    free(bytes);
    chain_free(&C);
}

/* ---- the format, read and written here by its description ---- */

static uint64_t read_le(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v * 256 + p[i];
    return v;
}

static void write_le(unsigned char *p, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++, v /= 256) p[i] = (unsigned char)(v % 256);
}

/* CRC-64 as in .xz: one bit at a time */
static uint64_t crc64(const unsigned char *p, size_t bytes)
{
    uint64_t crc = UINT64_MAX;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int b = 0; b < 8; b++) crc = crc & 1 ? crc >> 1 ^ 0xC96C5795D7870F42u : crc >> 1;
    }
    return ~crc;
}

static void sign(unsigned char *p, bfly_int size) { write_le(p + size - 8, 8, crc64(p, (size_t)size - 8)); }

static void test_format(void)
{
    CHECK(crc64((const unsigned char *)"123456789", 9) == 0x995DC9BBDF1939FAu, "the test's own checksum is wrong");
    chain C = chain_new(TYPE_C, 4, 0);
    bfly_plan *plan = plan_of(&C);
    bfly_int size;
    unsigned char *p = bytes_of(plan, &size);
    bfly_int data[5] = {8 * 16, 8 * 4, 8 * 4, 8 * 12, 0}, at = HEADER + 5 * RECORD; /* untied 2 n log2 n, tied 4 (n - 1) */
    CHECK(memcmp(p, "BFLYPLAN", 8) == 0 && read_le(p + 8, 4) == 1, "magic and version");
    CHECK(p[12] == 'c' && p[13] == 's' && p[14] == 0 && p[15] == 0, "types");
    CHECK(read_le(p + 16, 8) == 4 && read_le(p + 24, 8) == 5, "n and items");
    CHECK(read_le(p + 32, 8) == (uint64_t)size, "size");
    for (int i = 0; i < 5; i++) {
        const unsigned char *record = p + HEADER + i * RECORD;
        CHECK(read_le(record, 4) == (uint64_t)C.item[i].kind, "kind of item %d", i);
        CHECK(read_le(record + 8, 4) == (uint64_t)C.item[i].op, "op of item %d", i);
        CHECK(read_le(record + 24, 8) == (uint64_t)data[i], "data of item %d", i);
        if (i == 1)
            for (int k = 0; k < 4; k++)
                CHECK((bfly_int)read_le(p + at + 8 * k, 8) == ((bfly_int *)C.data[1])[k], "permutation entry %d", k);
        if (i == 2) {
            uint32_t bits;
            memcpy(&bits, C.data[2], 4);
            CHECK(read_le(p + at, 4) == bits, "the first number of the diagonal");
        }
        at += data[i];
    }
    CHECK(at + 8 == size && read_le(p + size - 8, 8) == crc64(p, (size_t)size - 8), "checksum");
    bfly_plan_destroy(plan);
    free(p);
    chain_free(&C);

    C = chain_new(TYPE_S, 1, 0); /* one float and four bytes of zeros */
    plan = plan_of(&C);
    p = bytes_of(plan, &size);
    CHECK(size == HEADER + 4 * RECORD + 8 + 8 + 8 && read_le(p + size - 12, 4) == 0, "n = 1 takes %lld bytes",
          (long long)size);
    bfly_plan_destroy(plan);
    free(p);
    chain_free(&C);
}

static bfly_plan *const mark = (bfly_plan *)(uintptr_t)64; /* stands where no plan may be written */

static void refused(const unsigned char *p, bfly_int size, int expected, const char *what, bfly_int where)
{
    bfly_plan *plan = mark;
    /* exactly as many bytes, so that memory checkers see a read behind them */
    unsigned char *copy = must_alloc((size_t)size);
    memcpy(copy, p, (size_t)size);
    int rc = bfly_plan_from_memory(copy, size, &plan);
    CHECK(rc == expected || (expected == 0 && rc > 0), "%s at %lld returned %d, not %d", what, (long long)where, rc,
          expected);
    CHECK(plan == mark, "%s at %lld: the plan was touched", what, (long long)where);
    free(copy);
}

static void test_damage(void)
{
    chain C = chain_new(TYPE_D, 4, 8);
    bfly_plan *plan = plan_of(&C);
    bfly_int size;
    unsigned char *p = bytes_of(plan, &size), *q = must_alloc((size_t)size + 8);
    for (bfly_int i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit += effort() ? 1 : 5) {
            memcpy(q, p, (size_t)size);
            q[i] ^= (unsigned char)(1 << bit);
            refused(q, size, i >= 8 && i < 12 ? BFLY_EVERSION : BFLY_EFORMAT, "a changed bit", i);
        }
    for (bfly_int i = 0; i < size; i++) refused(p, i, BFLY_EFORMAT, "a cut", i);
    memcpy(q, p, (size_t)size);
    memset(q + size, 0, 8);
    refused(q, size + 8, BFLY_EFORMAT, "zeros at the end", size);

    /* lies with a right checksum */
    static const uint64_t lies[] = {0, 1, 3, 5, 8, 240, 245, 255, 1u << 20, (uint64_t)1 << 32, (uint64_t)1 << 46,
                                    (uint64_t)1 << 47, (uint64_t)1 << 59, (uint64_t)1 << 62, (uint64_t)1 << 63,
                                    INT64_MAX, UINT64_MAX, UINT64_MAX - 31, UINT64_MAX / 32, UINT64_MAX / 32 + 2};
    static const int places[][2] = {{16, 8}, {24, 8}, {32, 8}, {HEADER, 4}, {HEADER + 24, 8}, {HEADER + 20, 4},
                                    {HEADER + RECORD, 4}, {HEADER + RECORD + 24, 8}};
    for (size_t f = 0; f < sizeof places / sizeof *places; f++)
        for (size_t l = 0; l < sizeof lies / sizeof *lies; l++) {
            uint64_t lie = places[f][1] == 4 ? lies[l] & UINT32_MAX : lies[l];
            if (read_le(p + places[f][0], places[f][1]) == lie) continue;
            memcpy(q, p, (size_t)size);
            write_le(q + places[f][0], places[f][1], lie);
            sign(q, size);
            refused(q, size, BFLY_EFORMAT, "a lie", places[f][0]);
        }
    /* what only the plan itself can judge: types, op, order, form, an entry of the permutation */
    bfly_int perm = HEADER + 4 * RECORD + 8 * numbers_in(4, BFLY_TIED);
    const bfly_int at[] = {12, 13, HEADER + 4, HEADER + 8, HEADER + 12, HEADER + 16, HEADER + RECORD + 8, perm, perm + 7};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        memcpy(q, p, (size_t)size);
        q[at[i]] = (unsigned char)(q[at[i]] + 77);
        sign(q, size);
        refused(q, size, BFLY_EFORMAT, "a wrong entry", at[i]);
    }
    bfly_plan_destroy(plan);
    free(p);
    free(q);
    chain_free(&C);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(bytes, 1, size, f) == size && fclose(f) == 0, "cannot write %s", path);
}

/* What stands at the path: a file keeps its mode, a link stays a link, a pipe is written to. */
static void test_targets(const bfly_plan *plan, const char *path, const char *folder)
{
    struct stat now;
    char link[700], pipe[700];
    bfly_plan *loaded = NULL;
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    unlink(link), unlink(pipe);
    CHECK(chmod(path, 0600) == 0 && symlink(path, link) == 0 && mkfifo(pipe, 0600) == 0, "no link or pipe in %s", folder);
    int rc = bfly_plan_save(plan, link);
    CHECK(rc == 0 && lstat(link, &now) == 0 && S_ISLNK(now.st_mode), "saving through a link: %d", rc);
    CHECK(stat(path, &now) == 0 && (now.st_mode & 0777) == 0600, "the mode became %o", (unsigned)now.st_mode & 0777);
    CHECK(bfly_plan_load(link, &loaded) == 0, "what was saved through a link cannot be loaded");
    bfly_plan_destroy(loaded);

    const int reader = open(pipe, O_RDONLY | O_NONBLOCK);
    char bytes[8] = "";
    rc = bfly_plan_save(plan, pipe);
    CHECK(rc == 0 && lstat(pipe, &now) == 0 && S_ISFIFO(now.st_mode), "saving to a pipe: %d", rc);
    CHECK(read(reader, bytes, 8) == 8 && memcmp(bytes, "BFLYPLAN", 8) == 0, "the pipe received something else");
    close(reader);
    unlink(link), unlink(pipe);
}

static void test_files(const char *path, const char *folder)
{
    chain C = chain_new(TYPE_Z, 8, 1);
    bfly_plan *plan = plan_of(&C), *loaded = mark;
    bfly_int size;
    unsigned char *p = bytes_of(plan, &size);
    char other[700];
    snprintf(other, sizeof other, "%s/none/x.plan", folder);
    errno = 0;
    int rc = bfly_plan_save(plan, other);
    CHECK(rc == BFLY_EIO && errno == ENOENT, "saving in a folder that is not there: %d, errno %d", rc, errno);
    rc = bfly_plan_load(other, &loaded);
    CHECK(rc == BFLY_EIO && loaded == mark, "loading a file that is not there: %d", rc);
    errno = 0;
    rc = bfly_plan_load(folder, &loaded);
    CHECK(rc == BFLY_EIO && errno != 0 && loaded == mark, "loading a folder: %d, errno %d", rc, errno);
    rc = bfly_plan_save(plan, folder);
    CHECK(rc == BFLY_EIO, "saving over a folder: %d", rc);

    write_file(path, "", 0);
    CHECK(bfly_plan_load(path, &loaded) == BFLY_EFORMAT && loaded == mark, "an empty file was loaded");
    write_file(path, p, (size_t)size - 1);
    CHECK(bfly_plan_load(path, &loaded) == BFLY_EFORMAT && loaded == mark, "a cut file was loaded");
    p[size / 2] ^= 1;
    write_file(path, p, (size_t)size);
    CHECK(bfly_plan_load(path, &loaded) == BFLY_EFORMAT && loaded == mark, "a damaged file was loaded");
    p[size / 2] ^= 1;
    p[8] = 2;
    write_file(path, p, (size_t)size);
    CHECK(bfly_plan_load(path, &loaded) == BFLY_EVERSION && loaded == mark, "a file of the future was loaded");
    p[8] = 1;
    write_le(p + 32, 8, (uint64_t)1 << 61); /* a header that wants 2 exabytes */
    sign(p, size);
    write_file(path, p, (size_t)size);
    CHECK(bfly_plan_load(path, &loaded) == BFLY_EFORMAT && loaded == mark, "a huge header was believed");

    rc = bfly_plan_save(plan, path); /* over what is there */
    CHECK(rc == 0 && bfly_plan_load(path, &loaded) == 0 && loaded != mark, "saving over a file: %d", rc);
    if (loaded != mark) {
        CHECK(same_results(TYPE_Z, &C, plan, loaded), "saved over a file, loaded something else");
        bfly_plan_destroy(loaded);
    }
    snprintf(other, sizeof other, "%s.part0", path);
    CHECK(access(other, F_OK) != 0, "%s was left behind", other);
    test_targets(plan, path, folder);
    bfly_plan_destroy(plan);
    free(p);
    chain_free(&C);
}

static void test_arguments(void)
{
    chain C = chain_new(TYPE_S, 4, 0);
    bfly_plan *plan = plan_of(&C), *made = mark;
    bfly_int size, wrong = -7;
    unsigned char *p = bytes_of(plan, &size), *q = must_alloc((size_t)size);
    memset(q, 0x5a, (size_t)size);
    CHECK(bfly_plan_to_memory(NULL, q, size, &wrong) == -1, "to memory without a plan");
    CHECK(bfly_plan_to_memory(plan, q, size - 1, &wrong) == -3, "to memory that is too small");
    CHECK(bfly_plan_to_memory(plan, q, -1, &wrong) == -3, "to memory of negative size");
    CHECK(bfly_plan_to_memory(plan, q, size, NULL) == -4, "to memory without a size");
    int touched = 0;
    for (bfly_int i = 0; i < size; i++) touched += q[i] != 0x5a;
    CHECK(touched == 0 && wrong == -7, "a refused call touched its outputs");
    CHECK(bfly_plan_from_memory(NULL, size, &made) == -1, "from memory without bytes");
    CHECK(bfly_plan_from_memory(p, -1, &made) == -2, "from memory of negative size");
    CHECK(bfly_plan_from_memory(p, size, NULL) == -3, "from memory without a plan");
    CHECK(bfly_plan_save(NULL, "x.plan") == -1, "saving without a plan");
    CHECK(bfly_plan_save(plan, NULL) == -2, "saving without a path");
    CHECK(bfly_plan_save(plan, "") == -2, "saving with an empty path");
    CHECK(bfly_plan_load(NULL, &made) == -1, "loading without a path");
    CHECK(bfly_plan_load("", &made) == -1, "loading with an empty path");
    CHECK(bfly_plan_load("x.plan", NULL) == -2, "loading without a plan");
    CHECK(made == mark, "a refused call touched the plan");
    bfly_plan_destroy(plan);
    free(p);
    free(q);
    chain_free(&C);
}

int main(void)
{
    char folder[] = "/tmp/butterfly-plan-XXXXXX", path[600];
    if (mkdtemp(folder) == NULL) return 2;
    snprintf(path, sizeof path, "%s/test.plan", folder);
    random_seed(6);
    for (int t = 0; t <= TYPE_Z; t++)
        for (int variant = 0; variant < 16; variant++) {
            static const bfly_int sizes[] = {8, 1, 2, 64, 4, 32};
            test_round_trip(t, sizes[(variant + t) % 6], variant, path);
        }
    test_format();
    test_damage();
    test_files(path, folder);
    test_arguments();
    remove(path);
    CHECK(rmdir(folder) == 0, "files were left behind in %s", folder);
    return finish("plan_file");
}
