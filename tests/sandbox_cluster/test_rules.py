"""Pure rules of the sandbox: patches, quantities, rolling updates, selectors."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.cluster.controllers.rollout import bounds, grown, shrunk
from sandbox.cluster.patches.merge import merge_patch
from sandbox.cluster.patches.strategic import strategic_patch
from sandbox.cluster.quantities import canonical, quantity
from sandbox.cluster.selectors import label_selector, matches, selector_text

keys = st.sampled_from(["a", "b", "c"])
values = st.recursive(
    st.none() | st.integers(0, 3) | st.text("xy", max_size=2),
    lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=3)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["app", "proxy", "init"]), "image": st.sampled_from(["a:1", "b:1"])}
    ),
    unique_by=lambda each: each["name"],
    max_size=3,
)


@given(objects, objects)
def test_merging_twice_is_merging_once(found: Any, patch: Any) -> None:
    once = merge_patch(found, patch)
    assert merge_patch(once, patch) == once


@given(containers, containers)
def test_a_strategic_patch_changes_only_what_it_names_and_repeats_harmlessly(found: Any, patch: Any) -> None:
    once = strategic_patch("V1PodSpec", {"containers": found}, {"containers": patch})
    assert strategic_patch("V1PodSpec", once, {"containers": patch}) == once
    images = {each["name"]: each["image"] for each in once["containers"]}
    wanted = {each["name"]: each["image"] for each in found} | {each["name"]: each["image"] for each in patch}
    assert images == wanted


@given(containers)
def test_a_strategic_patch_deletes_by_name(found: Any) -> None:
    patch = {"containers": [{"name": "app", "$patch": "delete"}]}
    left = strategic_patch("V1PodSpec", {"containers": found}, patch)["containers"]
    assert left == [each for each in found if each["name"] != "app"]


def test_set_element_order_sorts_and_keeps_what_it_does_not_name() -> None:
    found = {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
    patch = {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": []}
    assert [each["name"] for each in strategic_patch("V1PodSpec", found, patch)["containers"]] == ["b", "c", "a"]


@given(st.integers(0, 10**15), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi", "u"]))
def test_a_canonical_quantity_is_the_same_amount_and_stays_as_it_is(number: int, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert quantity(canonical(text)) == quantity(text)
    assert canonical(canonical(text)) == canonical(text)


@given(
    st.integers(0, 12),
    st.integers(0, 12),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=3),
    st.sampled_from(["0%", "25%", "50%", 1, 2]),
    st.sampled_from(["0%", "25%", "50%", 1, 2]),
)
def test_a_rolling_update_stays_within_its_bounds(
    wanted: int, new: int, old: list[tuple[int, int]], surge: Any, unavailable: Any
) -> None:
    old = [(max(pair), min(pair)) for pair in old]
    limits = bounds({"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}, wanted)
    total = new + sum(size for size, _ in old)
    size = grown(wanted=wanted, new=new, total=total, surge=limits.surge)
    assert size <= max(wanted, new)
    assert size <= new or total - new + size <= wanted + limits.surge
    sizes = shrunk(old, wanted=wanted, new_size=new, new_available=new, unavailable=limits.unavailable)
    assert all(0 <= smaller <= before for smaller, (before, _) in zip(sizes, old, strict=True))
    available = sum(min(smaller, ready) for smaller, (_, ready) in zip(sizes, old, strict=True)) + new
    least = wanted - limits.unavailable
    assert available >= min(least, sum(ready for _, ready in old) + new)


@given(st.dictionaries(keys, keys, max_size=3), st.dictionaries(keys, keys, max_size=3))
def test_a_selector_as_text_selects_the_same(wanted: dict[str, str], labels: dict[str, str]) -> None:
    selector = {"matchLabels": wanted}
    assert label_selector(selector_text(selector))({"metadata": {"labels": labels}}) is matches(selector, labels)
