/* isa_scalar.c - one number at a time: every compiler, every processor. */
#define VBYTES 0
#define LOGW_F32 0
#define LOGW_F64 0
#include "kernels.inc"

static int available(void) { return 1; }
static const bfly_isa isa = {"scalar", available, {&kernels_s, &kernels_d}};
const bfly_isa *const bfly_isa_scalar = &isa;
