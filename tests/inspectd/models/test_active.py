from __future__ import annotations

import pytest

from inspectd.errors import ModelRefusedError
from inspectd.models.active import KEPT_BEFORE, Active, Judging, activated


def through(*bundles: str) -> Active:
    active = None
    for bundle in bundles:
        active = activated(active, bundle)
    assert active is not None
    return active


def test_a_rollback_goes_back_one_bundle_at_a_time() -> None:
    active = through("a", "b", "c")
    assert active.previous_bundle == "b"
    back = active.rolled_back().rolled_back()
    assert back.judging.bundle == "a"
    with pytest.raises(ModelRefusedError, match="no bundle judged before a"):
        back.rolled_back()


def test_a_bundle_comes_back_with_the_threshold_that_it_had() -> None:
    active = activated(through("a").threshold_moved(3.0).threshold_moved(4.0), "b")
    assert active.judging == Judging(bundle="b")
    back = active.rolled_back()
    assert back.judging.threshold == 4.0
    assert back.threshold_put_back().judging.threshold == 3.0
    assert back.threshold_put_back().threshold_put_back().judging.threshold is None


def test_what_changes_nothing_is_refused() -> None:
    active = through("a").threshold_moved(3.0)
    with pytest.raises(ModelRefusedError, match="a is active already"):
        activated(active, "a")
    with pytest.raises(ModelRefusedError, match="is 3 already"):
        active.threshold_moved(3.0)
    with pytest.raises(ModelRefusedError, match="nothing to undo"):
        active.threshold_put_back().threshold_put_back()


def test_the_active_bundle_and_the_one_before_are_kept() -> None:
    active = through("a", "b", "c")
    for kept in ("b", "c"):
        with pytest.raises(ModelRefusedError, match=kept):
            active.without(kept)
    left = active.without("a")
    assert left.rolled_back().previous_bundle is None


def test_a_deleted_bundle_leaves_no_step_that_goes_nowhere() -> None:
    left = through("a", "b", "a", "c").without("b")
    assert [judging.bundle for judging in left.previous] == ["a"]


def test_the_way_back_is_bounded_and_moved_thresholds_do_not_shorten_it() -> None:
    active = through("a", "b")
    for step in range(100):
        active = active.threshold_moved(1.0 + step)
    assert len(active.judging.before) == KEPT_BEFORE
    assert active.previous_bundle == "a"
    for step in range(100):
        active = activated(active, f"c{step}")
    assert len(active.previous) == KEPT_BEFORE
    assert len(active.model_dump_json()) < 20_000
