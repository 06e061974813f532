"""Which names of PyTorch give what: tensors and their dtypes, loaders, devices."""

from __future__ import annotations

# Functions of torch that make tensors: the dtype of the result, where it follows from the name.
CREATION = {
    **dict.fromkeys("rand randn zeros ones empty linspace logspace eye normal bernoulli".split(), "float"),
    **dict.fromkeys("rand_like randn_like zeros_like ones_like full_like empty_like".split(), ""),
    **dict.fromkeys("randint randperm LongTensor IntTensor ByteTensor".split(), "int"),
    **dict.fromkeys("FloatTensor Tensor DoubleTensor cuda.FloatTensor cuda.DoubleTensor".split(), "float"),
    **dict.fromkeys("cuda.LongTensor cuda.ByteTensor".split(), "int"),
    **dict.fromkeys("tensor as_tensor from_numpy arange full autograd.Variable".split(), ""),
}  # fmt: skip

# Functions of torch on tensors: the dtype of the result, "pair" for (values, indices), "list".
TENSOR_FUNCTIONS = {
    **dict.fromkeys(
        "add sub mul div matmul mm bmm dot mean sum std var exp log log2 log10 sqrt rsqrt pow abs sigmoid tanh relu "
        "softmax log_softmax clamp norm cat concat stack unsqueeze squeeze reshape flatten transpose permute where "
        "gather index_select einsum sin cos tan sign round floor ceil cumsum cumprod prod outer ger diag tril triu "
        "roll flip repeat_interleave minimum maximum square neg lerp cdist logsumexp multinomial "
        "remainder fmod true_divide floor_divide atan2 reciprocal frac trunc logaddexp expm1 log1p sinh cosh asin "
        "acos atan rot90 vstack hstack tensordot cross trace diff mv diagonal movedim swapaxes unflatten amax amin "
        "broadcast_to divide multiply subtract negative nan_to_num scatter baddbmm masked_select take t meshgrid "
        "view_as_real addmm clone detach erf topk_values".split(), ""),
    **dict.fromkeys("argmax argmin argsort bincount nonzero searchsorted".split(), "int"),
    **dict.fromkeys(
        "eq ne gt lt ge le isnan isinf isfinite logical_and logical_or logical_not all any".split(), "bool"),
    **dict.fromkeys("max min sort topk median mode kthvalue".split(), "pair"),
    **dict.fromkeys("split chunk unbind autograd.grad".split(), "list"),
}  # fmt: skip

# Methods of tensors: as above; "same" keeps what the receiver is, "count" sums what it is.
TENSOR_METHODS = {
    **dict.fromkeys(
        "to cuda cpu detach clone contiguous view view_as reshape unsqueeze squeeze permute transpose t flatten expand "
        "expand_as repeat data requires_grad_ clamp clamp_ abs neg pin_memory fill_ zero_ copy_ masked_fill roll flip "
        "index_select gather narrow select normal_ uniform_ type_as detach_ triu tril diag squeeze_ "
        "unsqueeze_ masked_select mul_ add_ sub_ div_ retain_grad swapaxes movedim unflatten "
        "sign floor ceil round".split(), "same"),
    **dict.fromkeys(
        "float double half mean std var exp log sqrt sigmoid tanh softmax log_softmax norm "
        "erf rsqrt log1p".split(), "float"),
    **dict.fromkeys("long int short byte argmax argmin argsort nonzero".split(), "int"),
    **dict.fromkeys("eq ne gt lt ge le bool all any logical_not isnan".split(), "bool"),
    **dict.fromkeys("sum prod cumsum".split(), "count"),
    **dict.fromkeys("max min sort topk median".split(), "pair"),
    **dict.fromkeys("split chunk unbind".split(), "list"),
    **dict.fromkeys(
        "pow mul add sub div matmul mm bmm dot type numpy item size dim numel tolist square relu sin cos".split(), ""),
}  # fmt: skip

# Methods that only tensors have, of those above: they tell a tensor where nothing else does.
SCALAR_METHODS = frozenset(
    "detach cpu cuda item view unsqueeze permute size numel long backward requires_grad_ contiguous view_as eq "
    "expand_as log_softmax type_as numpy masked_fill".split()
)

LIGHTNING_MODULES = (
    "pytorch_lightning.LightningModule", "lightning.LightningModule", "lightning.pytorch.LightningModule",
    "pytorch_lightning.core.lightning.LightningModule", "pytorch_lightning.core.LightningModule",
)  # fmt: skip
RESULTS = {
    "torch.utils.data.DataLoader": "loader",
    "torch.utils.data.dataloader.DataLoader": "loader",
    "torch.utils.data.TensorDataset": "dataset",
    "torch.utils.data.Subset": "dataset",
    "torch.utils.data.ConcatDataset": "dataset",
    "torch.device": "device",
    "torch.nn.Parameter": "tensor",
    "torch.cuda.is_available": "number",
    "torch.load": "state",
    "torch.cuda.amp.GradScaler": "scaler",
    "torch.cuda.amp.grad_scaler.GradScaler": "scaler",
    "torch.amp.GradScaler": "scaler",
    "torch.utils.tensorboard.SummaryWriter": "writer",
    "torch.utils.tensorboard.writer.SummaryWriter": "writer",
}
# Wrappers that give what they get.
PASSED_ON = frozenset(
    "torch.nn.DataParallel torch.compile torch.autograd.Variable torch.Variable "
    "torch.nn.parallel.DistributedDataParallel torch.jit.script".split()
)
DTYPES = {
    **dict.fromkeys("long int int32 int64 uint8 short int16 int8".split(), "int"),
    **dict.fromkeys("float float32 float64 double half float16 bfloat16".split(), "float"),
    "bool": "bool",
}  # fmt: skip
TENSOR_TYPES = {
    f"torch.{device}{name}Tensor": dtype
    for device in ("", "cuda.")
    for name, dtype in (
        ("", "float"), ("Float", "float"), ("Double", "float"), ("Half", "float"), ("Long", "int"), ("Int", "int"),
        ("Byte", "int"), ("Bool", "bool"),
    )
}  # fmt: skip
