"""The difference between two objects, as a patch that can apply only once."""

from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from countersign.targets.kubernetes.change import difference, field_of, guarded, guarded_inverse

words = st.text(alphabet="abc/~-.", min_size=1, max_size=4)
scalars = st.one_of(st.integers(-3, 3), st.booleans(), words)


@st.composite
def named_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=5))
    return [{"name": name, **draw(st.dictionaries(st.sampled_from(["image", "value"]), scalars))} for name in names]


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.dictionaries(words, inner, min_size=1, max_size=3),
        st.lists(scalars, min_size=1, max_size=3),
        named_lists(),
        st.lists(st.builds(lambda n, v: {"name": n, "env": v}, st.sampled_from("xyz"), named_lists()), max_size=3),
    ),
    max_leaves=12,
)
specs = st.dictionaries(words, values, max_size=4)
metadata = st.fixed_dictionaries({}, optional={"labels": st.dictionaries(words, words, min_size=1, max_size=3)})


def an_object(spec: Any, meta: Any, generation: int = 3) -> dict[str, Any]:
    return {"metadata": {**meta, "uid": "u-1", "generation": generation, "resourceVersion": "9"}, "spec": spec}


objects = st.builds(an_object, specs, metadata)


def at_pointer(value: Any, pointer: str) -> Any:
    for escaped in pointer.split("/")[1:]:
        part = escaped.replace("~1", "/").replace("~0", "~")
        value = dict(enumerate(value)).get(int(part)) if isinstance(value, list) else value.get(part)
    return value


def accepts(patch: list[Any], live: Any) -> bool:
    """What the API server does with the tests of a patch: an absent field passes a test for null."""
    return all(at_pointer(live, op["path"]) == op["value"] for op in patch if op["op"] == "test")


def applied(patch: list[Any], live: Any) -> Any:
    return jsonpatch.apply_patch(live, [op for op in patch if op["op"] != "test"])


@given(objects, objects)
def test_the_patch_makes_the_wanted_object(before: Any, after: Any) -> None:
    patch = guarded(difference(before, after), before)
    assert accepts(patch, before)
    assert applied(patch, before) == after


@given(objects, objects)
def test_the_inverse_restores_the_object(before: Any, after: Any) -> None:
    patch = guarded_inverse(before, after)
    assert accepts(patch, after)
    assert applied(patch, after) == before


@given(objects, objects)
def test_the_fields_tell_before_from_after(before: Any, after: Any) -> None:
    found = difference(before, after)
    assert bool(found.fields) == (before != after)
    for field in found.fields:
        assert field.before != field.after
        assert field_of(before, field.at) == field.before
        assert field_of(after, field.at) == field.after


@given(objects, objects)
def test_no_copy_of_the_patch_applies_after_the_effect(before: Any, after: Any) -> None:
    found = difference(before, after)
    if not found.fields:
        return
    patch = guarded(found, before)
    landed = applied(patch, before)
    if found.outside_metadata:
        landed["metadata"]["generation"] += 1
    assert not accepts(patch, landed)
    # Somebody takes it back by hand: the very same object, a later generation.
    restored = an_object(before["spec"], {k: v for k, v in before["metadata"].items() if k == "labels"}, generation=5)
    if found.outside_metadata:
        assert not accepts(patch, restored)


def test_several_list_items_can_go_at_once() -> None:
    items = [{"name": name} for name in "abcd"]
    before, after = an_object({"env": items}, {}), an_object({"env": [items[1], {"name": "e"}]}, {})
    patch = guarded(difference(before, after), before)
    assert accepts(patch, before)
    assert applied(patch, before) == after


def test_an_object_of_the_same_name_does_not_take_the_patch() -> None:
    before, after = an_object({"replicas": 1}, {}), an_object({"replicas": 2}, {})
    other = an_object({"replicas": 1}, {})
    other["metadata"]["uid"] = "u-2"
    assert not accepts(guarded(difference(before, after), before), other)


def test_only_changed_variables_are_kept() -> None:
    def live(level: str) -> Any:
        env = [{"name": "PASSWORD", "value": "hunter2"}, {"name": "LEVEL", "value": level}]
        return an_object({"containers": [{"name": "api", "env": env}]}, {})

    found = difference(live("info"), live("debug"))
    assert [field.at for field in found.fields] == ["/spec/containers/[name=api]/env/[name=LEVEL]/value"]
    assert "hunter2" not in repr(found)


def test_status_and_bookkeeping_are_not_differences() -> None:
    before = an_object({"replicas": 1}, {})
    after = {**before, "status": {"replicas": 1}, "metadata": {**before["metadata"], "managedFields": [{}]}}
    assert difference(before, after).fields == ()


def test_an_annotation_beside_others_is_one_field() -> None:
    before = an_object({}, {})
    after = an_object({}, {"annotations": {"a/b": "1"}})
    assert [field.at for field in difference(before, after).fields] == ["/metadata/annotations/a~1b"]
