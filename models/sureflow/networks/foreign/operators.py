"""The operators that an exported program may call: known mathematics, and nothing else.

Among torch's operators are ones that read and write files (``aten::save``, ``aten::from_file``),
reach memory that was never written (``aten::empty``) or trust their arguments without a check
(``aten::_reshape_alias``, ``aten::_upsample_bilinear2d_aa``). So the allowed ones are listed, by
their names without the overload; each may also work in place (``add_``).
"""

from __future__ import annotations

import re

import torch
from torch._ops import OpOverload

POINTWISE = """
abs acos acosh add addcdiv addcmul angle arange asin asinh atan atan2 atanh bitwise_and bitwise_not
bitwise_or bitwise_xor ceil celu clamp clamp_max clamp_min clip clone complex conj copysign cos cosh
deg2rad div divide elu eq erf erfc erfinv exp exp2 expm1 fill floor floor_divide fmax fmin fmod frac
ge gelu glu greater greater_equal gt hardshrink hardsigmoid hardswish hardtanh heaviside hypot i0
imag isclose isfinite isinf isnan le leaky_relu lerp less less_equal lgamma log log10 log1p log2
log_sigmoid logaddexp logical_and logical_not logical_or logical_xor logit lt masked_fill maximum
minimum mish mul multiply nan_to_num ne neg negative not_equal ones_like polar positive pow prelu
rad2deg real reciprocal relu relu6 remainder round rsqrt rsub selu sgn sigmoid sign silu sin sinc
sinh softplus softshrink special_expit special_expm1 special_log1p sqrt square sub subtract tan tanh
threshold true_divide trunc where xlogy zero zeros_like
"""
SHAPES = """
adjoint alias as_strided atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to
channel_shuffle chunk concat concatenate cat column_stack constant_pad_nd contiguous copy detach
diag diag_embed diagonal diff dstack expand expand_as eye flatten flip fliplr flipud full full_like
gather hsplit hstack im2col col2im index index_add index_copy index_fill index_put index_select
lift_fresh lift_fresh_copy linspace meshgrid moveaxis movedim narrow new_full new_ones new_zeros
numpy_T mT mH matrix_H numel one_hot ones pad permute pixel_shuffle pixel_unshuffle ravel
reflection_pad1d reflection_pad2d reflection_pad3d repeat repeat_interleave replication_pad1d
replication_pad2d replication_pad3d reshape reshape_as roll rot90 scalar_tensor scatter scatter_add
scatter_reduce select select_scatter slice slice_scatter split split_with_sizes squeeze stack
swapaxes swapdims sym_numel sym_size sym_stride t take_along_dim tensor_split tile to transpose tril
tril_indices triu triu_indices type_as unbind unflatten unfold unsafe_chunk unsafe_split unsqueeze
view view_as view_as_complex view_as_real vsplit vstack zeros resolve_conj resolve_neg
_unsafe_view _to_copy _assert_tensor_metadata _assert_scalar
sym_constrain_range sym_constrain_range_for_size
"""
REDUCTIONS = """
addbmm addmm addmv addr all amax amin aminmax any argmax argmin argsort avg_pool1d avg_pool2d
avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
adaptive_max_pool2d adaptive_max_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d baddbmm batch_norm
bilinear bmm bucketize cdist chain_matmul conv1d conv2d conv3d conv_transpose1d conv_transpose2d
conv_transpose3d convolution cosine_similarity count_nonzero cross cummax cummin cumprod cumsum dist
dot dropout einsum embedding fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift fft_hfft fft_ifft
fft_ifft2 fft_ifftn fft_ifftshift fft_ihfft fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2
fft_rfftfreq fft_rfftn grid_sampler grid_sampler_2d grid_sampler_3d
group_norm gru_cell inner instance_norm kron layer_norm linalg_cross linalg_det linalg_inv
linalg_matmul linalg_matrix_norm linalg_norm linalg_solve linalg_vecdot linalg_vector_norm linear
log_softmax logcumsumexp logsumexp lstm_cell matmul max max_pool1d max_pool2d max_pool3d
max_pool2d_with_indices mean median min mm mse_loss mv native_group_norm native_layer_norm norm
outer pairwise_distance prod rms_norm scaled_dot_product_attention _safe_softmax
searchsorted softmax _softmax _log_softmax sort std std_mean
sum sum_to_size tensordot topk trace upsample_bicubic2d upsample_bilinear2d
upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_trilinear3d
var var_mean vdot
"""
ALLOWED = frozenset(f"{POINTWISE} {SHAPES} {REDUCTIONS}".split())
"""Names of operators of the namespace ``aten``."""

ARITHMETIC = "add sub mul floordiv mod neg truediv eq ne lt le gt ge and_ or_"
SIZES = "float int ite max min not"
SYMBOLIC = frozenset(
    [f"_operator.{name}" for name in ARITHMETIC.split()]
    + [f"torch.sym_{name}" for name in SIZES.split()]
    + ["math.trunc"]
)
"""Targets that compute with sizes."""

HIGHER = "export it without torch.no_grad, autocast and control flow inside the module"
OTHER = "write the network with torch's usual layers and export it again"

TARGET = re.compile(r"torch\.ops\.aten\.([A-Za-z_]\w*)\.([A-Za-z]\w*)", re.ASCII)


def operator_of(target: object) -> OpOverload | None:
    """The operator that a node calls; ``None`` if it computes with sizes.

    Raises:
        ValueError: It is not among the allowed ones.
    """
    text = target if isinstance(target, str) else ""
    if text in SYMBOLIC:
        return None
    match = TARGET.fullmatch(text)
    if match is None or not {match[1], match[1].removesuffix("_")} & ALLOWED:
        said = str(target)[:100]
        raise ValueError(
            f"program: it calls {said!r}, which is none of the operators that a served program may "
            f"call; {HIGHER if 'higher_order' in said else OTHER}, or serve it as a torch module"
        )
    packet = getattr(torch.ops.aten, match[1], None)
    found = getattr(packet, match[2], None)
    if not isinstance(found, OpOverload) or "out" in match[2].split("_"):
        raise ValueError(f"program: it calls {match[0]}, which this version of torch does not have")
    return found
