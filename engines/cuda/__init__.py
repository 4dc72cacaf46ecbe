"""What runs on an NVIDIA GPU beside the engine itself: the seam to CUDA, and the kernel that cuts tiles."""
