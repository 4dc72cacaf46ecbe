"""Work done ahead: in order, no further ahead than asked, and no more of it once nobody wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from tools.fit.ahead import ahead


def test_results_come_in_order_whatever_is_done_first() -> None:
    second_done = threading.Event()

    def first() -> int:
        assert second_done.wait(10)
        return 1

    def second() -> int:
        second_done.set()
        return 2

    assert list(ahead([first, second], 2)) == [1, 2]


def test_no_more_is_begun_than_threads_can_do_while_a_result_is_used() -> None:
    begun: list[int] = []

    def job(number: int) -> int:
        begun.append(number)
        return number

    jobs: list[Callable[[], int]] = [partial(job, number) for number in range(20)]
    for taken, number in enumerate(ahead(jobs, 3)):
        assert number == taken
        assert max(begun) <= taken + 3


def test_an_error_comes_where_its_result_would_and_ends_the_work() -> None:
    begun: list[int] = []

    def job(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError("number 1")
        return number

    results = ahead([partial(job, number) for number in range(20)], 2)
    assert next(results) == 0
    with pytest.raises(ValueError, match="number 1"):
        next(results)
    assert max(begun) < 5
