"""Data-parallel training on one machine's processor: one thread for each of several processes.

Threads within an operation wait for each other thousands of times a step; on a machine that does other work
too, that costs nearly everything. Processes wait once a step, when they average their gradients.
"""

import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def workers() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def shared(value: float) -> float:
    """The first process's value, in all of them."""
    if workers() == 1:
        return value
    held = torch.tensor([value], dtype=torch.float64)
    distributed.broadcast(held, 0)
    return float(held)


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    if workers() == 1:
        return
    gradients: list[Tensor] = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients]) / workers()
    distributed.all_reduce(flat)
    first = 0
    for gradient in gradients:
        part = flat[first : first + gradient.numel()]
        gradient.copy_(part.view_as(gradient))
        first += gradient.numel()


def quicken() -> None:
    """Settings that make a step on a processor faster (measured on an AMD EPYC, one thread).

    Allowing bf16 sends matrix products to oneDNN: 80 to 180 GFLOP/s, and there still in float32. The small
    products of flash attention lose by it (5 ms become 26), so attention is done plainly.
    """
    torch.set_flush_denormal(True)  # denormal gradients cost a tenfold on some processors
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]
    torch.backends.cuda.enable_flash_sdp(False)


def _worker(number: int, count: int, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    distributed.init_process_group("gloo", rank=number, world_size=count)
    torch.set_num_threads(1)
    quicken()
    try:
        work(*arguments)
        distributed.barrier()  # one that leaves while another still writes would abort both
    finally:
        distributed.destroy_process_group()


def run_workers(count: int, work: Callable[..., None], *arguments: object) -> None:
    """`work(*arguments)` in `count` processes that know of each other; here, if it is only one."""
    if count == 1:
        work(*arguments)
        return
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29517")
    spawn(_worker, (count, work, arguments), nprocs=count)  # type: ignore[no-untyped-call]
