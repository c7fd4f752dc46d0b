/* isa_avx2.c - 32-byte vectors with fused multiply-add. The target is chosen here, not on the command line. */
#include "internal.h"
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define KEEP(v) __asm__("" : "+x"(v))
#define MOST_BETWEEN 3
#define VBYTES 32
#define LOGW_F32 3
#define LOGW_F64 2
#define FMA_F32(a, b, c) ((__typeof__(a))_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define FMA_F64(a, b, c) ((__typeof__(a))_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define FNMA_F32(a, b, c) ((__typeof__(a))_mm256_fnmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define FNMA_F64(a, b, c) ((__typeof__(a))_mm256_fnmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#include "kernels.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static int available(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static const bfly_isa isa = {"avx2", available, {&kernels_s, &kernels_d}};
const bfly_isa *const bfly_isa_avx2 = &isa;
#else
const bfly_isa *const bfly_isa_avx2 = NULL;
#endif
