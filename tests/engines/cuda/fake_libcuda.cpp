// A CUDA driver library that is none: enough of its functions for engines.cuda.cuda_core, done at once on the CPU.
// Device memory is the host's, the one kernel is tiles.cu compiled as C++, a graph is a list of what was captured.
// Signatures are those of cuda.h (13.0); handles and sizes are checked, so that a call with wrong arguments fails here.
#include <dlfcn.h>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cpu_kernel.cpp"

using Code = int;
using Pointer = unsigned long long;
using Work = std::vector<std::function<void()>>;
struct Stream { bool capturing = false; Work captured; };
struct Event { bool recorded = false; };
struct LaunchConfig { unsigned grid[3], block[3], shared; Stream *stream; void *attributes; unsigned attribute_count; };

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600,
       ALREADY_REGISTERED = 712, NOT_REGISTERED = 713, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901 };

static std::map<Pointer, size_t> device, pinned, registered;
static std::set<Stream *> streams;
static std::set<Event *> events;
static std::set<Work *> graphs, executables;
static std::map<std::string, Code> failures;
static int launches, replays;
static char context, library, kernel;
static thread_local void *current;

static Code failure(const char *function)
{
    auto found = failures.find(function);
    return found == failures.end() ? OK : found->second;
}
#define BEGIN(function) if (Code code = failure(function)) return code
#define NEEDS(condition, code) if (!(condition)) return code

static bool holds(const std::map<Pointer, size_t> &memory, Pointer start, size_t size)
{
    for (const auto &[address, length] : memory)
        if (address <= start && start + size <= address + length)
            return true;
    return false;
}

static bool capturing_somewhere()
{
    for (const Stream *stream : streams)
        if (stream->capturing)
            return true;
    return false;
}

static Code put(Stream *stream, std::function<void()> work)
{
    NEEDS(streams.count(stream), INVALID_HANDLE);
    if (stream->capturing)
        stream->captured.push_back(std::move(work));
    else
        work();
    return OK;
}


extern "C" {
// For the tests
void fake_fail(const char *function, Code code) { if (code) failures[function] = code; else failures.erase(function); }
int fake_launches() { return launches; }
int fake_replays() { return replays; }
int fake_live() { return int(device.size() + pinned.size() + registered.size() + streams.size() + events.size() + graphs.size() + executables.size()); }

Code cuInit(unsigned) { BEGIN("cuInit"); return OK; }
Code cuGetProcAddress_v2(const char *symbol, void **function, int, unsigned long long, int *status)
{
    *function = dlsym(RTLD_DEFAULT, symbol);
    if (status) *status = *function ? 0 : 1;
    return *function ? OK : NOT_FOUND;
}
Code cuGetExportTable(const void **table, const void *) { *table = nullptr; return NOT_FOUND; }  // NVRTC asks
Code cuGetErrorName(Code code, const char **name)
{
    static const std::map<Code, const char *> names = {{OK, "CUDA_SUCCESS"}, {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"}, {100, "CUDA_ERROR_NO_DEVICE"}, {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
        {719, "CUDA_ERROR_LAUNCH_FAILED"}, {800, "CUDA_ERROR_NOT_PERMITTED"}};
    auto found = names.find(code);
    *name = found == names.end() ? "CUDA_ERROR_UNKNOWN" : found->second;
    return OK;
}
Code cuGetErrorString(Code code, const char **text)
{
    static const std::map<Code, const char *> words = {{OUT_OF_MEMORY, "out of memory"}, {719, "unspecified launch failure"},
        {700, "an illegal memory access was encountered"}, {800, "operation not permitted"}};
    auto found = words.find(code);
    *text = found == words.end() ? "unrecognized error code" : found->second;
    return OK;
}
Code cuDriverGetVersion(int *version) { *version = 13000; return OK; }
Code cuDeviceGetCount(int *count) { BEGIN("cuDeviceGetCount"); *count = 1; return OK; }
Code cuDeviceGet(int *handle, int ordinal) { NEEDS(ordinal == 0, 101); *handle = 0; return OK; }
Code cuDeviceGetName(char *name, int length, int) { strncpy(name, "Fake GPU", length); return OK; }
Code cuDeviceGetAttribute(int *value, int attribute, int)
{
    *value = attribute == 75 ? 8 : attribute == 76 ? 6 : 1;  // COMPUTE_CAPABILITY_MAJOR and _MINOR
    return OK;
}
Code cuDeviceGetUuid(char *uuid, int) { memset(uuid, 1, 16); return OK; }
Code cuDevicePrimaryCtxRetain(void **made, int) { *made = &context; return OK; }
Code cuDevicePrimaryCtxRelease(int) { return OK; }
Code cuCtxSetCurrent(void *wanted) { current = wanted; return OK; }
Code cuCtxGetCurrent(void **found) { *found = current; return OK; }
Code cuCtxPushCurrent(void *wanted) { current = wanted; return OK; }
Code cuCtxPopCurrent(void **found) { *found = current; return OK; }
Code cuCtxGetDevice(int *handle) { NEEDS(current, 201); *handle = 0; return OK; }
Code cuMemGetInfo(size_t *free_bytes, size_t *total) { NEEDS(current, 201); *free_bytes = *total = size_t(1) << 33; return OK; }

Code cuMemAlloc(Pointer *made, size_t size)
{
    BEGIN("cuMemAlloc");
    NEEDS(current && size, INVALID_VALUE);
    NEEDS(!capturing_somewhere(), CAPTURE_UNSUPPORTED);
    *made = Pointer(aligned_alloc(256, (size + 255) / 256 * 256));
    device[*made] = size;
    return OK;
}
Code cuMemFree(Pointer memory)
{
    NEEDS(device.erase(memory), INVALID_VALUE);
    free(reinterpret_cast<void *>(memory));
    return OK;
}
Code cuMemHostAlloc(void **made, size_t size, unsigned flags)
{
    BEGIN("cuMemHostAlloc");
    NEEDS(current && size && !flags, INVALID_VALUE);
    *made = aligned_alloc(256, (size + 255) / 256 * 256);
    pinned[Pointer(*made)] = size;
    return OK;
}
Code cuMemFreeHost(void *memory)
{
    NEEDS(pinned.erase(Pointer(memory)), INVALID_VALUE);
    free(memory);
    return OK;
}
Code cuMemHostRegister(void *memory, size_t size, unsigned flags)
{
    BEGIN("cuMemHostRegister");
    NEEDS(flags == 8, INVALID_VALUE);  // CU_MEMHOSTREGISTER_READ_ONLY
    NEEDS(!registered.count(Pointer(memory)), ALREADY_REGISTERED);
    registered[Pointer(memory)] = size;
    return OK;
}
Code cuMemHostUnregister(void *memory) { NEEDS(registered.erase(Pointer(memory)), NOT_REGISTERED); return OK; }

Code cuStreamCreateWithPriority(Stream **made, unsigned flags, int)
{
    NEEDS(flags == 1, INVALID_VALUE);  // CU_STREAM_NON_BLOCKING
    streams.insert(*made = new Stream);
    return OK;
}
Code cuStreamDestroy(Stream *stream) { NEEDS(streams.erase(stream), INVALID_HANDLE); delete stream; return OK; }
Code cuStreamGetPriority(Stream *, int *priority) { *priority = 0; return OK; }
Code cuStreamGetFlags(Stream *, unsigned *flags) { *flags = 1; return OK; }
Code cuStreamGetCtx(Stream *, void **found) { *found = &context; return OK; }
Code cuStreamIsCapturing(Stream *stream, int *status) { *status = streams.count(stream) && stream->capturing; return OK; }
Code cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = 0; *greatest = -5; return OK; }
Code cuEventCreate(Event **made, unsigned flags)
{
    NEEDS(flags & 2, INVALID_VALUE);  // CU_EVENT_DISABLE_TIMING
    events.insert(*made = new Event);
    return OK;
}
Code cuEventDestroy(Event *event) { NEEDS(events.erase(event), INVALID_HANDLE); delete event; return OK; }
Code cuEventRecord(Event *event, Stream *stream)
{
    BEGIN("cuEventRecord");
    NEEDS(events.count(event) && streams.count(stream), INVALID_HANDLE);
    event->recorded = true;
    return OK;
}
Code cuEventQuery(Event *event)
{
    BEGIN("cuEventQuery");
    NEEDS(events.count(event), INVALID_HANDLE);
    return event->recorded ? OK : INVALID_VALUE;
}
Code cuStreamWaitEvent(Stream *stream, Event *event, unsigned)
{
    NEEDS(events.count(event) && streams.count(stream), INVALID_HANDLE);
    NEEDS(event->recorded, INVALID_VALUE);
    return OK;
}
Code cuMemcpyHtoDAsync(Pointer target, const void *source, size_t size, Stream *stream)
{
    BEGIN("cuMemcpyHtoDAsync");
    NEEDS(holds(device, target, size), INVALID_VALUE);
    NEEDS(holds(pinned, Pointer(source), size) || holds(registered, Pointer(source), size), INVALID_VALUE);
    return put(stream, [=] { memcpy(reinterpret_cast<void *>(target), source, size); });
}
Code cuMemcpyDtoHAsync(void *target, Pointer source, size_t size, Stream *stream)
{
    BEGIN("cuMemcpyDtoHAsync");
    NEEDS(holds(device, source, size) && holds(pinned, Pointer(target), size), INVALID_VALUE);
    return put(stream, [=] { memcpy(target, reinterpret_cast<const void *>(source), size); });
}
Code cuLaunchHostFunc(Stream *stream, void (*function)(void *), void *data)
{
    BEGIN("cuLaunchHostFunc");
    return put(stream, [=] { function(data); });
}

Code cuLibraryLoadData(void **made, const void *, int *, void **, unsigned, int *, void **, unsigned)
{
    *made = &library;
    return OK;
}
Code cuLibraryUnload(void *) { return OK; }
Code cuLibraryGetKernel(void **made, void *, const char *name)
{
    NEEDS(!strcmp(name, "cut_tiles"), NOT_FOUND);
    *made = &kernel;
    return OK;
}
Code cuKernelGetFunction(void **made, void *wanted) { *made = wanted; return OK; }
Code cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned,
                    Stream *stream, void **arguments, void **extra)
{
    BEGIN("cuLaunchKernel");
    NEEDS(function == &kernel, INVALID_HANDLE);
    void *unpacked[8];
    if (!arguments) {  // one buffer, laid out as a struct of the parameters, as pycuda passes it
        struct Packed { Pointer frame; int height, width; long long pitch; int format; Pointer origins; int size; Pointer tiles; };
        NEEDS(extra && extra[0] == (void *)1 && extra[2] == (void *)2 && *static_cast<size_t *>(extra[3]) == sizeof(Packed), INVALID_VALUE);
        auto *packed = static_cast<Packed *>(extra[1]);
        void *places[] = {&packed->frame, &packed->height, &packed->width, &packed->pitch, &packed->format,
                          &packed->origins, &packed->size, &packed->tiles};
        memcpy(unpacked, places, sizeof places);
        arguments = unpacked;
    }
    auto value = [&](int index, auto type) { memcpy(&type, arguments[index], sizeof type); return type; };
    const Pointer frame = value(0, Pointer()), origins = value(5, Pointer()), tiles = value(7, Pointer());
    const int height = value(1, 0), width = value(2, 0), format = value(4, 0), size = value(6, 0);
    const long long pitch = value(3, 0LL);
    NEEDS(holds(device, frame, height * pitch) && holds(device, origins, z * 8), INVALID_VALUE);
    NEEDS(holds(device, tiles, size_t(z) * size * size * 3), INVALID_VALUE);
    const std::vector<unsigned> grid = {x, y, z}, block = {bx, by, bz};
    return put(stream, [=] {
        ++launches;
        launch(grid.data(), block.data(), reinterpret_cast<const unsigned char *>(frame), height, width, pitch, format,
               reinterpret_cast<const int *>(origins), size, reinterpret_cast<unsigned char *>(tiles));
    });
}
Code cuLaunchKernelEx(const LaunchConfig *to, void *function, void **arguments, void **extra)
{
    return cuLaunchKernel(function, to->grid[0], to->grid[1], to->grid[2], to->block[0], to->block[1], to->block[2],
                          to->shared, to->stream, arguments, extra);
}

Code cuStreamBeginCapture(Stream *stream, int mode)
{
    BEGIN("cuStreamBeginCapture");
    NEEDS(streams.count(stream), INVALID_HANDLE);
    NEEDS(mode == 1 && !stream->capturing, INVALID_VALUE);  // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    stream->capturing = true;
    return OK;
}
Code cuStreamEndCapture(Stream *stream, Work **made)
{
    NEEDS(streams.count(stream) && stream->capturing, INVALID_VALUE);
    stream->capturing = false;
    Work captured;
    captured.swap(stream->captured);
    *made = nullptr;
    BEGIN("cuStreamEndCapture");
    graphs.insert(*made = new Work(captured));
    return OK;
}
Code cuGraphInstantiateWithFlags(Work **made, Work *graph, unsigned long long)
{
    BEGIN("cuGraphInstantiateWithFlags");
    NEEDS(graphs.count(graph), INVALID_VALUE);
    executables.insert(*made = new Work(*graph));
    return OK;
}
Code cuGraphDestroy(Work *graph) { NEEDS(graphs.erase(graph), INVALID_VALUE); delete graph; return OK; }
Code cuGraphExecDestroy(Work *graph) { NEEDS(executables.erase(graph), INVALID_VALUE); delete graph; return OK; }
Code cuGraphLaunch(Work *graph, Stream *stream)
{
    BEGIN("cuGraphLaunch");
    NEEDS(executables.count(graph) && streams.count(stream) && !stream->capturing, INVALID_HANDLE);
    ++replays;
    for (const auto &work : *graph)
        work();
    return OK;
}
}

