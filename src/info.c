/* info.c - version, configuration, error texts, the error handler. */
#include <stdatomic.h>
#include <stdio.h>

#include "args.h"

int bfly_version(void) { return 10000 * BFLY_VERSION_MAJOR + 100 * BFLY_VERSION_MINOR + BFLY_VERSION_PATCH; }

const char *bfly_config(void)
{
    static _Thread_local char text[256];
#ifdef _OPENMP
    const char *openmp = "yes";
#else
    const char *openmp = "no";
#endif
    snprintf(text, sizeof text, "libbutterfly %d.%d.%d isa=%s available=\"%s\" openmp=%s threads=%d%s",
             BFLY_VERSION_MAJOR, BFLY_VERSION_MINOR, BFLY_VERSION_PATCH, bfly_get_isa(), bfly_isas(), openmp,
             bfly_get_num_threads(), bfly_isa_refused() ? " (BUTTERFLY_ISA names one that is not available: ignored)" : "");
    return text;
}

const char *bfly_strerror(int result)
{
    switch (result) {
    case 0: return "success";
    case BFLY_ENOMEM: return "not enough memory for the workspace";
    case BFLY_EOVERFLOW: return "sizes times strides do not fit in 64 bits";
    case BFLY_EIO: return "a file cannot be opened, read, written or moved";
    case BFLY_EFORMAT: return "not a plan, or damaged";
    case BFLY_EVERSION: return "a plan of another version of the format";
    case BFLY_EISA: return "instruction set unknown or not available here";
    }
    return result < 0 && result > -32 ? "illegal argument, at the position that is the negative of the result"
                                      : "unknown result";
}

static _Atomic(bfly_error_handler) current_handler;

bfly_error_handler bfly_set_error_handler(bfly_error_handler handler)
{
    return atomic_exchange_explicit(&current_handler, handler, memory_order_acq_rel);
}

void bfly_tell(const char *function, int result)
{
    const bfly_error_handler handler = atomic_load_explicit(&current_handler, memory_order_acquire);
    if (handler) handler(function, result);
}
