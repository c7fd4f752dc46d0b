/* isa.c - the choice of an instruction set: the best one available, BUTTERFLY_ISA, or bfly_set_isa. */
#include <stdlib.h>
#include <string.h>

#include "args.h"

#define ISAS 5
static const bfly_isa *const *const all[ISAS] = {&bfly_isa_scalar, &bfly_isa_sse2, &bfly_isa_neon, &bfly_isa_avx2,
                                                 &bfly_isa_avx512};

_Atomic(const bfly_isa *) bfly_isa_in_use;
static atomic_int refused;

/* name NULL: the best available */
static const bfly_isa *find(const char *name)
{
    for (int i = ISAS - 1; i >= 0; i--) {
        const bfly_isa *isa = *all[i];
        if (isa && (!name || strcmp(name, isa->name) == 0) && isa->available()) return isa;
    }
    return NULL;
}

/* several threads may come here: they all find the same */
const bfly_isa *bfly_first_isa(void)
{
    const bfly_isa *isa = NULL, *none = NULL;
    const char *name = getenv("BUTTERFLY_ISA");
    if (name && *name && strcmp(name, "auto") != 0) {
        isa = find(name);
        if (!isa) atomic_store(&refused, 1);
    }
    if (!isa) isa = find(NULL);
    return atomic_compare_exchange_strong(&bfly_isa_in_use, &none, isa) ? isa : none;
}

int bfly_isa_refused(void)
{
    bfly_current_isa();
    return atomic_load(&refused);
}

const char *bfly_get_isa(void) { return bfly_current_isa()->name; }

static int set_isa(const char *name)
{
    const bfly_isa *isa = name ? find(strcmp(name, "auto") == 0 ? NULL : name) : NULL;
    if (!isa) return name ? BFLY_EISA : -1;
    bfly_current_isa();
    atomic_store_explicit(&bfly_isa_in_use, isa, memory_order_release);
    return 0;
}

int bfly_set_isa(const char *name) { REPORT(set_isa(name)); }

const char *bfly_isas(void)
{
    static _Thread_local char text[64];
    text[0] = 0;
    for (int i = 0; i < ISAS; i++)
        if (*all[i] && (*all[i])->available()) {
            if (text[0]) strcat(text, " ");
            strcat(text, (*all[i])->name);
        }
    return text;
}
