"""Constants that a constructor puts together piece by piece: with numpy, which can assign to parts."""

from __future__ import annotations

import re

from transpile.ops._functions import Left

# What keras.ops 3.15 has and numpy 2 has not.
_ABSENT = frozenset(
    """
    adaptive_average_pool adaptive_max_pool associative_scan average_pool batch_normalization
    binary_crossentropy categorical_crossentropy cdist celu cholesky cholesky_inverse cond conv conv_transpose
    convert_to_numpy ctc_decode ctc_loss custom_gradient depth_to_space depthwise_conv det divide_no_nan
    dot_product_attention eig eigh elu erf erfc erfinv extract_sequences fft2 fold fori_loop gelu get_item glu
    hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh ifft2 in_top_k inv irfft is_tensor istft jvp
    layer_normalization leaky_relu log_sigmoid log_softmax logdet logsumexp lstsq lu_factor map matrix_rank
    max_pool moments multi_hot norm normalize one_hot pinv polar psnr qr rearrange relu relu6 rfft
    rms_normalization rsqrt saturate_cast scan scatter scatter_update segment_max segment_min segment_prod
    segment_sum selu separable_conv sigmoid silu slice slice_update slogdet soft_shrink softmax softplus
    softsign solve solve_triangular space_to_depth sparse_categorical_crossentropy sparse_plus sparse_sigmoid
    sparsemax squareplus stft stop_gradient svd swish switch tanh_shrink threshold top_k unfold vectorized_map
    view view_as_complex view_as_real while_loop
    """.split()
)
_CALLED = re.compile(r"(?<![\w.])np\.(\w+)\(")


def with_numpy(text: str, of_keras: re.Pattern[str]) -> str:
    """The same functions of numpy; raises Left where it has none that mean the same."""
    new = of_keras.sub("np.", text)
    called = set(_CALLED.findall(new)) if new != text else set()
    if "take" in called:
        raise Left("a constant that is computed with take")
    if called & _ABSENT:
        raise Left(f"a constant that is computed with {min(called & _ABSENT)}")
    return re.sub(r"(?<![\w.])np\.(?:convert_to_tensor|cast)\(", "np.asarray(", new)
