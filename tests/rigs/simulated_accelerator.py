"""Simulated accelerator: a fake GPU called ``simgpu`` for machines that only have a CPU.

Importing this file registers a real PyTorch device type ``simgpu`` (PrivateUse1, set up
from Python, nothing to compile) whose tensors live in ordinary CPU memory, compute real values
with the CPU kernels, and behave towards the host like a CUDA device does:

* mixing a ``simgpu`` tensor with a CPU tensor of one or more dimensions raises ``RuntimeError:
  Expected all tensors to be on the same device`` (0-dim CPU tensors pass, as on CUDA; CPU index
  tensors pass in ``x[idx]``, as on CUDA, and are counted as an upload);
* everything that would make the host wait for a GPU is counted, with the Python line
  that caused it: ``.item()``/``float()``/``bool()``/``if t:``, ``.cpu()``/``.tolist()``/``print(t)``,
  ``torch.equal``, ``nonzero``, boolean-mask indexing, ``masked_select``, ``unique``, ``bincount``,
  ``repeat_interleave`` without ``output_size``, blocking uploads such as ``torch.tensor(x, device=d)``;
* ``.numpy()`` raises, as on CUDA.

Use
---
::

    import simulated_accelerator as sim            # registers the device, once per process

    x = torch.ones(3, device="simgpu")
    with sim.watch() as led:                       # counts
        loss = my_loss(x, y)
    assert led.syncs == 0, led.report()
    with sim.forbid_syncs():                       # or raises at the offending line
        loss = my_loss(x, y)

    from lightning.pytorch import Trainer
    trainer = Trainer(**sim.trainer_kwargs(), max_epochs=1)      # accelerator= and strategy=
    trainer.fit(model, loader)

``led.events`` is a list of ``Event(kind, op, where, bytes)``; ``kind`` is one of
``scalar`` (item), ``d2h``, ``h2d`` (blocking), ``h2d_async``, ``d2h_async``, ``dynamic``
(data-dependent shape), ``index_upload``.  ``led.syncs`` counts ``scalar + d2h + h2d + dynamic +
index_upload``;
``led.count(kind)`` counts one; ``led.by_line()`` groups by caller.  ``only="my_package"`` in ``watch``
keeps the events whose innermost non-torch frame's file name has that text.

How it works: a CPU tensor is re-labelled by passing it through a DLPack capsule whose device code
was changed (kDLCPU <-> kDLExtDev), so a ``simgpu`` tensor is a plain ``torch.Tensor`` with real
memory, strides and autograd; a boxed fallback on the PrivateUse1 dispatch key re-labels the inputs
as CPU, runs the CPU kernel, and re-labels what comes out.

It proves: no tensor is created or left on the wrong device; no host sync in the watched region;
batches, modules, buffers, metric states, optimizer states move through Lightning's strategy;
values equal the CPU's bit for bit (same kernels).
It can't prove: CUDA kernels' own numerics or nondeterminism, real asynchrony and stream races,
memory use, speed, fused/``capturable`` optimizers, NCCL/DDP over several devices, CUDA graphs,
torch.compile, pinned memory, fp16 GradScaler behaviour; only the autocast casts that ``AUTOCAST_LOW`` and
``AUTOCAST_FP32`` list. Syncs inside CUDA-only kernels that this table does not list go unseen.
A ``simgpu`` process cannot also test another PrivateUse1 backend; import it in its own test process
or at the top of conftest.py.  Needs torch >= 2.10 or so (tried on 2.13.0); the Python set-up hook is
experimental in PyTorch, so ``available()`` says whether it could be registered.

Self-test: ``python simulated_accelerator.py`` prints ``N passed, M failed``.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
import warnings
from collections import Counter
from dataclasses import dataclass, field

import torch

NAME = "simgpu"
_CPU, _EXT = 1, 12  # DLPack device codes: kDLCPU, kDLExtDev

# --------------------------------------------------------------------------- ledger


@dataclass(frozen=True)
class Event:
    kind: str
    op: str
    where: str
    bytes: int = 0


SYNC_KINDS = ("scalar", "d2h", "h2d", "dynamic", "index_upload")


@dataclass
class Ledger:
    only: str = ""
    raises: bool = False
    events: list = field(default_factory=list)

    def count(self, *kinds):
        return sum(e.kind in kinds for e in self.events)

    @property
    def syncs(self):
        return self.count(*SYNC_KINDS)

    def by_line(self):
        return Counter((e.kind, e.op, e.where) for e in self.events)

    def report(self):
        rows = [f"{n:5d}  {k:12s} {op:28s} {w}" for (k, op, w), n in self.by_line().most_common()]
        return "\n".join(["count  kind         op                           where", *rows])


class HostSyncError(RuntimeError):
    """A host sync inside ``forbid_syncs()``."""


_ledgers: list = []
_lock = threading.Lock()
_SKIP = ("/torch/", "/torchmetrics/utilities/data", "<string>", __file__)


def _where():
    f = sys._getframe(2)
    last = "?"
    while f is not None:
        name = f.f_code.co_filename
        last = f"{name}:{f.f_lineno}"
        if not any(s in name for s in _SKIP):
            return last
        f = f.f_back
    return last


def _note(kind, op, nbytes=0):
    if not _ledgers:
        return
    e = Event(kind, op, _where(), nbytes)
    with _lock:
        for led in _ledgers:
            if led.only and led.only not in e.where:
                continue
            led.events.append(e)
            if led.raises and kind in SYNC_KINDS:
                raise HostSyncError(f"host sync ({kind}, {op}) at {e.where}")


@contextlib.contextmanager
def watch(only="", _raises=False):
    led = Ledger(only=only, raises=_raises)
    _ledgers.append(led)
    try:
        yield led
    finally:
        _ledgers.remove(led)


def forbid_syncs(only=""):
    return watch(only, _raises=True)


# --------------------------------------------------------------------------- relabelling

_capsule_ptr = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_ptr.restype = ctypes.c_void_p
_capsule_ptr.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _relabel(t, code):
    cap = torch._C._to_dlpack(t)
    p = _capsule_ptr(cap, b"dltensor")  # DLTensor { void* data; int32 device_type; int32 device_id; ...
    ctypes.c_int32.from_address(p + 8).value = code
    ctypes.c_int32.from_address(p + 12).value = 0
    return torch._C._from_dlpack(cap)


def _is_sim(t):
    return t.device.type == NAME


def _to_cpu_alias(t):
    if t.is_conj() or t.is_neg():
        raise NotImplementedError("simgpu: lazy conj/neg views are not simulated; call .resolve_conj()")
    return _relabel(t, _CPU)


def _to_sim_alias(t):
    if t.layout is not torch.strided:
        raise NotImplementedError("simgpu: only strided tensors are simulated")
    return _relabel(t.resolve_conj().resolve_neg(), _EXT)


_aten = torch.ops.aten
_KS_CPU = None  # DispatchKeySet(CPU), set at registration

# ops whose result shape depends on the data: CUDA waits for the device in all of them
_DYNAMIC = {
    "aten::nonzero", "aten::masked_select", "aten::_unique", "aten::_unique2", "aten::unique_dim",
    "aten::unique_consecutive", "aten::unique_dim_consecutive", "aten::bincount", "aten::nonzero_numpy",
    "aten::_ctc_loss", "aten::linalg_eig", "aten::linalg_eigh", "torchvision::nms",
}  # fmt: skip
_CPU_INDEX_OK = {"aten::index", "aten::index_put_", "aten::index_put", "aten::_index_put_impl_",
                 "aten::_unsafe_index", "aten::_unsafe_index_put"}  # fmt: skip


def _fallback(op, *args, **kwargs):
    name = op._schema.name
    returns = op._schema.returns
    # views that the CPU kernel makes from the tensor's own storage and key set
    if returns and returns[0].alias_info is not None and not returns[0].alias_info.is_write:
        return op.redispatch(_KS_CPU, *args, **kwargs)

    originals, cpu_tensors = {}, []

    def lower(x):
        if isinstance(x, torch.Tensor):
            if _is_sim(x):
                a = _to_cpu_alias(x)
                originals[id(a)] = (a, x)
                return a
            if x.device.type == "cpu":
                if x.dim() > 0:
                    cpu_tensors.append(x)
                return x
            raise RuntimeError(f"simgpu: {name} got a tensor on {x.device}")
        if isinstance(x, torch.device):
            return torch.device("cpu") if x.type == NAME else x
        if isinstance(x, torch.Generator):
            return _gens.setdefault(id(x), torch.Generator()) if x.device.type == NAME else x
        if isinstance(x, (list, tuple)):
            return type(x)(lower(v) for v in x) if not hasattr(x, "_fields") else x
        return x

    cargs = [lower(a) for a in args]
    ckw = {k: lower(v) for k, v in kwargs.items()}

    if cpu_tensors:
        if name in _CPU_INDEX_OK and _is_sim(args[0]):
            values = args[2] if len(args) > 2 else None
            if isinstance(values, torch.Tensor) and values.device.type == "cpu" and values.dim() > 0:
                raise RuntimeError(_mix(name))
            _note("index_upload", name, sum(t.nbytes for t in cpu_tensors))
        else:
            raise RuntimeError(_mix(name))
    if name in _DYNAMIC:
        _note("dynamic", name)
    elif name in _CPU_INDEX_OK:
        if any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1]):
            # CUDA looks for the true places with nonzero; index_put_ of a 0-dim value takes masked_fill
            scalar_put = "put" in name and isinstance(args[2], torch.Tensor) and args[2].dim() == 0 and not (
                len(args) > 3 and args[3])
            if not scalar_put:
                _note("dynamic", name + "[mask]")
    elif name == "aten::repeat_interleave" and kwargs.get("output_size") is None:
        _note("dynamic", name)
    elif name == "aten::equal":
        _note("scalar", name)

    out_names = [a.name for a in op._schema.arguments if a.is_out]
    try:
        res = op(*cargs, **ckw)
    except RuntimeError as e:
        if not out_names or "resiz" not in str(e):
            raise
        for n in out_names:
            ckw[n] = torch.empty(0, dtype=ckw[n].dtype)
        res = op(*cargs, **ckw)
        for n in out_names:
            tgt, got = kwargs[n], ckw[n]
            tgt.resize_(got.shape)
            _to_cpu_alias(tgt).copy_(got)
        outs = tuple(kwargs[n] for n in out_names)
        return outs[0] if len(outs) == 1 else outs

    def lift(x):
        if isinstance(x, torch.Tensor):
            hit = originals.get(id(x))
            return hit[1] if hit is not None and hit[0] is x else _to_sim_alias(x)
        if isinstance(x, (list, tuple)):
            return type(x)(lift(v) for v in x) if not hasattr(x, "_fields") else tuple(lift(v) for v in x)
        return x

    if not returns:
        return None
    # what the schema says is written and returned comes back as the caller's own tensor
    if returns[0].alias_info is not None and returns[0].alias_info.is_write:
        written = []
        for i, a in enumerate(op._schema.arguments):
            if a.alias_info is not None and a.alias_info.is_write:
                written.append(kwargs[a.name] if a.name in kwargs else args[i])
        return written[0] if len(returns) == 1 else tuple(written[: len(returns)])
    return lift(res)


def _mix(name):
    return (f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{NAME}:0 and cpu! (in {name})")


_gens: dict = {}

# --------------------------------------------------------------------------- kernels that need care


def _empty(size, *, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
    kw = {} if memory_format is None else {"memory_format": memory_format}
    return _to_sim_alias(torch.empty(size, dtype=dtype, device="cpu", **kw))


def _empty_strided(size, stride, *, dtype=None, layout=None, device=None, pin_memory=None):
    return _to_sim_alias(torch.empty_strided(size, stride, dtype=dtype, device="cpu"))


def _copy_from(src, dst, non_blocking=False):
    s, d = _is_sim(src), _is_sim(dst)
    if s and not d:
        _note("d2h_async" if non_blocking else "d2h", "aten::_copy_from", src.nbytes)
    elif d and not s:
        _note("h2d_async" if non_blocking else "h2d", "aten::_copy_from", src.nbytes)
    a = _to_cpu_alias(src.resolve_conj().resolve_neg()) if s else src
    b = _to_cpu_alias(dst) if d else dst
    b.copy_(a)
    return dst


def _copy_from_and_resize(src, dst):
    if dst.shape != src.shape:
        dst.resize_(src.shape)
    return _copy_from(src, dst)


def _local_scalar_dense(t):
    _note("scalar", "aten::_local_scalar_dense")
    return _to_cpu_alias(t).item()


def _resize(t, size, memory_format=None):
    n = 1
    for s in size:
        n *= s
    if t.untyped_storage().nbytes() < (n + t.storage_offset()) * t.itemsize:
        old = _to_cpu_alias(t).reshape(-1)
        flat = torch.empty(n, dtype=t.dtype)
        flat[: min(n, old.numel())].copy_(old[: min(n, old.numel())])
        fresh = _to_sim_alias(flat)
        strides = torch.empty(size, device="meta").stride()
        _set_storage(t, fresh.untyped_storage(), 0, list(size), list(strides))
    else:
        strides = torch.empty(size, device="meta").stride()
        _set_storage(t, t.untyped_storage(), t.storage_offset(), list(size), list(strides))
    return t


def _set_storage(t, storage, offset, size, stride=()):
    if not stride:
        stride = torch.empty(size, device="meta").stride()
    return _aten.set_.source_Storage_storage_offset.redispatch(_KS_CPU, t, storage, offset, size, stride)


def _set_tensor(t, source):
    return _set_storage(t, source.untyped_storage(), source.storage_offset(), list(source.shape), list(source.stride()))


def _set_source_storage(t, storage):
    n = storage.nbytes() // t.itemsize
    return _set_storage(t, storage, 0, [n], [1])


def _is_pinned(t, device=None):
    return False


def _conv(*args):
    if any(isinstance(a, torch.Tensor) and not _is_sim(a) for a in args[:3]):
        raise RuntimeError(_mix("aten::convolution"))
    return _to_sim_alias(_aten.convolution.default(*_lower_all(args)))


def _conv_backward(grad, x, w, stride, padding, dilation, transposed, out_padding, groups, mask):
    if not (_is_sim(grad) and _is_sim(x) and _is_sim(w)):
        raise RuntimeError(_mix("aten::convolution_backward"))
    bias_sizes = [w.shape[1] * groups if transposed else w.shape[0]]
    res = _aten.convolution_backward.default(
        *_lower_all((grad, x, w)), bias_sizes, stride, padding, dilation, transposed, out_padding, groups, mask)
    return tuple(None if r is None else _to_sim_alias(r) for r in res)


def _lower_all(xs):
    return [_to_cpu_alias(x) if isinstance(x, torch.Tensor) else x for x in xs]


# --------------------------------------------------------------------------- autocast

AUTOCAST_LOW = ["linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "conv1d", "conv2d", "conv3d",
                "conv_transpose2d.input", "scaled_dot_product_attention"]  # fmt: skip
AUTOCAST_FP32 = ["softmax.int", "log_softmax.int", "nll_loss", "cross_entropy_loss", "binary_cross_entropy_with_logits",
                 "mse_loss", "smooth_l1_loss", "layer_norm", "sum", "sum.dim_IntList", "prod", "exp", "log", "pow.Tensor_Scalar",
                 "cosine_embedding_loss", "kl_div", "l1_loss"]  # fmt: skip


def _autocast_kernel(op, low):
    key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def cast(x, dt):
        if isinstance(x, torch.Tensor):
            ok = _is_sim(x) and x.is_floating_point() and x.dtype != torch.float64 and x.dtype != dt
            return x.to(dt) if ok else x
        if isinstance(x, (list, tuple)):
            return type(x)(cast(v, dt) for v in x)
        return x

    def kernel(*args, **kwargs):
        dt = torch.get_autocast_dtype(NAME) if low else torch.float32
        with torch._C._ExcludeDispatchKeyGuard(key):
            return op(*[cast(a, dt) for a in args], **{k: cast(v, dt) for k, v in kwargs.items()})

    return kernel


# --------------------------------------------------------------------------- registration

_libs: list = []
_why_not = ""


class _Module:
    """Becomes ``torch.simgpu``."""

    def is_initialized(self):
        return True

    def is_available(self):
        return True

    def current_device(self):
        return 0

    def device_count(self):
        return 1

    def set_device(self, device):
        pass

    def synchronize(self, device=None):
        _note("scalar", "synchronize")

    def empty_cache(self):
        pass

    def _is_in_bad_fork(self):
        return False

    def manual_seed(self, seed):
        pass

    def manual_seed_all(self, seed):
        pass  # random ops draw from the CPU's default generator

    def get_rng_state(self, device=None):
        return torch.get_rng_state()

    def set_rng_state(self, state, device=None):
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self):
        return [torch.bfloat16, torch.float16]


def _keep_parameter_identity():
    """CPU -> CUDA keeps each ``Parameter`` object (tied weights stay tied, an optimizer keeps its handles); PyTorch
    makes new ones for PrivateUse1, so after such a move the new tensors are put back into the old objects."""

    def wrap(plain):
        def moved(self, *args, **kwargs):
            slots = [(m, k, p) for m in self.modules() for k, p in m._parameters.items() if p is not None]
            res = plain(self, *args, **kwargs)
            done = set()
            for m, k, old in slots:
                new = m._parameters[k]
                if new is old or (not _is_sim(new) and not _is_sim(old) and id(old) not in done):
                    continue
                if id(old) not in done:
                    done.add(id(old))
                    torch._C._swap_tensor_impl(old, new)
                m._parameters[k] = old
            return res

        return moved

    for n in ("to", "cpu"):
        setattr(torch.nn.Module, n, wrap(getattr(torch.nn.Module, n)))


def available():
    """True where the simulated device could be registered."""
    return not _why_not


def register():
    global _KS_CPU, _why_not
    if _libs:
        return
    try:
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

        _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
        _KS_CPU = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
        fb = torch.library.Library("_", "IMPL")
        fb.fallback(_fallback, "PrivateUse1")
        fb.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
        _libs.append(fb)
        # CPU kernels called in their out= form warn about resizes that are no concern of the caller
        warnings.filterwarnings("ignore", message="An output with one or more elements was resized")
        lib = torch.library.Library("aten", "IMPL", "PrivateUse1")
        for n, f in {
            "empty.memory_format": _empty,
            "empty_strided": _empty_strided,
            "_copy_from": _copy_from,
            "_copy_from_and_resize": _copy_from_and_resize,
            "_local_scalar_dense": _local_scalar_dense,
            "resize_": _resize,
            "set_.source_Storage_storage_offset": _set_storage,
            "set_.source_Tensor": _set_tensor,
            "set_.source_Storage": _set_source_storage,
            "is_pinned": _is_pinned,
            "convolution_overrideable": _conv,
            "convolution_backward_overrideable": _conv_backward,
        }.items():
            lib.impl(n, f, "PrivateUse1")
        _libs.append(lib)
        ac = torch.library.Library("aten", "IMPL", "AutocastPrivateUse1")
        for names, low in ((AUTOCAST_LOW, True), (AUTOCAST_FP32, False)):
            for n in names:
                base, _, ov = n.partition(".")
                ac.impl(n, _autocast_kernel(getattr(getattr(_aten, base), ov or "default"), low), "AutocastPrivateUse1")
        _libs.append(ac)

        plain_clone = torch.storage._StorageBase.clone

        def clone(self):  # deepcopy of a tensor clones its storage; there is no C++ allocator to ask
            if self.device.type != NAME:
                return plain_clone(self)
            flat = torch.empty(self.nbytes(), dtype=torch.uint8, device=NAME)
            whole = torch.empty(0, dtype=torch.uint8, device=NAME)
            _set_storage(whole, self, 0, [self.nbytes()], [1])
            flat.copy_(whole)
            return flat.untyped_storage()

        torch.storage._StorageBase.clone = clone
        _keep_parameter_identity()
    except Exception as e:  # an older or newer torch without this experimental hook
        _why_not = f"{type(e).__name__}: {e}"


register()

# --------------------------------------------------------------------------- Lightning

try:
    from lightning.pytorch.accelerators import Accelerator
    from lightning.pytorch.strategies import SingleDeviceStrategy
except ImportError:
    try:
        from pytorch_lightning.accelerators import Accelerator
        from pytorch_lightning.strategies import SingleDeviceStrategy
    except ImportError:
        Accelerator = None

if Accelerator is not None:

    class SimAccelerator(Accelerator):
        """Lightning accelerator for the simulated device."""

        def setup_device(self, device):
            if device.type != NAME:
                raise ValueError(
                    f"SimAccelerator got a strategy on {device}: Lightning gives an accelerator it does not know a CPU "
                    "strategy, so build the Trainer with Trainer(**trainer_kwargs())")

        def get_device_stats(self, device):
            return {}

        def teardown(self):
            pass

        @staticmethod
        def parse_devices(devices):
            return [0] if devices in (1, "1", "auto", -1, "-1", [0]) else list(range(int(devices)))

        @staticmethod
        def get_parallel_devices(devices):
            return [torch.device(NAME, i) for i in devices]

        @staticmethod
        def auto_device_count():
            return 1

        @staticmethod
        def is_available():
            return available()

        @staticmethod
        def name():
            return NAME

        @classmethod
        def register_accelerators(cls, registry):
            registry.register(NAME, cls, description="simulated GPU on CPU memory")

    def trainer_kwargs(precision=None):
        """``Trainer(**trainer_kwargs())``: Lightning 2.6 gives an unknown accelerator's single device
        the *CPU* strategy, and its mixed precision would autocast "cuda", so both are named here.
        ``precision``: None, "16-mixed" is not simulated, "bf16-mixed"."""
        kw = {"strategy": SingleDeviceStrategy(accelerator=SimAccelerator(), device=torch.device(NAME, 0))}
        if precision == "bf16-mixed":
            import importlib

            plugins = importlib.import_module(SingleDeviceStrategy.__module__.split(".strategies")[0] + ".plugins")
            kw["plugins"] = [plugins.MixedPrecision("bf16-mixed", device=NAME)]
        elif precision is not None:
            raise ValueError(f"precision {precision!r} is not simulated")
        return kw


# --------------------------------------------------------------------------- self-test


def _tests():
    import copy
    import io

    import torch.nn as nn

    def t_values():
        g = torch.Generator().manual_seed(0)
        a, b = torch.randn(4, 5, generator=g), torch.randn(5, 3, generator=g)
        x = (a.to(NAME) @ b.to(NAME)).relu().sum(1)
        assert x.device == torch.device(NAME, 0) and torch.equal(x.cpu(), (a @ b).relu().sum(1))

    def t_mix_raises():
        x = torch.ones(3, device=NAME)
        for f in (lambda: x + torch.ones(3), lambda: torch.cat([x, torch.ones(2)]), lambda: torch.ones(3).mul_(x),
                  lambda: torch.where(x > 0, x, torch.zeros(3)), lambda: nn.Linear(3, 1)(x),
                  lambda: nn.functional.mse_loss(x, torch.zeros(3)), lambda: torch.stack([torch.ones(3), x]),
                  lambda: nn.functional.cross_entropy(torch.ones(2, 3, device=NAME), torch.tensor([0, 1]))):
            try:
                f()
            except RuntimeError as e:
                assert "device" in str(e), e
            else:
                raise AssertionError("mixing passed")
        assert (x * torch.tensor(2.0)).sum().item() == 6  # a 0-dim CPU tensor passes, as on CUDA

    def t_views():
        x = torch.arange(12.0, device=NAME).view(3, 4)
        v = x[1:, ::2].t()
        v.fill_(-1)
        want = torch.arange(12.0).view(3, 4)
        want[1:, ::2] = -1
        assert torch.equal(x.cpu(), want)
        assert v.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        assert x.unfold(1, 2, 1).shape == (3, 3, 2) and x.permute(1, 0).reshape(-1).shape == (12,)

    def t_autograd():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(2), nn.Flatten(),
                            nn.LayerNorm(8 * 16), nn.Linear(8 * 16, 5), nn.Sigmoid())
        x, y = torch.randn(4, 3, 8, 8), torch.rand(4, 5)
        sim = copy.deepcopy(net).to(NAME)
        nn.functional.binary_cross_entropy(net(x), y).backward()
        nn.functional.binary_cross_entropy(sim(x.to(NAME)), y.to(NAME)).backward()
        for p, q in zip(net.parameters(), sim.parameters()):
            assert q.device.type == NAME and q.grad.device.type == NAME
            assert torch.allclose(p.grad, q.grad.cpu(), atol=1e-6), (p.grad - q.grad.cpu()).abs().max()

    def t_double_backward():
        x = torch.ones(3, device=NAME, requires_grad=True)
        (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x)
        assert torch.equal(h.cpu(), torch.full((3,), 6.0))

    def t_optimizers():
        for make in (lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, foreach=True),
                     lambda p: torch.optim.SGD(p, 0.1, foreach=False),
                     lambda p: torch.optim.AdamW(p, 0.1, foreach=True),
                     lambda p: torch.optim.AdamW(p, 0.1, foreach=False),
                     lambda p: torch.optim.RMSprop(p, 0.1), lambda p: torch.optim.Adam(p, 0.1)):
            torch.manual_seed(1)
            a = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))
            b = copy.deepcopy(a).to(NAME)
            oa, ob = make(a.parameters()), make(b.parameters())
            x = torch.randn(6, 4)
            for _ in range(3):
                for m, o, xx in ((a, oa, x), (b, ob, x.to(NAME))):
                    o.zero_grad()
                    m(xx).pow(2).mean().backward()
                    nn.utils.clip_grad_norm_(m.parameters(), 1.0)
                    o.step()
            for p, q in zip(a.parameters(), b.parameters()):
                assert torch.allclose(p, q.detach().cpu(), atol=1e-6)

    def t_counts():
        x = torch.arange(4.0, device=NAME)
        cases = [("scalar", lambda: x.sum().item()), ("scalar", lambda: float(x[0])), ("scalar", lambda: bool(x[0] > 0)),
                 ("scalar", lambda: torch.equal(x, x)), ("d2h", lambda: x.cpu()), ("d2h", lambda: x.tolist()),
                 ("dynamic", lambda: x.nonzero()), ("dynamic", lambda: x[x > 1]), ("dynamic", lambda: x.masked_select(x > 1)),
                 ("dynamic", lambda: x.unique()), ("dynamic", lambda: torch.bincount(x.long())),
                 ("h2d", lambda: torch.tensor([1.0, 2.0], device=NAME)), ("h2d", lambda: torch.ones(2).to(NAME)),
                 ("h2d_async", lambda: torch.ones(2).to(NAME, non_blocking=True)),
                 ("index_upload", lambda: x[torch.tensor([0, 1])])]
        for kind, f in cases:
            with watch() as led:
                f()
            assert led.count(kind) >= 1, (kind, led.report())

    def t_no_false_syncs():
        x, y = torch.rand(4, 3, 8, 8, device=NAME, requires_grad=True), torch.zeros(4, 8, 8, dtype=torch.long, device=NAME)
        w = torch.full((), 0.5, device=NAME)
        with watch() as led:
            loss = nn.functional.cross_entropy(x, y) * w + torch.where(x > 0.5, x, x * 2).mean() + x.clamp(0, 1).std()
            oh = nn.functional.one_hot(y, 3)
            loss = loss + (oh.float().movedim(-1, 1) * x.softmax(1)).sum()
            loss.backward()
            x.grad.masked_fill_(x.grad > 1, 0)
            torch.zeros(3, device=NAME), torch.arange(3, device=NAME), torch.topk(x.flatten(), 3)
        assert led.syncs == 0, led.report()

    def t_forbid_names_the_line():
        x = torch.ones(2, device=NAME)
        try:
            with forbid_syncs():
                x.sum().item()
        except HostSyncError as e:
            assert "simulated_accelerator" in str(e) or ":" in str(e)
        else:
            raise AssertionError("not raised")

    def t_deepcopy_save_state():
        m = nn.BatchNorm1d(3).to(NAME)
        c = copy.deepcopy(m)
        c.weight.data.fill_(5)
        assert float(m.weight.detach().sum()) == 3 and c.running_mean.device.type == NAME
        buf = io.BytesIO()
        torch.save(m.state_dict(), buf)
        buf.seek(0)
        sd = torch.load(buf, map_location="cpu", weights_only=True)
        assert sd["weight"].device.type == "cpu" and sd["weight"].sum() == 3
        m.load_state_dict(sd)

    def t_tied_weights_stay_tied():
        m = nn.Module()
        m.a, m.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        m.b.weight = m.a.weight
        m.to(NAME)
        assert m.a.weight is m.b.weight

    def t_more_layers():
        torch.manual_seed(0)
        enc = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        up = nn.Sequential(nn.ConvTranspose2d(2, 3, 2, 2), nn.GroupNorm(1, 3), nn.Upsample(scale_factor=2, mode="bilinear"))
        emb = nn.EmbeddingBag(10, 4, mode="sum")
        for net, x in ((enc, torch.randn(2, 5, 8)), (up, torch.randn(2, 2, 4, 4)), (emb, torch.randint(0, 10, (3, 4)))):
            sim = copy.deepcopy(net).to(NAME)
            a, b = net(x), sim(x.to(NAME))
            a, b = (a[0], b[0]) if isinstance(a, tuple) else (a, b)
            assert torch.allclose(a, b.detach().cpu(), atol=1e-5)
            a.sum().backward(), b.sum().backward()
            for p, q in zip(net.parameters(), sim.parameters()):
                assert torch.allclose(p.grad.to_dense(), q.grad.cpu().to_dense(), atol=1e-4)

    def t_sync_points_in_common_code():
        p = nn.Parameter(torch.ones(3, device=NAME))
        p.grad = torch.ones(3, device=NAME)
        with watch() as led:
            nn.utils.clip_grad_norm_([p], 1.0)
            torch.isfinite(p).all() & (p > 0).any()
        assert led.syncs == 0, led.report()
        with watch() as led:
            nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
        assert led.syncs >= 1

    def t_numpy_raises():
        try:
            torch.ones(2, device=NAME).numpy()
        except TypeError:
            return
        raise AssertionError("numpy() passed")

    def t_autocast():
        lin = nn.Linear(4, 4).to(NAME)
        x = torch.ones(2, 4, device=NAME)
        with torch.autocast(NAME, dtype=torch.bfloat16):
            h = lin(x)
            loss = nn.functional.mse_loss(h, torch.zeros_like(h))
        assert h.dtype == torch.bfloat16 and loss.dtype == torch.float32, (h.dtype, loss.dtype)
        loss.backward()
        assert lin.weight.grad.dtype == torch.float32

    def t_rng_seeded():
        torch.manual_seed(3)
        a = torch.randn(3, device=NAME)
        torch.manual_seed(3)
        assert torch.equal(a.cpu(), torch.randn(3))
        nn.functional.dropout(a, 0.5)

    def t_out_and_resize():
        o = torch.empty(0, device=NAME)
        torch.add(torch.ones(3, device=NAME), 1, out=o)
        assert o.tolist() == [2, 2, 2]

    def t_torchmetrics():
        import torchmetrics as tm

        torch.manual_seed(0)
        p, t = torch.rand(50, 4).softmax(-1), torch.randint(0, 4, (50,))
        mc = tm.MetricCollection({"f1": tm.F1Score("multiclass", num_classes=4, average="macro", validate_args=False),
                                  "pr": tm.Precision("multiclass", num_classes=4, average="macro", validate_args=False),
                                  "rc": tm.Recall("multiclass", num_classes=4, average="macro", validate_args=False),
                                  "iou": tm.JaccardIndex("multiclass", num_classes=4, validate_args=False)})
        sim = mc.clone().to(NAME)
        mc.update(p, t)
        ps, ts = p.to(NAME), t.to(NAME)
        for _ in range(1):
            sim.update(ps, ts)
        a, b = mc.compute(), sim.compute()
        for k in a:
            assert b[k].device.type == NAME and torch.allclose(a[k], b[k].cpu()), k

    def t_lightning():
        import warnings

        import lightning.pytorch as pl
        import torchmetrics as tm
        from torch.utils.data import DataLoader, TensorDataset

        seen = {}

        class M(pl.LightningModule):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
                self.acc = tm.Accuracy("multiclass", num_classes=3, validate_args=False)

            def training_step(self, batch, i):
                x, y = batch
                seen["batch"], seen["param"] = x.device.type, self.net[0].weight.device.type
                out = self.net(x)
                loss = nn.functional.cross_entropy(out, y)
                self.acc.update(out, y)
                self.log("acc", self.acc, on_epoch=True, on_step=False)
                self.log("loss", loss, prog_bar=False)
                return loss

            def validation_step(self, batch, i):
                self.log("val", nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

            def configure_optimizers(self):
                return torch.optim.AdamW(self.parameters(), 0.05)

        torch.manual_seed(0)
        x = torch.randn(64, 4)
        y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
        import tempfile
        import logging

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as d:
            warnings.simplefilter("ignore")
            res = []
            for kw in (trainer_kwargs(), {"accelerator": "cpu", "devices": 1}, trainer_kwargs("bf16-mixed")):
                pl.seed_everything(0, verbose=False)
                m = M()
                tr = pl.Trainer(**kw, max_epochs=3, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                                enable_model_summary=False, default_root_dir=d)
                dl = DataLoader(TensorDataset(x, y), 16)
                tr.fit(m, dl, dl)
                res.append((dict(seen), {k: float(v) for k, v in tr.callback_metrics.items()}))
                if len(res) == 1:
                    tr.save_checkpoint(d + "/a.ckpt")
                    assert tr.strategy.root_device.type == NAME
        assert res[0][0] == {"batch": NAME, "param": NAME}, res[0]
        for k in res[0][1]:
            assert res[0][1][k] == res[1][1][k], res  # same kernels: same bits
            assert 0 < abs(res[0][1][k] - res[2][1][k]) < 0.1 or k == "acc", res  # bf16 did something

    tests = {k[2:]: v for k, v in locals().items() if k.startswith("t_")}
    passed, failed = 0, 0
    for k, f in tests.items():
        try:
            f()
            passed += 1
        except ImportError as e:
            print(f"skip {k}: {e}")
        except Exception as e:
            failed += 1
            print(f"FAIL {k}: {type(e).__name__}: {str(e)[:600]}")
            if "-v" in sys.argv:
                import traceback

                traceback.print_exc()
    print(f"{passed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    if not available():
        print("simulated device could not be registered:", _why_not)
        print("0 passed, 1 failed")
        sys.exit(1)
    sys.exit(1 if _tests() else 0)
