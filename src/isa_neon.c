/* isa_neon.c - 16-byte vectors with fused multiply-add on AArch64, where they are part of the base. */
#include "internal.h"
#if defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>

#define MOST_BETWEEN 3
#define WIDE_FILE 1
#define VBYTES 16
#define LOGW_F32 2
#define LOGW_F64 1
#define FMA_F32(a, b, c) ((__typeof__(a))vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define FMA_F64(a, b, c) ((__typeof__(a))vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#define FNMA_F32(a, b, c) ((__typeof__(a))vfmsq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define FNMA_F64(a, b, c) ((__typeof__(a))vfmsq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#include "kernels.inc"

static int available(void) { return 1; }
static const bfly_isa isa = {"neon", available, {&kernels_s, &kernels_d}};
const bfly_isa *const bfly_isa_neon = &isa;
#else
const bfly_isa *const bfly_isa_neon = NULL;
#endif
