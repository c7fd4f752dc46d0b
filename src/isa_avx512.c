/* isa_avx512.c - 64-byte vectors with fused multiply-add. The target is chosen here, not on the command line. */
#include "internal.h"
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")
#endif

#define KEEP(v) __asm__("" : "+v"(v))
#define MOST_BETWEEN 3
#define WIDE_FILE 1
#define VBYTES 64
#define LOGW_F32 4
#define LOGW_F64 3
#define FMA_F32(a, b, c) ((__typeof__(a))_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define FMA_F64(a, b, c) ((__typeof__(a))_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define FNMA_F32(a, b, c) ((__typeof__(a))_mm512_fnmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define FNMA_F64(a, b, c) ((__typeof__(a))_mm512_fnmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define STREAM(p, v) _mm512_stream_si512((__m512i *)(p), (__m512i)(v))
#define STREAMED() _mm_sfence()
#include "kernels.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static int available(void) { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw"); }
static const bfly_isa isa = {"avx512", available, {&kernels_s, &kernels_d}};
const bfly_isa *const bfly_isa_avx512 = &isa;
#else
const bfly_isa *const bfly_isa_avx512 = NULL;
#endif
