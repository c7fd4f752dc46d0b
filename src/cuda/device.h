/* device.h - what the kernels are written in: complex numbers, shared memory, 2x2 blocks of factors.
 *
 * Shared memory is addressed by 32-bit offsets. The loads are volatile assembly on purpose: left to itself the compiler
 * moves factor loads up and keeps what it loaded, which costs more registers than there are. With BFLY_CUDA_SIM the
 * same kernels are compiled for the processor (tests/c/cuda/sim.h), and every shared access is recorded.
 */
#ifndef BFLY_CUDA_DEVICE_H
#define BFLY_CUDA_DEVICE_H

#ifdef BFLY_CUDA_SIM
#  include "sim.h"
#else
#  include <cuda_runtime.h>
#endif

#include "maps.h"

#define BFLY_DEV __device__ __forceinline__

namespace bfly_cuda {

template <class T> struct alignas(2 * sizeof(T)) cx {
    T re, im;
};

template <class E> struct real_of {
    using type = E;
};
template <class T> struct real_of<cx<T>> {
    using type = T;
};
template <class E> using real_t = typename real_of<E>::type;
template <class E> constexpr bool is_cx = sizeof(E) != sizeof(real_t<E>);

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */
BFLY_DEV float fmadd(float a, float b, float c) { return fmaf(a, b, c); }
BFLY_DEV double fmadd(double a, double b, double c) { return fma(a, b, c); }

template <class T> BFLY_DEV T plus(T a, T b) { return a + b; }
template <class T> BFLY_DEV cx<T> plus(cx<T> a, cx<T> b) { return {a.re + b.re, a.im + b.im}; }
template <class T> BFLY_DEV T minus(T a, T b) { return a - b; }
template <class T> BFLY_DEV cx<T> minus(cx<T> a, cx<T> b) { return {a.re - b.re, a.im - b.im}; }
template <class T> BFLY_DEV T times(T a, T x) { return a * x; }
template <class T> BFLY_DEV cx<T> times(cx<T> a, cx<T> x)
{
    return {fmadd(-a.im, x.im, a.re * x.re), fmadd(a.im, x.re, a.re * x.im)};
}
template <class T> BFLY_DEV T scaled(T p, T x) { return p * x; }
template <class T> BFLY_DEV cx<T> scaled(T p, cx<T> x) { return {p * x.re, p * x.im}; }
/* p y + q x, p and q real */
template <class T> BFLY_DEV T mixed(T p, T y, T q, T x) { return fmadd(p, y, q * x); }
template <class T> BFLY_DEV cx<T> mixed(T p, cx<T> y, T q, cx<T> x)
{
    return {fmadd(p, y.re, q * x.re), fmadd(p, y.im, q * x.im)};
}
/* c + a x */
template <class T> BFLY_DEV T plus_product(T c, T a, T x) { return fmadd(a, x, c); }
template <class T> BFLY_DEV cx<T> plus_product(cx<T> c, cx<T> a, cx<T> x)
{
    return {fmadd(-a.im, x.im, fmadd(a.re, x.re, c.re)), fmadd(a.im, x.re, fmadd(a.re, x.im, c.im))};
}
/* c + conj(a) x */
template <class T> BFLY_DEV T plus_conj_product(T c, T a, T x) { return fmadd(a, x, c); }
template <class T> BFLY_DEV cx<T> plus_conj_product(cx<T> c, cx<T> a, cx<T> x)
{
    return {fmadd(a.im, x.im, fmadd(a.re, x.re, c.re)), fmadd(-a.im, x.re, fmadd(a.re, x.im, c.im))};
}
/* the real part of conj(a) x */
template <class T> BFLY_DEV T dot(T a, T x) { return a * x; }
template <class T> BFLY_DEV T dot(cx<T> a, cx<T> x) { return fmadd(a.im, x.im, a.re * x.re); }

template <class T> BFLY_DEV void set(T &v, double re, double) { v = (T)re; }
template <class T> BFLY_DEV void set(cx<T> &v, double re, double im) { v = {(T)re, (T)im}; }
template <class T> BFLY_DEV T conjugate(T v) { return v; }
template <class T> BFLY_DEV cx<T> conjugate(cx<T> v) { return {v.re, -v.im}; }

/* ---- 32-bit words of a number ---------------------------------------------------------------------------------- */
template <class E> constexpr int words_of = (int)(sizeof(E) / 4);

#ifndef BFLY_CUDA_SIM
BFLY_DEV unsigned get_word(float v, int) { return __float_as_uint(v); }
BFLY_DEV void set_word(float &v, int, unsigned x) { v = __uint_as_float(x); }
BFLY_DEV unsigned get_word(double v, int w) { return w ? __double2hiint(v) : __double2loint(v); }
BFLY_DEV void set_word(double &v, int w, unsigned x)
{
    v = w ? __hiloint2double((int)x, __double2loint(v)) : __hiloint2double(__double2hiint(v), (int)x);
}

BFLY_DEV unsigned load_word(unsigned at)
{
    unsigned v;
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(v) : "r"(at) : "memory");
    return v;
}
BFLY_DEV void store_word(unsigned at, unsigned v) { asm volatile("st.shared.b32 [%0], %1;" ::"r"(at), "r"(v) : "memory"); }

/* 16 bytes at a time */
BFLY_DEV void load_quad(unsigned at, float *q)
{
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(q[0]), "=f"(q[1]), "=f"(q[2]), "=f"(q[3]) : "r"(at));
}
BFLY_DEV void load_quad(unsigned at, double *q)
{
    asm volatile("ld.shared.v2.f64 {%0, %1}, [%2];" : "=d"(q[0]), "=d"(q[1]) : "r"(at));
}
BFLY_DEV void store_quad(unsigned at, const float *q)
{
    asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(at), "f"(q[0]), "f"(q[1]), "f"(q[2]), "f"(q[3]) : "memory");
}
BFLY_DEV void store_quad(unsigned at, const double *q)
{
    asm volatile("st.shared.v2.f64 [%0], {%1, %2};" ::"r"(at), "d"(q[0]), "d"(q[1]) : "memory");
}

/* one number */
BFLY_DEV void load_number(unsigned at, float &v) { asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(at) : "memory"); }
BFLY_DEV void load_number(unsigned at, double &v) { asm volatile("ld.shared.f64 %0, [%1];" : "=d"(v) : "r"(at) : "memory"); }
BFLY_DEV void load_number(unsigned at, cx<float> &v)
{
    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(v.re), "=f"(v.im) : "r"(at));
}
BFLY_DEV void load_number(unsigned at, cx<double> &v)
{
    asm volatile("ld.shared.v2.f64 {%0, %1}, [%2];" : "=d"(v.re), "=d"(v.im) : "r"(at));
}
BFLY_DEV void store_number(unsigned at, float v) { asm volatile("st.shared.f32 [%0], %1;" ::"r"(at), "f"(v) : "memory"); }
BFLY_DEV void store_number(unsigned at, double v) { asm volatile("st.shared.f64 [%0], %1;" ::"r"(at), "d"(v) : "memory"); }
BFLY_DEV void store_number(unsigned at, cx<float> v)
{
    asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(at), "f"(v.re), "f"(v.im) : "memory");
}
BFLY_DEV void store_number(unsigned at, cx<double> v)
{
    asm volatile("st.shared.v2.f64 [%0], {%1, %2};" ::"r"(at), "d"(v.re), "d"(v.im) : "memory");
}

extern __shared__ __align__(16) unsigned char shared_memory[];
BFLY_DEV unsigned shared_base() { return (unsigned)__cvta_generic_to_shared(shared_memory); }
BFLY_DEV void *shared_pointer() { return shared_memory; }

/* x, but the compiler cannot know: what is computed from it is computed again, and takes no register meanwhile */
BFLY_DEV int hidden(int x)
{
    asm volatile("" : "+r"(x));
    return x;
}

/* Numbers in global memory. The compiler's own 8- and 16-byte accesses cost a kernel that holds its tile in registers
 * spills: loads want neighbouring registers, and stores are gathered. So complex numbers are loaded by parts (the second
 * load finds the first one's sector in the cache), and each is stored at once, in order. */
template <class T> BFLY_DEV T read_number(const T *p) { return *p; }
template <class T> BFLY_DEV cx<T> read_number(const cx<T> *p)
{
    const volatile T *q = (const volatile T *)p;
    return {q[0], q[1]};
}
template <class T> BFLY_DEV void write_number(T *p, T v) { *p = v; }
BFLY_DEV void write_number(cx<float> *p, cx<float> v)
{
    asm volatile("st.global.v2.f32 [%0], {%1, %2};" ::"l"(p), "f"(v.re), "f"(v.im) : "memory");
}
BFLY_DEV void write_number(cx<double> *p, cx<double> v)
{
    asm volatile("st.global.v2.f64 [%0], {%1, %2};" ::"l"(p), "d"(v.re), "d"(v.im) : "memory");
}
/* plain accesses by pointer, to shared memory or workspace */
template <class E> BFLY_DEV E get(const E *p) { return *p; }
template <class E> BFLY_DEV void put(E *p, E v) { *p = v; }
#endif

template <class T> BFLY_DEV unsigned get_word(const cx<T> &v, int w)
{
    return w < words_of<T> ? get_word(v.re, w) : get_word(v.im, w - words_of<T>);
}
template <class T> BFLY_DEV void set_word(cx<T> &v, int w, unsigned x)
{
    if (w < words_of<T>)
        set_word(v.re, w, x);
    else
        set_word(v.im, w - words_of<T>, x);
}

/* ---- 2x2 blocks ------------------------------------------------------------------------------------------------
 *
 * A block stands in one or more planes of 16 bytes a pair, so that a warp's loads are contiguous; that of complex float
 * in four of 8 bytes: four registers in a row for a load are hard to find among 128 that hold a tile.
 */
template <class E> struct Block {
    E a, b, c, d;
};
template <class E> constexpr unsigned unit_bytes = sizeof(E) == 8 && is_cx<E> ? 8 : 16;
template <class E> constexpr int planes_of = (int)(sizeof(Block<E>) / unit_bytes<E>);

template <class E> BFLY_DEV Block<E> load_block(unsigned at, unsigned plane)
{
    Block<E> f;
    if constexpr (is_cx<E>) {
        load_number(at, f.a);
        load_number(at + plane, f.b);
        load_number(at + 2 * plane, f.c);
        load_number(at + 3 * plane, f.d);
    } else {
        E *p = &f.a;
#pragma unroll
        for (int q = 0; q < planes_of<E>; q++) load_quad(at + q * plane, p + q * (int)(16 / sizeof(E)));
    }
    return f;
}
template <class E> BFLY_DEV void store_block(unsigned at, unsigned plane, const Block<E> &f)
{
    if constexpr (is_cx<E>) {
        store_number(at, f.a);
        store_number(at + plane, f.b);
        store_number(at + 2 * plane, f.c);
        store_number(at + 3 * plane, f.d);
    } else {
        const E *p = &f.a;
#pragma unroll
        for (int q = 0; q < planes_of<E>; q++) store_quad(at + q * plane, p + q * (int)(16 / sizeof(E)));
    }
}

/* (u, v) := f (u, v) */
template <class E> BFLY_DEV void apply(const Block<E> &f, E &u, E &v)
{
    const E s = plus_product(times(f.a, u), f.b, v), t = plus_product(times(f.c, u), f.d, v);
    u = s;
    v = t;
}
/* (u, v) := f^H (u, v) */
template <class E> BFLY_DEV void apply_adjoint(const Block<E> &f, E &u, E &v)
{
    const E s = plus_conj_product(times(conjugate(f.a), u), f.c, v), t = plus_conj_product(times(conjugate(f.b), u), f.d, v);
    u = s;
    v = t;
}

/* ---- factors in global memory ----------------------------------------------------------------------------------- */
struct Factors {
    const void *w;
    unsigned char tied, increasing; /* as stored */
    unsigned char transposed, conjugated, is_real; /* to be used; real factors of complex data */
};

template <class E> BFLY_DEV Block<E> read_block(const Factors &F, bfly_int block)
{
    Block<E> f;
    if (is_cx<E> && F.is_real) {
        const real_t<E> *p = (const real_t<E> *)F.w + 4 * block;
        set(f.a, p[0], 0);
        set(f.b, p[1], 0);
        set(f.c, p[2], 0);
        set(f.d, p[3], 0);
    } else {
        const E *p = (const E *)F.w + 4 * block;
        f = {p[0], p[1], p[2], p[3]};
    }
    if (F.transposed) {
        const E b = f.b;
        f.b = f.c;
        f.c = b;
    }
    if (F.conjugated) f = {conjugate(f.a), conjugate(f.b), conjugate(f.c), conjugate(f.d)};
    return f;
}

/* the tile of a block of the grid: a grid has at most 65535 in y */
BFLY_DEV bfly_int tile_index() { return blockIdx.y + (bfly_int)blockIdx.z * gridDim.y; }

/* the block that the pair with this first position uses */
BFLY_DEV bfly_int block_at(const Pass &P, const Factors &F, bfly_int pos, int ls)
{
    return bfly_block_of(bfly_pair_of(pos, ls), ls, P.logn, F.tied, F.increasing);
}

/* ---- vectors ---------------------------------------------------------------------------------------------------- */
struct Vectors {
    void *p;
    bfly_int inc, dist;
};

/* strides of the bits of e in memory, in numbers; host */
struct Strides {
    bfly_int bit[kTileBits];
    int dense; /* bits 5 .. 9 are contiguous with stride 32, 64, ... */
};

inline Strides strides_of(const Pass &P, const Vectors &x)
{
    Strides S;
    S.dense = 1;
    for (int b = 0; b < kTileBits; b++) {
        /* unsigned: a stride that is never used may overflow */
        const uint64_t step = b < tile_bits(P) ? (uint64_t)x.inc << position_bit(P, b)
                                               : (uint64_t)x.dist << (b - tile_bits(P));
        S.bit[b] = (bfly_int)step;
        if (b >= 5 && S.bit[b] != (bfly_int)1 << b) S.dense = 0;
    }
    return S;
}

BFLY_DEV bfly_int offset_of(const Strides &S, int e, int from, int to)
{
    bfly_int at = 0;
#pragma unroll
    for (int b = from; b < to; b++)
        if (e >> b & 1) at += S.bit[b];
    return at;
}

} // namespace bfly_cuda

#endif
