"""The choice of the device."""

import pytest
import torch

from cs285.errors import InvalidInput
from cs285.infrastructure.pytorch_utils import choose_device


def test_the_gpu_is_chosen_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device(no_gpu=True, which_gpu=0) == torch.device("cpu")
    assert choose_device(no_gpu=False, which_gpu=1) == torch.device("cuda", 1)
    with pytest.raises(InvalidInput, match="--which_gpu is 2; this machine has 2"):
        choose_device(no_gpu=False, which_gpu=2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(no_gpu=False, which_gpu=2) == torch.device("cpu")
