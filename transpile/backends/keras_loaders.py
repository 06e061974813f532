"""Data: loaders over arrays become tf.data, other datasets keep PyTorch's loader."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from transpile.backends.keras_classes import ModuleClass
from transpile.backends.keras_expressions import Script
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_lightning import Lightning
from transpile.frontends.torch_variables import is_constant, is_local
from transpile.ir import Span

_KEPT_BASES = (
    "torch.utils.data.", "torch.autograd.Function", "torchvision.", "pytorch_lightning.LightningDataModule",
    "lightning.LightningDataModule", "lightning.pytorch.LightningDataModule",
)  # fmt: skip
_IGNORED = ("num_workers", "pin_memory", "persistent_workers", "prefetch_factor", "timeout", "generator",
            "worker_init_fn", "multiprocessing_context", "pin_memory_device")  # fmt: skip


def stays_torch(script: Script, classes: Mapping[str, ModuleClass]) -> list[Span]:
    """Classes of PyTorch's data side: they stay as they are, and so does their import."""
    found = []
    for node in ast.walk(script.references.tree):
        if not isinstance(node, ast.ClassDef) or node.name in classes:
            continue
        bases = [script.kinds.path(b) for b in node.bases]
        if node.name not in script.kinds.classes and any(b.startswith(_KEPT_BASES) for b in bases):
            span = script.span(node)
            found.append(span)
            script.output.claimed.append(span)
            script.report("T2K321", node, f"the class {node.name} stays PyTorch's: Keras takes its batches")
    for node in _collating(script):
        found.append(script.span(node))
        script.output.claimed.append(found[-1])
        script.report("T2K321", node, "what makes batches of items stays PyTorch's, as the items are")
    return found


def _collating(script: Script) -> Iterator[ast.AST]:
    """The functions that loaders call: `collate_fn=pad`, also `collate_fn=lambda items: ...`."""
    given = [n.value for n in ast.walk(script.references.tree) if isinstance(n, ast.keyword) and n.arg == "collate_fn"]
    yield from (g for g in given if isinstance(g, ast.Lambda))
    names = {n.id for g in given if not isinstance(g, ast.Lambda) for n in ast.walk(g) if isinstance(n, ast.Name)}
    yield from (script.kinds.functions[name] for name in sorted(names) if name in script.kinds.functions)


def lightning_stays(script: Script, classes: Mapping[str, Lightning]) -> list[Span]:
    """Classes of Lightning's whose Trainer does more than `fit`: they stay as they are, with a code."""
    found = []
    for name, info in classes.items():
        if info.problem:
            found.append(script.span(info.node))
            script.output.claimed.append(found[-1])
            start, end = script.references.start(info.node), script.references.end(info.node.bases[-1])
            message = f"the class {name} was left: {info.problem}"
            script.output.report("T2K157", script.references.span(start, end), message)
    return found


def tensors_of(e: ScriptExpressions, dataset: ast.expr) -> list[ast.expr] | None:
    """The arrays of a TensorDataset that becomes tf.data; None for any other dataset."""
    made = e.kind(dataset).node
    if isinstance(made, ast.Call) and e.path(made.func).endswith("TensorDataset") and _converts(e, made):
        return _arrays(made)
    return None


def _converts(e: ScriptExpressions, made: ast.Call) -> bool:
    """Whether tf.data does all that the file does with a data set: it has no items and no samplers."""
    if id(made) not in e.datasets:
        e.datasets[id(made)] = True  # while its uses are looked at
        nodes = (n for n in ast.walk(e.references.tree) if isinstance(n, ast.expr) and e.kind(n).node is made)
        e.datasets[id(made)] = all(_fits(e, n) for n in nodes if e.kind(n).name == "dataset")
    return e.datasets[id(made)]


def _fits(e: ScriptExpressions, node: ast.expr) -> bool:
    """Whether tf.data serves where a data set stands: what it is called, what it is given to."""
    parent = e.references.parents.get(node)
    if isinstance(parent, ast.keyword):
        parent = e.references.parents.get(parent)
    if not isinstance(parent, ast.Call):
        stored = isinstance(getattr(node, "ctx", None), ast.Store)
        return stored or isinstance(parent, ast.Assign | ast.Return | ast.Expr | ast.Tuple)
    if e.kind(parent).name == "loader" and e.path(parent.func):
        return _given(parent) is not None
    if e.path(parent.func).endswith("utils.data.random_split"):
        return split_sizes(e, e.references.statement(parent)) is not None
    measured = isinstance(parent.func, ast.Name) and parent.func.id == "len"
    return measured or e.kinds.called_function(parent) is not None


def split_sizes(e: ScriptExpressions, statement: ast.AST) -> list[ast.expr] | None:
    """The two sizes of `a, b = random_split(dataset, [80, 20])`."""
    match statement:
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(), ast.Name()])],
            value=ast.Call(func=func, args=[ast.Name(), (ast.List() | ast.Tuple()) as sizes]),
        ) if e.path(func).endswith("utils.data.random_split") and len(sizes.elts) == 2:
            return sizes.elts
    return None


def _arrays(made: ast.Call) -> list[ast.expr] | None:
    """The arguments of `TensorDataset(x, y)`, also of PyTorch 0.3's `TensorDataset(data_tensor=x, target_tensor=y)`."""
    named = {k.arg: k.value for k in made.keywords}
    if not set(named) <= {"data_tensor", "target_tensor"}:
        return None
    return [*made.args, *(named[k] for k in ("data_tensor", "target_tensor") if k in named)] or None


def loader(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)`."""
    if not isinstance(node, ast.Call) or e.kind(node).name != "loader" or not e.path(node.func):
        return None
    given = _given(node)
    if given is None or tensors_of(e, given["dataset"]) is None:
        return None
    dataset = given["dataset"]
    text = e.text(dataset)
    named = isinstance(dataset, ast.Name)
    first = _length_of(e, dataset if named else (tensors_of(e, dataset) or [dataset])[0])
    shuffle = given.get("shuffle")
    if shuffle is not None and not (isinstance(shuffle, ast.Constant) and not shuffle.value):
        shuffled = f"{text}.shuffle(len({first}))"
        constant = isinstance(shuffle, ast.Constant)
        text = shuffled if constant else f"({shuffled} if {e.text(shuffle)} else {text})"
    batch = e.text(given["batch_size"]) if "batch_size" in given else "1"
    last = given.get("drop_last")
    remainder = f", drop_remainder={e.text(last)}" if last is not None and e.text(last) != "False" else ""
    e.needs(("import tensorflow as tf",), ())
    return f"{text}.batch({batch}{remainder})"


def _given(node: ast.Call) -> dict[str, ast.expr] | None:
    """The arguments of a loader by name; None if tf.data has no counterpart of one."""
    names = ("dataset", "batch_size", "shuffle")
    given = {str(k.arg): k.value for k in node.keywords if k.arg is not None} | dict(zip(names, node.args))
    known = set(given) <= {*names, *_IGNORED, "drop_last"} and len(node.args) <= len(names)
    starred = any(k.arg is None for k in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args)
    ordered = isinstance(given.get("shuffle", ast.Constant(value=False)), ast.Constant)
    ordered = ordered or isinstance(given.get("dataset"), ast.Name)  # whose name is written twice
    return given if "dataset" in given and known and ordered and not starred else None


def dataset(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`TensorDataset(x, y)`."""
    if not isinstance(node, ast.Call) or not e.path(node.func).endswith("TensorDataset"):
        return None
    arrays = _arrays(node)
    if arrays is None:
        return None
    if not _converts(e, node):
        return _of_arrays(e, node, arrays)
    e.needs(("import tensorflow as tf",), ())
    inner = ", ".join(e.text(a) for a in arrays)
    inner = f"({inner})" if len(arrays) > 1 else f"({inner},)"  # also of `*arrays`
    return f"tf.data.Dataset.from_tensor_slices({inner})"


def _of_arrays(e: ScriptExpressions, node: ast.Call, arrays: list[ast.expr]) -> str | None:
    """A data set that stays, of tensors that are made from the converted arrays."""
    if any(isinstance(a, ast.Starred) for a in arrays):
        e.script.report(
            "T2K121", node, "tf.data does not do what this data set is used for, and its arrays are not named"
        )
        return e.references.code(node)
    e.needs(("import torch", "from keras import ops"), ())
    e.script.report("T2K321", node, "this data set stays PyTorch's: it is used as tf.data cannot be")
    for array in arrays:
        if e.translated(array) is not None:  # the `torch.from_numpy` that is seen is ours
            e.script.output.claimed.append(e.script.span(array))
    made = [f"torch.from_numpy(ops.convert_to_numpy({e.text(a)}))" for a in arrays]
    return f"{e.references.code(node.func)}({', '.join(made)})"


def dataset_length(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`len(loader.dataset)`."""
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Attribute(value=value, attr="dataset")]):
            made = e.kind(value).node
            if isinstance(made, ast.Call) and e.kind(value).name == "loader" and e.translated(made) is not None:
                first = _first_array(e, made)
                if _is_known_at(e, first, node):
                    return f"len({_length_of(e, first)})"
                return f"sum(len(batch[0]) for batch in {e.text(value)})"
    return None


def _length_of(e: ScriptExpressions, first: ast.expr) -> str:
    """What has the length of a data set: its first array, of `*arrays` the first of them."""
    return f"{e.text(first.value)}[0]" if isinstance(first, ast.Starred) else e.text(first)


def _first_array(e: ScriptExpressions, made: ast.Call) -> ast.expr:
    """What of a loader is as long as its data: the data set's variable, or the first array."""
    dataset = made.args[0] if made.args else next(k.value for k in made.keywords if k.arg == "dataset")
    if isinstance(dataset, ast.Name):
        return dataset
    return (tensors_of(e, dataset) or [dataset])[0]


def _is_known_at(e: ScriptExpressions, value: ast.expr, node: ast.AST) -> bool:
    """Whether the names of an expression stand for the same where a node is."""
    names = [n for n in ast.walk(value) if isinstance(n, ast.Name)]
    here, there = e.kinds.function_of(node), e.kinds.function_of(value)
    if not names or not (here is there or isinstance(there, ast.Module)):
        return False
    return all(is_constant(e.kinds, n) and (here is there or not is_local(e.kinds, here, n.id)) for n in names)


def is_kept(e: ScriptExpressions, made: ast.AST | None) -> bool:
    """Whether a loader stays PyTorch's."""
    return isinstance(made, ast.Call) and e.path(made.func).endswith("DataLoader") and loader(e, made) is None


def keep_loader(e: ScriptExpressions, loop: ast.For) -> None:
    """Makes the batches of a loader that stays arrays, at the start of the loop."""
    iterated, target = loop.iter, loop.target
    match iterated, target:
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]), ast.Tuple(elts=[_, batch]):
            iterated, target = inner, batch
    match iterated:
        case ast.Call(func=ast.Name(id="tqdm") | ast.Attribute(attr="tqdm"), args=[inner, *_]):
            iterated = inner
    if e.kind(iterated).name != "loader" or not is_kept(e, e.kind(iterated).node):
        return
    if isinstance(target, ast.Name):
        text = f"{target.id} = {_whole_batch(loop, target.id)}"
    else:
        names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and n.id != "_"]
        text = f"{', '.join(names)} = {', '.join(f'{n}.numpy()' for n in names)}"
    e.script.plan.insert_at_start(loop, text)


def _whole_batch(loop: ast.For, name: str) -> str:
    """A batch in one variable: a dictionary, a sequence or a tensor, by how it is used."""
    for node in ast.walk(loop):
        match node:
            case ast.Subscript(value=ast.Name(id=used), slice=ast.Constant(value=str())) if used == name:
                return f"{{key: part.numpy() for key, part in {name}.items()}}"
            case ast.Subscript(value=ast.Name(id=used), slice=ast.Constant(value=int())) if used == name:
                return f"[part.numpy() for part in {name}]"
            case ast.Assign(targets=[ast.Tuple()], value=ast.Name(id=used)) if used == name:
                return f"[part.numpy() for part in {name}]"
    return f"{name}.numpy()"


LOADER_RULES = (loader, dataset, dataset_length)
