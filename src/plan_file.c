/* plan_file.c - plans in a file or in memory: the chain as the caller gave it, unreduced, packed again when loaded.
 *
 * Everything is little endian, every part a multiple of 8 bytes:
 *
 *     0   "BFLYPLAN"            40      items times: kind, type, op, order, form, 0 (each 4 bytes), bytes of data (8)
 *     8   version (4)           then    items times: data, filled up with zeros to a multiple of 8
 *     12  type in, type out (1, 1), 0   then    CRC-64 (of the XZ format) of all before (8)
 *     16  n (8)
 *     24  number of items (8)
 *     32  bytes in all (8)
 *
 * Nothing that stands in a header is believed before it agrees with the size of the file: memory is asked for only then.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "args.h"
#include "plan.h"

#if defined(__unix__) || defined(__APPLE__)
#define POSIX 1
#include <sys/stat.h>
#include <unistd.h>
#else
#define POSIX 0
#endif

enum { VERSION = 1, HEADER = 40, RECORD = 32, CHECKSUM = 8 };
static const char magic[8] = {'B', 'F', 'L', 'Y', 'P', 'L', 'A', 'N'};

/* ---- numbers as bytes ---- */

static void put(unsigned char *p, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t get(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static int little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* ---- checksum: x^64 + ..., reflected, as in the .xz format ---- */

typedef struct crc {
    uint64_t state, table[256];
} crc;

static void crc_start(crc *c)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t v = i;
        for (int b = 0; b < 8; b++) v = v >> 1 ^ (v & 1 ? 0xC96C5795D7870F42u : 0);
        c->table[i] = v;
    }
    c->state = ~(uint64_t)0;
}

static void crc_add(crc *c, const unsigned char *p, size_t bytes)
{
    uint64_t s = c->state;
    for (size_t i = 0; i < bytes; i++) s = c->table[(s ^ p[i]) & 255] ^ s >> 8;
    c->state = s;
}

static uint64_t crc_value(const crc *c) { return ~c->state; }

/* ---- sizes ---- */

/* Bytes of one number of an item's data, and how many; 0 when there is no such item. */
static int shape_of(const bfly_item *item, bfly_int n, int *size, bfly_int *numbers)
{
    const int real = item->type == BFLY_S || item->type == BFLY_C ? 4 : 8;
    const int parts = item->type == BFLY_C || item->type == BFLY_Z ? 2 : 1;
    bfly_int stages = 0;
    if (n < 1 || n > (bfly_int)1 << (BFLY_MAX_LOGN - 2)) return 0;
    *size = real;
    switch (item->kind) {
    case BFLY_ITEM_BUTTERFLY:
        if (!bfly_is_power_of_two(n) || !bfly_is_form(item->form)) return 0;
        while ((bfly_int)1 << stages < n) stages++;
        *numbers = (item->form == BFLY_TIED ? 4 * (n - 1) : 2 * n * stages) * parts;
        break;
    case BFLY_ITEM_PERMUTATION:
        *size = 8;
        *numbers = n;
        return 1;
    case BFLY_ITEM_DIAGONAL: *numbers = n * parts; break;
    case BFLY_ITEM_REAL_PART: *numbers = 0; return 1;
    default: return 0;
    }
    return item->type == BFLY_S || item->type == BFLY_D || parts == 2;
}

static bfly_int filled_up(bfly_int bytes) { return (bytes + 7) / 8 * 8; }

/* ---- writing: to a file, to memory, or nowhere when only the size is asked for ---- */

typedef struct sink {
    FILE *file;
    unsigned char *memory;
    bfly_int at;
    int failed;
    crc sum;
} sink;

static void write_bytes(sink *s, const void *p, bfly_int bytes)
{
    if (s->file || s->memory) crc_add(&s->sum, p, (size_t)bytes);
    if (s->memory && bytes) memcpy(s->memory + s->at, p, (size_t)bytes);
    if (s->file && !s->failed && bytes) s->failed = fwrite(p, 1, (size_t)bytes, s->file) != (size_t)bytes;
    s->at += bytes;
}

static void write_numbers(sink *s, const unsigned char *p, int size, bfly_int numbers)
{
    static const unsigned char zeros[8];
    if (little_endian() || !(s->file || s->memory)) {
        write_bytes(s, p, size * numbers);
    } else {
        for (bfly_int i = 0; i < numbers; i++) {
            unsigned char turned[8];
            for (int b = 0; b < size; b++) turned[b] = p[i * size + size - 1 - b];
            write_bytes(s, turned, size);
        }
    }
    write_bytes(s, zeros, filled_up(size * numbers) - size * numbers);
}

/* total: bytes in all, known from a first run without file and memory */
static int write_plan(const bfly_plan *plan, sink *s, bfly_int total)
{
    unsigned char header[HEADER] = {0}, record[RECORD] = {0}, sum[CHECKSUM];
    bfly_info info;
    bfly_plan_info(plan, &info);
    memcpy(header, magic, 8);
    put(header + 8, 4, VERSION);
    header[12] = (unsigned char)info.type_in;
    header[13] = (unsigned char)info.type_out;
    put(header + 16, 8, (uint64_t)info.n);
    put(header + 24, 8, (uint64_t)info.items);
    put(header + 32, 8, (uint64_t)total);
    s->at = 0;
    crc_start(&s->sum);
    write_bytes(s, header, HEADER);
    for (int pass = 0; pass < 2; pass++)
        for (bfly_int i = 0; i < info.items; i++) {
            bfly_item item;
            int size;
            bfly_int numbers;
            bfly_plan_item(plan, i, &item);
            if (!shape_of(&item, info.n, &size, &numbers)) return BFLY_EFORMAT;
            if (pass == 1) {
                write_numbers(s, item.data, size, numbers);
                continue;
            }
            const int fields[5] = {item.kind, item.type, item.op, item.order, item.form};
            for (int f = 0; f < 5; f++) put(record + 4 * f, 4, (uint32_t)fields[f]);
            put(record + 24, 8, (uint64_t)(size * numbers));
            write_bytes(s, record, RECORD);
        }
    put(sum, CHECKSUM, crc_value(&s->sum));
    write_bytes(s, sum, CHECKSUM);
    return 0;
}

static int to_memory(const bfly_plan *plan, void *bytes, bfly_int capacity, bfly_int *size)
{
    BFLY_CHECK(1, plan);
    BFLY_CHECK(4, size);
    sink s = {NULL, NULL, 0, 0, {0, {0}}};
    const int rc = write_plan(plan, &s, 0);
    if (rc) return rc;
    const bfly_int total = s.at;
    BFLY_CHECK(3, !bytes || capacity >= total);
    *size = total;
    s.memory = bytes;
    return bytes ? write_plan(plan, &s, total) : 0;
}

enum { NOTHING = -1, IN_PLACE = -2 };

/* The path behind symbolic links, to be freed, and what stands there: the mode of a file, NOTHING, or IN_PLACE for a pipe
 * or a device, which cannot be replaced. NULL: no memory. */
static char *target_of(const char *path, int *there)
{
    char *target = NULL;
    *there = NOTHING;
#if POSIX
    struct stat now;
    if (stat(path, &now) == 0) *there = S_ISREG(now.st_mode) ? (int)(now.st_mode & 0777) : IN_PLACE;
    if (*there >= 0) {
        target = realpath(path, NULL);
        if (!target && errno == ENOMEM) return NULL;
    }
#endif
    if (!target) {
        target = malloc(strlen(path) + 1);
        if (target) strcpy(target, path);
    }
    return target;
}

/* a new file beside the target; part receives its name */
static FILE *open_part(const char *target, int mode, char *part, size_t room)
{
    FILE *f = NULL;
    for (int k = 0; k < 1000 && !f; k++) {
        snprintf(part, room, "%s.part%d", target, k);
        f = fopen(part, "wbx");
        if (!f && errno != EEXIST) break;
    }
#if POSIX
    if (f && mode != NOTHING) (void)!fchmod(fileno(f), (mode_t)mode);
#endif
    (void)mode;
    return f;
}

/* Written under a name of its own and moved when complete: a reader never sees half a plan. */
static int save(const bfly_plan *plan, const char *path)
{
    BFLY_CHECK(1, plan);
    BFLY_CHECK(2, path && path[0]);
    sink s = {NULL, NULL, 0, 0, {0, {0}}};
    int there, rc = write_plan(plan, &s, 0);
    if (rc) return rc;
    char *const target = target_of(path, &there), *part = NULL;
    const size_t room = target ? strlen(target) + 16 : 0;
    if (target && there != IN_PLACE) part = malloc(room);
    if (!target || (there != IN_PLACE && !part)) {
        free(target);
        return BFLY_ENOMEM;
    }
    s.file = part ? open_part(target, there, part, room) : fopen(target, "wb");
    if (s.file) {
        rc = write_plan(plan, &s, s.at);
        s.failed |= fflush(s.file) != 0;
#if POSIX
        s.failed |= part && fsync(fileno(s.file)) != 0;
#endif
        s.failed |= fclose(s.file) != 0;
        s.failed = s.failed || rc != 0 || (part && rename(part, target) != 0);
    }
    const int why = errno;
    if (s.failed && part) remove(part);
    if (!rc && (s.failed || !s.file)) rc = BFLY_EIO;
    free(part);
    free(target);
    errno = why;
    return rc;
}

/* ---- reading ---- */

/* Is what the bytes say about themselves true? The only place that trusts nothing. */
static int check_bytes(const unsigned char *p, bfly_int size)
{
    if (size < HEADER + CHECKSUM || memcmp(p, magic, 8) != 0) return BFLY_EFORMAT;
    if (get(p + 8, 4) != VERSION) return BFLY_EVERSION;
    if (get(p + 14, 2) != 0 || get(p + 32, 8) != (uint64_t)size) return BFLY_EFORMAT;
    const uint64_t n = get(p + 16, 8), items = get(p + 24, 8);
    if (items > (uint64_t)(size - HEADER - CHECKSUM) / RECORD || n > INT64_MAX) return BFLY_EFORMAT;
    uint64_t left = (uint64_t)(size - HEADER - CHECKSUM) - items * RECORD;
    for (uint64_t i = 0; i < items; i++) {
        const unsigned char *record = p + HEADER + i * RECORD;
        const bfly_item item = {.kind = (int)get(record, 4), .type = (int)get(record + 4, 4),
                                .form = (int)get(record + 16, 4)};
        int bytes;
        bfly_int numbers;
        if (!shape_of(&item, (bfly_int)n, &bytes, &numbers) || get(record + 24, 8) != (uint64_t)(bytes * numbers) ||
            get(record + 20, 4) != 0 || (uint64_t)filled_up(bytes * numbers) > left)
            return BFLY_EFORMAT;
        left -= (uint64_t)filled_up(bytes * numbers);
    }
    if (left != 0) return BFLY_EFORMAT;
    crc sum;
    crc_start(&sum);
    crc_add(&sum, p, (size_t)(size - CHECKSUM));
    return crc_value(&sum) == get(p + size - CHECKSUM, CHECKSUM) ? 0 : BFLY_EFORMAT;
}

/* The chain in checked bytes, which are the caller's to change and aligned: numbers are turned where they lie. */
static int create(unsigned char *p, bfly_plan **plan)
{
    const bfly_int n = (bfly_int)get(p + 16, 8), items = (bfly_int)get(p + 24, 8);
    bfly_item *item = malloc((size_t)(items ? items : 1) * sizeof *item);
    if (!item) return BFLY_ENOMEM;
    unsigned char *data = p + HEADER + items * RECORD;
    for (bfly_int i = 0; i < items; i++) {
        const unsigned char *record = p + HEADER + i * RECORD;
        int size;
        bfly_int numbers;
        item[i] = (bfly_item){(int)get(record, 4),      (int)get(record + 4, 4),  (int)get(record + 8, 4),
                              (int)get(record + 12, 4), (int)get(record + 16, 4), data};
        shape_of(&item[i], n, &size, &numbers);
        if (!little_endian())
            for (bfly_int k = 0; k < numbers; k++)
                for (int b = 0; b < size / 2; b++) {
                    unsigned char *a = data + k * size + b, *z = data + k * size + size - 1 - b, t = *a;
                    *a = *z;
                    *z = t;
                }
        if (numbers == 0) item[i].data = NULL;
        data += filled_up(size * numbers);
    }
    bfly_plan *made = NULL;
    const int rc = bfly_plan_make(p[12], p[13], n, items, item, &made);
    free(item);
    if (rc == 0) *plan = made;
    return rc < 0 ? BFLY_EFORMAT : rc;
}

static int from_memory(const void *bytes, bfly_int size, bfly_plan **plan)
{
    BFLY_CHECK(1, bytes);
    BFLY_CHECK(2, size >= 0);
    BFLY_CHECK(3, plan);
    int rc = check_bytes(bytes, size);
    if (rc) return rc;
    unsigned char *copy = malloc((size_t)size);
    if (!copy) return BFLY_ENOMEM;
    memcpy(copy, bytes, (size_t)size);
    rc = create(copy, plan);
    free(copy);
    return rc;
}

static int load(const char *path, bfly_plan **plan)
{
    BFLY_CHECK(1, path && path[0]);
    BFLY_CHECK(2, plan);
    errno = 0;
    FILE *f = fopen(path, "rb");
    if (!f) return BFLY_EIO;
    int rc = BFLY_EIO;
    unsigned char header[HEADER], *bytes = NULL;
    const long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (size < 0 || size == LONG_MAX || fseek(f, 0, SEEK_SET) != 0) goto done; /* a pipe, a folder */
    rc = BFLY_EFORMAT;
    if (size < HEADER + CHECKSUM) goto done;
    rc = BFLY_EIO;
    if (fread(header, 1, HEADER, f) != HEADER) goto done;
    /* before memory is asked for: a large file that is something else */
    rc = BFLY_EFORMAT;
    if (memcmp(header, magic, 8) != 0) goto done;
    rc = BFLY_EVERSION;
    if (get(header + 8, 4) != VERSION) goto done;
    rc = BFLY_EFORMAT;
    if (get(header + 32, 8) != (uint64_t)size) goto done;
    rc = BFLY_ENOMEM;
    bytes = malloc((size_t)size);
    if (!bytes) goto done;
    memcpy(bytes, header, HEADER);
    rc = BFLY_EIO;
    if (fread(bytes + HEADER, 1, (size_t)(size - HEADER), f) != (size_t)(size - HEADER)) goto done;
    rc = check_bytes(bytes, size);
    if (rc == 0) rc = create(bytes, plan);
done:;
    int why = errno;
#ifdef EIO
    if (rc == BFLY_EIO && why == 0) why = EIO; /* what ended early is not an error for the system */
#endif
    free(bytes);
    fclose(f);
    errno = why;
    return rc;
}

int bfly_plan_to_memory(const bfly_plan *plan, void *bytes, bfly_int capacity, bfly_int *size)
{
    REPORT(to_memory(plan, bytes, capacity, size));
}
int bfly_plan_from_memory(const void *bytes, bfly_int size, bfly_plan **plan)
{
    REPORT(from_memory(bytes, size, plan));
}
int bfly_plan_save(const bfly_plan *plan, const char *path) { REPORT(save(plan, path)); }
int bfly_plan_load(const char *path, bfly_plan **plan) { REPORT(load(path, plan)); }
