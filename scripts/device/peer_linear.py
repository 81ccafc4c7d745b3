"""The peers of kernels/linear on the same GPU: cuBLAS in f16, and PyTorch's int4 product for few rows."""

import time

import torch


def microseconds(call, repeats=20):
    """Median time of a call, warm, over CUDA events."""
    end = time.time() + 0.3
    while time.time() < end:
        call()
        torch.cuda.synchronize()
    samples = []
    for _ in range(9):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(repeats):
            call()
        stop.record()
        torch.cuda.synchronize()
        samples.append(start.elapsed_time(stop) / repeats)
    return sorted(samples)[4] * 1e3


print("torch", torch.__version__, torch.cuda.get_device_name())
for m, n, k in [(4096, 4096, 4096), (2304, 1152, 896), (2304, 896, 896), (2304, 9728, 896), (2304, 896, 4864),
                (4096, 960, 576), (4096, 576, 576), (4096, 3072, 576), (4096, 576, 1536)]:
    x = torch.randn(m, k, device="cuda", dtype=torch.float16)
    w = torch.randn(n, k, device="cuda", dtype=torch.float16)
    us = microseconds(lambda: torch.nn.functional.linear(x, w))
    print(f"cuBLAS f16 M={m} N={n} K={k}: {us:.1f} us, {2 * m * n * k / us / 1e6:.0f} TFLOP/s", flush=True)

for m, n, k in [(1, 8192, 8192), (1, 4096, 4096), (4, 4096, 4096), (16, 4096, 4096), (64, 4096, 4096), (4096, 4096, 4096)]:
    x = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
    q = torch.randint(0, 16, (n, k), dtype=torch.int32, device="cuda")
    packed = torch.ops.aten._convert_weight_to_int4pack((q[:, ::2] << 4 | q[:, 1::2]).to(torch.uint8), 8)
    scales = torch.randn(k // 128, n, 2, device="cuda", dtype=torch.bfloat16)
    us = microseconds(lambda: torch.ops.aten._weight_int4pack_mm(x, packed, 128, scales), 4)
    print(f"_weight_int4pack_mm g=128 M={m} N={n} K={k}: {us:.1f} us", flush=True)
