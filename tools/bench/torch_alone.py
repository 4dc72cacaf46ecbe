"""Torch in eager mode by itself, as a process.

Usage: python -m tools.bench.torch_alone BACKBONE SIZE THREADS BATCH SECONDS LAYOUT

Prints tiles per second of the backbone as timm builds it, up to the deeper tap; without embedder and centroids, which
the engine's graph has besides. LAYOUT is `contiguous` (torch's default) or `channels_last` (its faster way on a CPU).
The time does not depend on the weights' values, so none are looked for.
"""

from __future__ import annotations

import sys
import time

import torch

from tools.backbones import BACKBONES

WARM_UP_S = 1.0
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@torch.inference_mode()
def tiles_per_second(backbone: str, size: int, threads: int, batch: int, seconds: float, *, layout: str) -> float:
    """Feed the same batch for `seconds` after a warm-up."""
    torch.set_num_threads(threads)
    network = BACKBONES[backbone].build().eval().to(memory_format=LAYOUTS[layout])
    pixels = torch.rand(batch, 3, size, size).contiguous(memory_format=LAYOUTS[layout])
    began, done = time.perf_counter() + WARM_UP_S, 0
    while (now := time.perf_counter()) < began + seconds:
        network(pixels)
        done += batch if now >= began else 0
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    name, *numbers, layout = sys.argv[1:]
    size, threads, batch = (int(number) for number in numbers[:3])
    rate = tiles_per_second(name, size, threads, batch, float(numbers[3]), layout=layout)
    sys.stdout.write(f"{rate}\n")
