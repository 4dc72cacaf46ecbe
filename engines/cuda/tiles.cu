// Cuts tiles out of a frame that lies on the device, as RGB: the same bytes as engines.tiling.TileGrid.cut makes.
//
// One thread a pixel. No headers, so that NVRTC compiles it as it is, and so does a C++ compiler that is told what
// blockIdx, blockDim and threadIdx are: the tests run it on the CPU that way.

enum PixelFormat { MONO8 = 0, RGB8 = 1, BGR8 = 2 };

// Where a tile reaches `position` ≥ 0 but the frame has only `length` pixels for it: back from the last pixel, without
// repeating it, and to and fro as often as needed (OpenCV's BORDER_REFLECT_101).
static __device__ __forceinline__ int reflected(int position, int length)
{
    if (position < length)
        return position;
    if (length == 1)
        return 0;
    const int period = 2 * (length - 1);
    position %= period;
    return position < length ? position : period - position;
}

// frame:   height rows of `pitch` bytes, the first `width` pixels of each of them the frame's.
// origins: y, x of each tile's upper left pixel, within the frame; one tile for each blockIdx.z.
// tiles:   gridDim.z × size × size × 3.
extern "C" __global__ void cut_tiles(const unsigned char *__restrict__ frame, int height, int width, long long pitch,
                                     int format, const int *__restrict__ origins, int size,
                                     unsigned char *__restrict__ tiles)
{
    const int column = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int row = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    if (column >= size || row >= size)
        return;
    const int top = origins[2 * blockIdx.z];
    const int left = origins[2 * blockIdx.z + 1];
    // Within what the tile has of the frame, not within the whole frame: the CPU cuts first, then continues the cut.
    const int y = top + reflected(row, height - top);
    const int x = left + reflected(column, width - left);

    const unsigned char *source = frame + y * pitch;
    unsigned char *target = tiles + ((static_cast<long long>(blockIdx.z) * size + row) * size + column) * 3;
    if (format == MONO8) {
        target[0] = target[1] = target[2] = source[x];
    } else {
        const unsigned char *pixel = source + 3LL * x;
        target[0] = pixel[format == BGR8 ? 2 : 0];
        target[1] = pixel[1];
        target[2] = pixel[format == BGR8 ? 0 : 2];
    }
}
