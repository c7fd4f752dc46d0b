/* isa_sse2.c - 16-byte vectors, every x86-64 processor. */
#include "internal.h"
#if defined(__x86_64__) && defined(__GNUC__)
#define VBYTES 16
#define LOGW_F32 2
#define LOGW_F64 1
#include "kernels.inc"

static int available(void) { return 1; }
static const bfly_isa isa = {"sse2", available, {&kernels_s, &kernels_d}};
const bfly_isa *const bfly_isa_sse2 = &isa;
#else
const bfly_isa *const bfly_isa_sse2 = NULL;
#endif
