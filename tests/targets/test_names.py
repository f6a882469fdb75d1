"""Which object a name surely means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.targets.kubernetes.names import matching, nearest

names = st.from_regex(r"[a-z]([-a-z0-9]{0,12}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("written", "kind", "existing", "found"),
    [
        ("API", "Deployment", ["api"], ("api",)),
        ("user_api", "Deployment", ["user-api"], ("user-api",)),
        ("api-service", "Deployment", ["api"], ("api",)),
        ("api-svc", "StatefulSet", ["api"], ("api",)),
        ("api-deployment", "Deployment", ["api"], ("api",)),
        ("api-7d9f8b6c5d-x2x4z", "Deployment", ["api"], ("api",)),
        ("api-7d9f8b6c5d", "Deployment", ["api"], ("api",)),
        ("api-7d9f8b6c5d-x2x4z", "ReplicaSet", ["api-7d9f8b6c5d"], ("api-7d9f8b6c5d",)),
        ("db-0", "StatefulSet", ["db"], ("db",)),
        ("agent-x2x4z", "DaemonSet", ["agent"], ("agent",)),
        # Not certain, so not a match.
        ("apis", "Deployment", ["api"], ()),
        ("api", "Deployment", ["api-service"], ()),
        ("api-v1", "Deployment", ["api"], ()),
        ("api-aeiou", "DaemonSet", ["api"], ()),
        ("api-7d9f8b6c5d-x2x4z", "Pod", ["api-7d9f8b6c5d-aaaaa", "api"], ()),
        ("db-0", "Deployment", ["db"], ()),
        ("node-svc", "Node", ["node"], ()),
        ("API-svc", "Deployment", ["api", "api-svc"], ("api", "api-svc")),
    ],
)
def test_a_name_means_what_its_decoration_leaves(
    written: str, kind: str, existing: list[str], found: tuple[str, ...]
) -> None:
    assert matching(written, kind, existing) == found


@given(names, st.lists(names, max_size=6), st.sampled_from(["Deployment", "Pod", "Node", "StatefulSet"]))
def test_a_match_exists_and_an_existing_name_is_among_its_matches(name: str, existing: list[str], kind: str) -> None:
    assert set(matching(name, kind, existing)) <= set(existing)
    assert name in matching(name.upper(), kind, [*existing, name])


def test_the_nearest_names_come_first() -> None:
    assert nearest("paymnet-api", ["web", "payment-api", "payment-worker"])[0] == "payment-api"


def test_a_lost_pods_siblings_are_named() -> None:
    siblings = ("api-7d9f8b6c5d-bbbbb", "api-7d9f8b6c5d-ccccc")
    assert set(nearest("api-7d9f8b6c5d-x2x4z", [*siblings, "web-1"])) == set(siblings)
