"""The perceptron in numpy: single observations, batches, images and the course's leaky rectifier."""

from __future__ import annotations

import numpy as np
import pytest

from cs285.policies.numpy_policy import NumpyPolicy


@pytest.mark.parametrize("ob_shape", [(12,), (2, 3, 2)])
@pytest.mark.parametrize("discrete", [False, True])
def test_a_single_observation_gives_the_action_it_has_in_a_batch(discrete: bool, ob_shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((12, 16), (16, 4))]
    biases = [rng.normal(size=size).astype(np.float32) for size in (16, 4)]
    standardizer = (np.full(12, 100, np.float32), np.full(12, 50, np.float32))
    policy = NumpyPolicy(weights, biases, "relu", discrete, standardizer, ob_shape)
    images = rng.integers(0, 256, (20, *ob_shape), dtype=np.uint8)
    batch = policy.get_action(images)
    assert batch.shape == ((20,) if discrete else (20, 4))
    for image, action in zip(images, batch, strict=True):
        single = policy.get_action(image)
        assert single.shape == action.shape
        np.testing.assert_allclose(single, action, rtol=1e-5, atol=1e-5)
    hidden = np.maximum((images.reshape(20, 12) / 50.0 - 2) @ weights[0] + biases[0], 0)
    outputs = hidden @ weights[1] + biases[1]
    np.testing.assert_allclose(batch, outputs.argmax(axis=1) if discrete else outputs, rtol=1e-4, atol=1e-4)


def test_the_leaky_rectifier_of_the_courses_files() -> None:
    policy = NumpyPolicy([np.eye(2), np.eye(2)], [np.zeros(2), np.zeros(2)], "lrelu", discrete=False)
    np.testing.assert_allclose(policy.get_action(np.array([2.0, -3.0])), [2.0, -0.03])
