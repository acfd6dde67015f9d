"""The way back by the TTL left in a reply; the numbers are worked out by hand."""

import pytest

from tracer.stats.return_path import ReturnPath, return_paths


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (52, [(64, 13), (128, 77), (255, 204)]),
        (64, [(64, 1), (128, 65), (255, 192)]),
        (65, [(128, 64), (255, 191)]),
        (128, [(128, 1), (255, 128)]),
        (250, [(255, 6)]),
        (255, [(255, 1)]),
        (1, [(64, 64), (128, 128), (255, 255)]),
        (None, []),
    ],
)
def test_every_start_that_is_not_below_what_was_left_is_possible(
    left: int | None, told: list[tuple[int, int]]
) -> None:
    assert list(return_paths(left)) == [ReturnPath(initial, hops) for initial, hops in told]
