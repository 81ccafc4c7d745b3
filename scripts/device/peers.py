"""PyTorch's kernels on the same GPU at the shapes of a `lacuna bench --json` run, and the ratio of the times.

    python3 peers.py run.json [peers.json]

cuBLAS for the linear layers (bf16 weights; lacuna's are int4) and adapters, _weight_int4pack_mm for int4 ones, scaled
dot-product attention forward and backward, and torch's own or fused operators for the rest. Every call is captured as
a CUDA graph, so that launching from Python is not what is timed; where that fails, it is launched call by call and said
so. Cases that are `cold` rotate over weights that no cache holds, as lacuna's do. Without CUDA it runs on the CPU, which
says nothing but that the script works.
"""

import json
import re
import sys
import time

import torch
import torch.nn.functional as F

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
BF16 = torch.bfloat16
COLD_BYTES = 256 * 2**20
RANK = 32


def randn(*shape, dtype=BF16):
    return torch.randn(*shape, device=DEVICE, dtype=dtype)


def clock(run):
    """Milliseconds that `run` takes."""
    if not CUDA:
        began = time.perf_counter()
        run()
        return (time.perf_counter() - began) * 1e3
    start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    run()
    stop.record()
    torch.cuda.synchronize()
    return start.elapsed_time(stop)


def captured(call, calls):
    """`calls` calls as one CUDA graph, or None where they cannot be captured."""
    if not CUDA:
        return None
    try:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for i in range(3):
                call(i)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for i in range(calls):
                call(i)
        graph.replay()
        torch.cuda.synchronize()
        return graph
    except RuntimeError as error:
        print(f"not captured: {str(error).splitlines()[0]}", file=sys.stderr)
        return None


def nanoseconds(call, calls=1):
    """Median time of call(i), i counting up, warm; and whether it was captured as a graph."""
    for i in range(3):
        call(i)
    once = max(1e-3, clock(lambda: call(0)))
    repeats = max(calls, min(200, round(2 / once))) if CUDA else 1
    replay = captured(call, repeats)
    run = replay.replay if replay else lambda: [call(i) for i in range(repeats)]
    end = time.time() + (0.3 if CUDA else 0)
    while time.time() < end:
        clock(run)
    samples = sorted(clock(run) for _ in range(9 if CUDA else 1))
    return samples[len(samples) // 2] / repeats * 1e6, replay is not None


def copies(make, size, cold):
    """One weight, or as many as no cache holds; call i takes the i-th, over and over."""
    made = [make() for _ in range(-(-COLD_BYTES // size) if cold and CUDA else 1)]
    return made, lambda i: made[i % len(made)]


def linear_peers(c, n):
    M, N, K = n["M"], n["N"], n["K"]
    cold = "cold" in c["shape"].split()
    x = randn(M, K)
    weights, w = copies(lambda: randn(N, K), 2 * N * K, cold)
    yield "cuBLAS bf16", lambda i: F.linear(x, w(i)), len(weights)
    group = n.get("g", 128)
    if "q4" not in c["kernel"] or K % 128 or N % 8 or not CUDA:
        return
    del weights

    def packed():
        q = torch.randint(0, 16, (N, K), dtype=torch.int32, device=DEVICE)
        return torch.ops.aten._convert_weight_to_int4pack((q[:, ::2] << 4 | q[:, 1::2]).to(torch.uint8), 8)

    scales = randn(K // group, N, 2)
    packs, p = copies(packed, N * K // 2, cold)
    yield "_weight_int4pack_mm", lambda i: torch.ops.aten._weight_int4pack_mm(x, p(i), group, scales), len(packs)


def backward_peers(c, n):
    dy, w = randn(n["M"], n["N"]), randn(n["N"], n["K"])
    yield "cuBLAS bf16", lambda i: dy @ w, 1


def weight_gradient_peers(c, n):
    dy, x = randn(n["M"], n["N"]), randn(n["M"], n["K"])
    yield "cuBLAS bf16", lambda i: dy.T @ x, 1


def bias_gradient_peers(c, n):
    dy = randn(n["M"], n["N"])
    yield "torch sum", lambda i: dy.sum(0, dtype=torch.float32), 1


def lora_peers(c, n):
    M, N, K = n["M"], n["N"], n["K"]
    x, a, b, w, y, dy = randn(M, K), randn(RANK, K), randn(N, RANK), randn(N, K), randn(M, N), randn(M, N)
    h = x @ a.T

    def pair(i):
        return torch.addmm(y, x @ a.T, b.T, alpha=2, out=y)

    def backward(i):
        dh = 2 * (dy @ b)
        return dy.T @ h, dh.T @ x, dh @ a

    def layer(i):
        return torch.addmm(F.linear(x, w), x @ a.T, b.T, alpha=2)

    yield "cuBLAS bf16", {"lora": pair, "lora backward": backward}.get(c["kernel"], layer), 1


def attention_operands(c, n):
    S, L = map(int, re.match(r"(\d+)x(\d+)", c["shape"]).groups())
    H, KV, D = n["H"], n["KV"], n["D"]
    q, k, v = (randn(S, heads, L, D).requires_grad_() for heads in (H, KV, KV))
    return q, k, v, lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def attention_peers(c, n):
    *_, forward = attention_operands(c, n)

    def call(i):
        with torch.no_grad():
            return forward()

    yield "SDPA bf16", call, 1


def attention_backward_peers(c, n):
    q, k, v, forward = attention_operands(c, n)
    dy = torch.randn_like(forward())
    # A graph takes a backward pass only with the forward pass it belongs to, whose own time is taken off again.
    yield "SDPA bf16", lambda i: torch.autograd.grad(forward(), (q, k, v), dy), 1, lambda i: forward()


def cross_entropy_operands(n):
    logits = randn(n["T"], n["V"]).requires_grad_()
    targets = torch.randint(n["V"], (n["T"],), device=DEVICE)
    return logits, lambda: F.cross_entropy(logits, targets)


def cross_entropy_peers(c, n):
    _, forward = cross_entropy_operands(n)

    def call(i):
        with torch.no_grad():
            return forward()

    yield "torch cross_entropy bf16", call, 1


def cross_entropy_backward_peers(c, n):
    logits, forward = cross_entropy_operands(n)
    # As attention's: timed with the forward pass, whose own time is taken off again.
    yield "torch cross_entropy bf16", lambda i: torch.autograd.grad(forward(), logits), 1, lambda i: forward()


def rms_norm_peers(c, n):
    x, w = randn(n["M"], n["C"], dtype=torch.float32), randn(n["C"], dtype=torch.float32)
    yield "torch rms_norm f32", lambda i: F.rms_norm(x, (n["C"],), w, 1e-6), 1


def swiglu_peers(c, n):
    gate_up = randn(n["T"], 2 * n["F"])
    gate, up = gate_up.chunk(2, dim=1)
    yield "torch silu * up bf16", lambda i: F.silu(gate) * up, 1


def dropout_peers(c, n):
    x = randn(n["M"], n["C"])
    yield "torch dropout bf16", lambda i: F.dropout(x, 0.05), 1


def adamw_peers(c, n):
    p = torch.nn.Parameter(randn(n["N"], dtype=torch.float32))
    p.grad = torch.randn_like(p)
    optimiser = torch.optim.AdamW([p], lr=1e-3, fused=CUDA, capturable=CUDA)
    yield "torch AdamW fused", lambda i: optimiser.step(), 1


def grad_norm_peers(c, n):
    g = randn(n["N"], dtype=torch.float32)
    yield "torch vector_norm", lambda i: torch.linalg.vector_norm(g), 1


PEERS = {
    "linear q4": linear_peers,
    "linear f16": linear_peers,
    "linear backward q4": backward_peers,
    "linear weight gradient": weight_gradient_peers,
    "linear bias gradient": bias_gradient_peers,
    "lora": lora_peers,
    "lora backward": lora_peers,
    "linear q4 with lora": lora_peers,
    "attention": attention_peers,
    "attention backward": attention_backward_peers,
    "cross_entropy": cross_entropy_peers,
    "cross_entropy backward": cross_entropy_backward_peers,
    "rms_norm": rms_norm_peers,
    "swiglu": swiglu_peers,
    "dropout": dropout_peers,
    "adamw": adamw_peers,
    "grad_norm": grad_norm_peers,
}


def measure(run):
    for c in run["cases"]:
        make = PEERS.get(c["kernel"])
        if make is None:
            continue
        numbers = {key: int(value) for key, value in re.findall(r"\b(\w+)=(\d+)", c["shape"])}
        try:
            for peer, call, calls, *less in make(c, numbers):
                ns, graph = nanoseconds(call, calls)
                ns -= sum(nanoseconds(part)[0] for part in less)
                name = peer if graph or not CUDA else f"{peer}, launched"
                yield {"kernel": c["kernel"], "shape": c["shape"], "peer": name, "ns": ns, "lacuna": c["ns"]}
        except (RuntimeError, torch.OutOfMemoryError) as error:
            print(f"{c['kernel']} {c['shape']}: {str(error).splitlines()[0]}", file=sys.stderr)
        if CUDA:
            torch.cuda.empty_cache()


def main():
    with open(sys.argv[1]) as file:
        run = json.load(file)
    name = torch.cuda.get_device_name() if CUDA else "the CPU"
    print(f"lacuna {run['lacuna']} {run.get('commit', '')} on {run['gpu']}, tier {run['tier']}, beside torch {torch.__version__} on {name}")
    print(f"{'kernel':24} {'shape':44} {'lacuna µs':>10} {'peer µs':>10} {'speed':>8}  peer")
    results = []
    for r in measure(run):
        results.append(r)
        times = f"{r['lacuna'] / 1e3:10.1f} {r['ns'] / 1e3:10.1f} {r['ns'] / r['lacuna']:7.2f}x"
        print(f"{r['kernel']:24} {r['shape']:44} {times}  {r['peer']}", flush=True)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as file:
            json.dump({"torch": torch.__version__, "device": name, "cases": results}, file, indent=1)


main()
