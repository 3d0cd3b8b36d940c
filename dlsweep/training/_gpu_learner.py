"""A stack on a GPU, with as little as can be left to the host."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split
from dlsweep.training._apart import Apart
from dlsweep.training._cpu_learner import CpuLearner
from dlsweep.training._evaluation import EVALUATION_BYTES, Answers
from dlsweep.training._gpu import COMPILED, PLAIN, CompiledStep, Stacked, exact, way
from dlsweep.training._gpu_programs import (
    Pattern,
    example_widths,
    gradient_program,
    update_program,
)
from dlsweep.training._graphs import Epochs
from dlsweep.training._initial import build_in
from dlsweep.training._layout import Layout, can_be_deepened, ordered_parameters
from dlsweep.training._learner import Recalled
from dlsweep.training._member import Member
from dlsweep.training._optimizers import Optimizer
from dlsweep.training._torch import TorchLearner

_ANSWER_BYTES = 256 * 2**20
"""Of the probabilities that are brought to the host at once."""


def torch_learner(
    configs: Sequence[RunConfig], data: Dataset, compile_for: Layout | None
) -> CpuLearner | GpuLearner:
    """The learner for the device that the data is on."""
    on_cpu = data.train.images.device.type == "cpu"
    return (CpuLearner if on_cpu else GpuLearner)(configs, data, compile_for)


class GpuLearner(TorchLearner):
    """See ``TorchLearner``: what it trains is the same.

    Stacks are trained one after the other. Where they are too small to fill the device, several
    could be trained at once: each has its own ``Epochs``, whose graphs may be replayed on a stream
    of its own, and nothing waits for the device before an epoch's means are asked for.

    Args:
        configs: the members' configurations.
        data: on the GPU.
        compile_for: the layout to compile programs for, which takes seconds; None to train
            without compiling, in the smallest layout that serves these members.
    """

    optimizer: Optimizer
    _epochs: Epochs | None = None
    _compiled_step: CompiledStep | None = None

    def __init__(
        self, configs: Sequence[RunConfig], data: Dataset, compile_for: Layout | None = None
    ) -> None:
        # Torch cannot trace batch norm with symbols for sizes. Convolutions have fixed shapes, and
        # there the time is in the arithmetic.
        self._can_be_compiled = (
            compile_for is not None
            and configs[0].model == "feedforward"
            and not configs[0].batch_norm
            and example_widths(configs[0].hidden_sizes) is not None
        )
        super().__init__(configs, data, compile_for or Layout.of(configs))

    def _begin(self, model: nn.Module) -> None:
        self._member = Member(model, self._layout.losses, self.data.image_shape)
        self.optimizer = Optimizer(self.configs, self.theta)

    def _prepare(self) -> None:
        super()._prepare()
        # Leaves of autograd that are views of theta: an update of theta is an update of them. Kept
        # from step to step, as is the gradient, for which memory is then never asked again.
        self._stacked = parameters = self._columns.views(self.theta)
        self._leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
        self._gradient = torch.empty_like(self.theta)
        self._apart = None
        if len(self.configs) == 1:
            self._apart = Apart([self._member], parameters, self.buffers, self._chosen_loss)
        # Identity layers are updated, and put back: few operations count, not few numbers.
        own = [model.parameters for model in self._alone]
        self._fixed = self._columns.not_owned(own, self.theta)
        self._expected: list[int] = []
        self._recalled: dict[str, dict[int, Recalled]] = {}
        self._compiled_step = None
        if self._can_be_compiled and way() == COMPILED:
            self._compiled_step = self._programs()
        self._epochs = Epochs(
            self._step_in_place,
            self.data.train,
            self.configs[0].batch_size,
            len(self.configs),
            capture=self.device.type == "cuda" and way() != PLAIN,
        )

    def _programs(self) -> CompiledStep | None:
        """The step as compiled programs; None where something cannot be compiled."""
        on = self.theta.dtype, self.device
        segments = self.optimizer.segments
        with exact(self.device):
            gradient = gradient_program(self._program_key(), self._pattern, *on)
            updates = [update_program(segment.rule, *on) for segment in segments]
        if gradient is None or None in updates:
            return None
        own = [[name in model.parameters for name in self._columns.shapes] for model in self._alone]
        sizes = torch.tensor(self._columns.sizes)
        stack = Stacked(
            theta=self.theta,
            parameters=list(self._stacked.values()),
            chosen=self._chosen_loss,
            own=torch.tensor(own, device=self.device),
            belongs=torch.repeat_interleave(torch.arange(len(sizes)), sizes).to(self.device),
        )
        return CompiledStep(
            stack,
            self.buffers,
            self._member.changing,
            segments,
            self.optimizer.slots,
            gradient,
            [update for update in updates if update is not None],
        )

    def _program_key(self) -> Hashable:
        """Equal for stacks whose steps are one program, whatever their widths."""
        config = self.configs[0]
        return (
            self._layout,
            tuple(self._columns.shapes),
            None if can_be_deepened(config) else example_widths(config.hidden_sizes),
            self.data.image_shape,
            self.data.num_classes,
            config.dropout_at if config.dropout > 0 else None,
            len(set(self._seeds)) > 1,
        )

    def _pattern(self) -> Pattern:
        """A model with these layers, but with widths to trace a program with."""
        config = self.configs[0]
        widths = example_widths(config.hidden_sizes)
        assert widths is not None
        model = build_in(self._layout, dataclasses.replace(config, hidden_size=widths), self.data)
        return Pattern(
            Member(model, self._layout.losses, self.data.image_shape),
            {name: p.shape for name, p in ordered_parameters(model).items()},
            dict(model.named_buffers()),
            self.data.image_shape,
            own_batches=len(set(self._seeds)) > 1,
        )

    def _step(
        self, images: Tensor, labels: Tensor, factors: Sequence[Sequence[Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """One step of every member: (K,) losses and numbers of right answers.

        The members share nothing, so the gradient of the sum of their losses is the gradient of
        each one's own. Images are (B, C, H, W), or (K, B, C, H, W) where orders differ.
        """
        if self._apart is not None:
            losses, right, gradients = self._apart.step(images, labels)
            parts = [gradient.view(1, -1) for gradient in gradients[0]]
        else:
            own = 0 if labels.dim() == 2 else None
            losses, (right, state) = vmap(self._member.train, (0, 0, own, own, 0))(
                self._leaves, self.buffers, images, labels, self._chosen_loss
            )
            found = torch.autograd.grad(losses.sum(), list(self._leaves.values()))
            for name, value in state.items():  # in place: what trains a member apart has views
                self.buffers[name].copy_(value)
            parts = [gradient.reshape(len(self.configs), -1) for gradient in found]
        with torch.no_grad():
            torch.cat(parts, 1, out=self._gradient)
            self.optimizer.step(self._gradient, factors)
        for columns, rows, values in self._fixed:
            columns.index_copy_(0, rows, values)
        return losses.detach(), right

    def _step_in_place(
        self, images: Tensor, labels: Tensor, factors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """A step that leaves everything where it is."""
        if self._compiled_step is not None and labels.shape[-1] > 1:
            return self._compiled_step(images, labels, factors)
        return self._step(images, labels, [f.unbind(0) for f in factors])

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``. Nothing comes from the device until the epoch ends."""
        count, config = len(self.data.train), self.configs[0]
        steps = math.ceil(count / config.batch_size)
        if config.batch_norm and count % config.batch_size == 1 and steps > 1:
            steps -= 1  # statistics of one image do not exist
        tables = self.optimizer.begin_epoch(learning_rates, steps, self.theta)
        self._recalled.clear()
        assert self._epochs is not None
        with exact(self.device):
            means = torch.stack(self._epochs.run(self._orders(epoch, count), tables, steps))
        loss, accuracy = means.cpu().numpy()
        return loss, accuracy

    @torch.no_grad()
    def _answers(
        self, split: Split, theta: Tensor, buffers: dict[str, Tensor], rows: Sequence[int]
    ) -> Iterator[tuple[Split, Answers]]:
        """Parts of a split, with losses (rows, n) and logits (rows, n, classes) of members."""
        if len(rows) < len(theta):
            index = torch.tensor(list(rows), device=self.device)
            theta = theta.index_select(0, index)
            buffers = {name: b.index_select(0, index) for name, b in buffers.items()}
            chosen = self._chosen_loss.index_select(0, index)
        else:
            chosen = self._chosen_loss
        parameters, over = (
            self._columns.views(theta),
            vmap(self._member.evaluate, (0, 0, None, None, 0)),
        )
        image = self._width * theta.element_size() * len(rows)
        size = max(1, min(len(split), EVALUATION_BYTES["cuda"] // image))
        with exact(self.device):
            for i in range(0, len(split), size):
                part = Split(split.images[i : i + size], split.labels[i : i + size])
                yield part, over(parameters, buffers, part.images, part.labels, chosen)

    def validate(self) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``. Of each part, sums only are kept."""
        split, members = self.data.val, range(len(self.configs))
        loss = torch.zeros(len(members), dtype=torch.float64, device=self.device)
        right = torch.zeros_like(loss)
        for part, (losses, logits) in self._answers(split, self.theta, self.buffers, members):
            loss += losses.double().sum(1)
            right += (logits.argmax(2) == part.labels).sum(1)
        means = (torch.stack([loss, right]) / len(split)).cpu().numpy()
        return means[0], means[1]

    def remember(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        self._recalled.clear()
        super().remember(rows)

    def expect(self, rows: Sequence[int]) -> None:
        """See ``Learner``. They are evaluated together, as many as there is room for."""
        self._expected = list(rows)

    def recall(self, row: int, split: str) -> Recalled:
        """See ``Learner``."""
        known = self._recalled.setdefault(split, {})
        if row not in known:
            known.clear()
            images = len(getattr(self.data, split))
            most = max(1, _ANSWER_BYTES // (images * self.data.num_classes * 4))
            at = self._expected.index(row) if row in self._expected else None
            rows = [row] if at is None else self._expected[at : at + most]
            known.update(zip(rows, self._recall(rows, split), strict=True))
        return known.pop(row)

    def _recall(self, rows: Sequence[int], name: str) -> list[Recalled]:
        split: Split = getattr(self.data, name)
        loss = torch.zeros(len(rows), dtype=torch.float64, device=self.device)
        classes, shares = [], []
        for _, (losses, logits) in self._answers(split, self.best, self.best_buffers, rows):
            loss += losses.double().sum(1)
            classes.append(logits.argmax(2).cpu())
            shares.append(torch.softmax(logits, 2).float().cpu())
        means = (loss / len(split)).tolist()
        predictions, probabilities = torch.cat(classes, 1).numpy(), torch.cat(shares, 1).numpy()
        return list(map(Recalled, means, predictions, probabilities))

    def best_weights(self, row: int) -> dict[str, np.ndarray]:
        """See ``Learner``. All parameters come from the device in one piece."""
        best = self._columns.views(self.best[row : row + 1].clone().cpu())
        weights = {name: best[name][0].numpy() for name in self._alone[row].parameters}
        for name in self._persistent:
            weights[name] = self.best_buffers[name][row].clone().cpu().numpy()
        return weights

    def keep(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        # What hangs on the old matrices goes before the new ones come.
        self._epochs = self._compiled_step = None
        self._stacked, self._leaves, self._fixed = {}, {}, []
        self._gradient = self._gradient.new_empty(0)
        super().keep(rows)
