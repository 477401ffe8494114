"""The judge: a small CNN trained on images that the flow did not train on."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from sureflow.training.arrays import scaled

FEATURES = 128


class Judge(nn.Module):
    """Classifier of images in [-1, 1], ``[B, 1, 28, 28]`` to logits ``[B, classes]``."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * 9, FEATURES)
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(FEATURES, classes)

    def features(self, images: Tensor) -> Tensor:
        """Activations before the last layer, ``[B, 128]``."""
        h = F.max_pool2d(F.relu(self.conv1(images)), 2)
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)
        h = F.max_pool2d(F.relu(self.conv3(h)), 2)
        return F.relu(self.hidden(h.flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        out: Tensor = self.out(self.dropout(self.features(images)))
        return out

    @torch.inference_mode()
    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predicted labels ``[N]`` and features ``[N, 128]``, in blocks of 500."""
        self.eval()
        features = torch.cat([self.features(block) for block in torch.split(images, 500)])
        return self.out(features).argmax(1), features

    def save(self, path: Path) -> None:
        """Write the weights as safetensors."""
        save_file(self.state_dict(), path, metadata={"classes": str(self.classes)})
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path, classes: int) -> Judge:
        """Read the weights back."""
        judge = cls(classes)
        judge.load_state_dict(load_file(path))
        return judge.eval()


def train_judge(
    images: Tensor,
    labels: Tensor,
    epochs: int = 12,
    seed: int = 0,
    quiet: bool = False,
    device: str | torch.device = "cpu",
    mirrored: bool = True,
) -> Judge:
    """Train a judge on images ``uint8 [N, 1, 28, 28]`` and their classes ``[N]``.

    The flow should not have been trained on the images. They are shifted and, if ``mirrored``,
    mirrored at random; the seed is that of weights, order and augmentation. The judge is returned
    on the CPU, whatever the device that trains it.
    """
    torch.manual_seed(seed)
    judge = Judge(int(labels.max()) + 1).to(device)
    batches = -(-len(images) // 128)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, epochs * batches)
    with tqdm(total=epochs * batches, disable=quiet, unit="batch", desc="judge") as bar:
        for _ in range(epochs):
            for index in torch.split(torch.randperm(len(images)), 128):
                shown = _augmented(scaled(images[index]), mirrored).to(device)
                known = labels[index].to(device)
                loss = F.cross_entropy(judge(shown), known, label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                bar.update()
    return judge.cpu().eval()


def _augmented(images: Tensor, mirrored: bool) -> Tensor:
    """Shift each batch by up to two pixels, and if ``mirrored`` mirror it half of the time."""
    down, right = torch.randint(-2, 3, (2,)).tolist()
    shifted = torch.roll(F.pad(images, (2, 2, 2, 2), value=-1), (down, right), (2, 3))
    inside = shifted[..., 2:-2, 2:-2]
    return inside.flip(-1) if mirrored and torch.rand(()) < 0.5 else inside
