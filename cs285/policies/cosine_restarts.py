"""The schedule of the learning rate."""

from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts


class CosineRestarts(CosineAnnealingWarmRestarts):
    """Cosine annealing with warm restarts (Loshchilov and Hutter 2017) that keeps a learning rate set by hand.

    torch's own class computes each learning rate from the initial one, so that a change of
    ``optimizer.param_groups[0]["lr"]`` would last one step. Here such a change scales all later learning rates by the
    same factor.
    """

    def step(self, epoch: float | None = None) -> None:
        """See `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.step`."""
        if epoch is None and self.last_epoch >= 0:
            for n, group in enumerate(self.optimizer.param_groups):
                last = self._last_lr[n]
                if group["lr"] != last:
                    self.base_lrs[n] = self.base_lrs[n] * group["lr"] / last if last else group["lr"]
        super().step(epoch)
