"""The exact velocity network of a Gaussian mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sureflow.moments import Moments
from sureflow.networks.network import VelocityNetwork


class GaussianMixture(VelocityNetwork):
    """Exact flow of ``x1 ~ sum_k w_k N(m_k, S_k)`` on the linear path; nothing is learned.

    With ``S_k = Q L Q^T`` and ``a = t^2 L + (1 - t)^2``, component ``k`` contributes, in its own
    eigenbasis and with ``r = Q^T (x - t m_k)``,

        E[u | x, k] = m_k + Q (t L - (1 - t)) / a r,    Cov[u | x, k] = Q (L / a) Q^T,

    which is regular for all ``t`` in [0, 1]. Responsibilities weigh the components; their spread
    adds the variance between modes. Arithmetic is in float64, whatever the dtype of ``x``.

    Args:
        means: ``[K, d]``.
        weights: ``[K]``, positive; scaled to sum to one.
        covariances: ``[K, d, d]``, or ``[K]`` standard deviations of isotropic components.
        labels: Class of each component, ``[K]``; a row with a label then sees the components of
            that class alone, and the null label sees all. Left out, the network is unconditional.
        shape: Shape of one sample, ``(d,)`` unless given; its product is ``d``.
        floor: See :class:`~sureflow.networks.network.VelocityNetwork`; 0 keeps the variance exact.

    Raises:
        ValueError: Shapes do not fit together, a weight is not positive, a covariance is not
            symmetric positive definite, or a class has no component.
    """

    trained = False
    means: Tensor
    log_weights: Tensor
    eigenvalues: Tensor
    labels: Tensor
    rotations: Tensor | None

    def __init__(
        self,
        means: Sequence[Sequence[float]],
        weights: Sequence[float],
        covariances: Sequence[float] | Sequence[Sequence[Sequence[float]]],
        labels: Sequence[int] | None = None,
        shape: Sequence[int] | None = None,
        floor: float = 0.0,
    ) -> None:
        centres = torch.tensor(means, dtype=torch.float64)
        if centres.dim() != 2 or not bool(centres.isfinite().all()):
            raise ValueError(f"means: expected finite [K, d], got shape {[*centres.shape]}")
        count, size = centres.shape
        shape = (size,) if shape is None else tuple(shape)
        if math.prod(shape) != size:
            raise ValueError(f"shape: {shape} does not hold {size} components")
        classes = _class_count(labels, count)
        super().__init__(shape, classes, floor)
        eigenvalues, rotations = _spectra(covariances, count, size)
        of_class = torch.tensor(labels if labels is not None else [0] * count)
        self.register_buffer("means", centres, persistent=False)
        self.register_buffer("log_weights", _log_weights(weights, count), persistent=False)
        self.register_buffer("eigenvalues", eigenvalues, persistent=False)
        self.register_buffer("rotations", rotations, persistent=False)
        self.register_buffer("labels", of_class, persistent=False)
        self.noise = nn.ModuleDict()

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Exact velocity and, if ``noisy``, exact variance per component of ``u``."""
        posterior = self._posterior(x, t, label)
        mean = posterior.velocity.reshape(x.shape).to(x.dtype)
        if not noisy:
            return Moments(mean)
        within = self._diagonal(posterior.variances)
        between = (posterior.means - posterior.velocity.unsqueeze(1)).square()
        variance = _mixed(posterior.shares, within + between).reshape(x.shape)
        return Moments(mean, variance if x.dtype == torch.float64 else variance.float())

    def covariance(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """Full ``Cov[u | x_t]`` as ``[B, d, d]``, in squared data units."""
        posterior = self._posterior(x, t, self._labels(x, label))
        spread = posterior.means - posterior.velocity.unsqueeze(1)
        within = torch.diag_embed(posterior.variances)
        if self.rotations is not None:
            scaled = self.rotations * posterior.variances.unsqueeze(-2)
            within = scaled @ self.rotations.mT
        between = spread.unsqueeze(-1) * spread.unsqueeze(-2)
        shares = posterior.shares[..., None, None]
        return (shares * (within + between)).sum(1).to(x.dtype)

    def divergence(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """Exact divergence of the velocity, ``[B]``, per unit time.

        Derived from the gradients of the responsibilities, not from the variance, so that the
        identity ``(1 - t) div v = t tr Cov[u | x_t] - d`` remains a test of both.
        """
        posterior = self._posterior(x, t, self._labels(x, label))
        spread = posterior.means - posterior.velocity.unsqueeze(1)
        shift = (spread * posterior.scores).sum(-1)
        return (posterior.shares * (posterior.slopes.sum(-1) + shift)).sum(-1).to(x.dtype)

    def log_density(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """Exact ``log p_t(x)`` in nats, ``[B]``; at ``t = 1`` that of the data."""
        return self._posterior(x, t, self._labels(x, label)).log_density.to(x.dtype)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw ``count`` data points ``[count, *shape]`` in float64."""
        chosen = torch.multinomial(
            self.log_weights.exp(), count, replacement=True, generator=generator
        )
        normal = torch.randn(count, self.means.shape[1], generator=generator, dtype=torch.float64)
        scaled = normal * self.eigenvalues[chosen].sqrt()
        if self.rotations is not None:
            scaled = (self.rotations[chosen] @ scaled.unsqueeze(-1)).squeeze(-1)
        return (self.means[chosen] + scaled).reshape(count, *self.shape)

    def _posterior(self, x: Tensor, t: Tensor, label: Tensor) -> _Posterior:
        """Posterior of ``u`` given ``x_t``, component by component."""
        time = t.to(self.means.dtype).reshape(-1, 1, 1)
        rest = 1 - time
        marginal = time.square() * self.eigenvalues + rest.square()
        offset = x.to(self.means.dtype).reshape(x.shape[0], 1, -1) - time * self.means
        residual = self._rotate(offset, inverse=True)
        slopes = (time * self.eigenvalues - rest) / marginal
        log_joint = self._log_prior(label) - 0.5 * (
            residual.square() / marginal + marginal.log() + math.log(2 * math.pi)
        ).sum(-1)
        shares = torch.softmax(log_joint, -1)
        means = self.means + self._rotate(slopes * residual)
        return _Posterior(
            log_density=torch.logsumexp(log_joint, -1),
            shares=shares,
            means=means,
            velocity=_mixed(shares, means),
            variances=self.eigenvalues / marginal,
            slopes=slopes,
            scores=self._rotate(-residual / marginal),
        )

    def _log_prior(self, label: Tensor) -> Tensor:
        """Log weights of the components that a label admits, ``[B, K]``."""
        label = label.unsqueeze(-1)
        admitted = (label == self.classes) | (label == self.labels)
        logits = torch.where(admitted, self.log_weights, -math.inf)
        return logits - torch.logsumexp(logits, -1, keepdim=True)

    def _rotate(self, h: Tensor, inverse: bool = False) -> Tensor:
        """Into the standard basis (or out of it), ``[B, K, d]``.

        Multiply and sum instead of a matrix product, whose kernel would depend on the batch.
        """
        if self.rotations is None:
            return h
        rotation = self.rotations.mT if inverse else self.rotations
        return (rotation * h.unsqueeze(-2)).sum(-1)

    def _diagonal(self, variances: Tensor) -> Tensor:
        """Diagonal of ``Q diag(variances) Q^T``."""
        if self.rotations is None:
            return variances
        return (self.rotations.square() * variances.unsqueeze(-2)).sum(-1)


@dataclass(frozen=True, slots=True)
class _Posterior:
    """The posterior of ``u`` at ``x_t``, by component.

    Attributes:
        log_density: ``log p_t(x)``, ``[B]``.
        shares: Responsibilities, ``[B, K]``.
        means: ``E[u | x, k]``, ``[B, K, d]``.
        velocity: ``E[u | x]``, ``[B, d]``.
        variances: Eigenvalues of ``Cov[u | x, k]``, ``[B, K, d]``.
        slopes: Eigenvalues of the Jacobian of ``E[u | x, k]``, ``[B, K, d]``.
        scores: Score of each component, ``[B, K, d]``.
    """

    log_density: Tensor
    shares: Tensor
    means: Tensor
    velocity: Tensor
    variances: Tensor
    slopes: Tensor
    scores: Tensor


def _mixed(shares: Tensor, values: Tensor) -> Tensor:
    return (shares.unsqueeze(-1) * values).sum(1)


def _class_count(labels: Sequence[int] | None, count: int) -> int:
    if labels is None:
        return 0
    found = sorted({*labels})
    classes = len(found)
    if len(labels) != count or found != [*range(classes)]:
        raise ValueError(f"labels: expected {count} labels covering 0, 1, ..., got {[*labels]}")
    return classes


def _log_weights(weights: Sequence[float], count: int) -> Tensor:
    values = torch.tensor(weights, dtype=torch.float64)
    if values.shape != (count,) or not bool(((values > 0) & values.isfinite()).all()):
        raise ValueError(f"weights: expected {count} positive numbers, got {weights}")
    return (values / values.sum()).log()


def _spectra(
    covariances: Sequence[float] | Sequence[Sequence[Sequence[float]]], count: int, size: int
) -> tuple[Tensor, Tensor | None]:
    """Eigenvalues ``[K, d]`` and eigenvectors ``[K, d, d]``; ``None`` where all are isotropic."""
    values = torch.tensor(covariances, dtype=torch.float64)
    if values.shape == (count,):
        eigenvalues, rotations = values.square()[:, None].expand(count, size).clone(), None
        positive = bool((values > 0).all())
    elif values.shape == (count, size, size) and torch.equal(values, values.mT):
        eigenvalues, rotations = torch.linalg.eigh(values)
        positive = bool((eigenvalues > 0).all())
    else:
        raise ValueError(
            f"covariances: expected {count} deviations or symmetric [{count}, {size}, {size}], "
            f"got shape {[*values.shape]}"
        )
    if not positive:
        raise ValueError("covariances: every component must be positive definite")
    return eigenvalues, rotations
