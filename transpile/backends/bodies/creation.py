"""New tensors: on the device of a tensor at hand, or on the file's own."""

from __future__ import annotations

from transpile.backends.bodies.calls import Bound, special
from transpile.backends.bodies.kinds import FLOATS, Kind, tensor
from transpile.backends.bodies.special import DEFAULT, dims_of, dims_text, torch_dtype
from transpile.ir import FREE


def made(b: Bound, name: str, rest: str = "") -> str:
    """`torch.zeros(2, 3, device=...)`."""
    dims = b["shape"]
    text = dims_text(dims)
    if dims.items is not None and not dims.items:
        text = "()"
    dtype = ""
    if "dtype" in b and b["dtype"].kind.what != "none":
        dtype = torch_dtype(b["dtype"])
        if not dtype:
            raise b.call.refuse(f"the dtype {b['dtype'].text} is not known")
    written = f", dtype={dtype}" if dtype and dtype != DEFAULT and dtype != "torch.float32" else ""
    place = f", device={b.call.place}" if b.call.place else ""
    return f"torch.{name}({text}{rest}{written}{place})"


def _new(b: Bound) -> Kind:
    dtype = torch_dtype(b["dtype"]) if "dtype" in b else "float"
    element = "bool" if "bool" in dtype else "int" if "int" in dtype else "float"
    return tensor(element, dims_of(b["shape"]))  # type: ignore[arg-type]


@special("shape dtype", "tf.zeros", "backend.zeros", "ops.zeros")
def zeros(b: Bound) -> tuple[str, Kind]:
    """A tensor of zeros."""
    return made(b, "zeros"), _new(b)


@special("shape dtype", "tf.ones", "backend.ones", "ops.ones")
def ones(b: Bound) -> tuple[str, Kind]:
    """A tensor of ones."""
    return made(b, "ones"), _new(b)


@special("shape fill_value dtype", "tf.fill", "ops.full", dims="shape", value="fill_value")
def full(b: Bound) -> tuple[str, Kind]:
    """A tensor of one number."""
    dims = b["shape"]
    text = dims.text if dims.items is None else f"({dims_text(dims)}{',' if len(dims.items) == 1 else ''})"
    place = f", device={b.call.place}" if b.call.place else ""
    dtype = torch_dtype(b["dtype"]) if "dtype" in b else ""
    written = f", dtype={dtype}" if dtype and dtype != DEFAULT else ""
    return f"torch.full({text}, {b['fill_value'].text}{written}{place})", tensor(
        b["fill_value"].kind.element, dims_of(dims)
    )


@special(
    "num_rows num_columns batch_shape dtype",
    "tf.eye",
    "backend.eye",
    "ops.eye",
    size="num_rows",
    N="num_rows",
    M="num_columns",
)
def eye(b: Bound) -> tuple[str, Kind]:
    """The unit matrix."""
    b.only("batch_shape", None)
    place = f", device={b.call.place}" if b.call.place else ""
    columns = f", {b['num_columns'].text}" if b.value("num_columns", None) is not None else ""
    return f"torch.eye({b['num_rows'].text}{columns}{place})", FLOATS


@special("start limit delta dtype", "tf.range", "backend.arange", "ops.arange", stop="limit", step="delta")
def arange(b: Bound) -> tuple[str, Kind]:
    """`torch.arange`."""
    given = [b[n] for n in ("start", "limit", "delta") if n in b and b[n].kind.what != "none"]
    if any(a.kind.what == "tensor" for a in given):
        raise b.call.refuse("a tensor as its bound")
    dtype = torch_dtype(b["dtype"]) if "dtype" in b and b["dtype"].kind.what != "none" else ""
    whole = all(a.kind.element == "int" for a in given)
    written = f", dtype={dtype}" if dtype and not (whole and dtype == "torch.int64") else ""
    place = f", device={b.call.place}" if b.call.place else ""
    element = "int" if (whole and not dtype) or "int" in dtype else "float"
    return f"torch.arange({', '.join(a.text for a in given)}{written}{place})", tensor(element, (FREE,))  # type: ignore[arg-type]


@special("start stop num", "tf.linspace", "ops.linspace")
def linspace(b: Bound) -> tuple[str, Kind]:
    """`torch.linspace`."""
    place = f", device={b.call.place}" if b.call.place else ""
    return f"torch.linspace({b['start'].text}, {b['stop'].text}, {b['num'].text}{place})", FLOATS
