// Runs the kernel on the CPU: one thread of it after the other.
#define __device__
#define __global__
#define __forceinline__ inline
#define __restrict__

struct Index {
    unsigned x, y, z;
};
static Index blockIdx, blockDim, threadIdx;

#include "tiles.cu"

template <typename Body> static void for_each(const unsigned *extent, Index &index, Body body)
{
    for (index.z = 0; index.z < extent[2]; ++index.z)
        for (index.y = 0; index.y < extent[1]; ++index.y)
            for (index.x = 0; index.x < extent[0]; ++index.x)
                body();
}

extern "C" void launch(const unsigned *grid, const unsigned *block, const unsigned char *frame, int height, int width,
                       long long pitch, int format, const int *origins, int size, unsigned char *tiles)
{
    blockDim = {block[0], block[1], block[2]};
    for_each(grid, blockIdx, [&] {
        for_each(block, threadIdx, [&] { cut_tiles(frame, height, width, pitch, format, origins, size, tiles); });
    });
}
