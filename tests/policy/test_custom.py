"""Custom resources: what the policy lists may be changed as listed, all else is refused by the setting's name."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import PolicyRefused
from countersign.policy import Policy, RequestFacts, RiskLevel, check_request, enforce
from countersign.policy.custom import CustomResource, leaves

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
POLICY = Policy.model_validate(
    {
        "custom_resources": [
            {
                "group": "argoproj.io",
                "kind": "Rollout",
                "operations": ["label", "patch"],
                "fields": ["spec.paused", "spec.strategy.canary.*", "metadata.annotations"],
            },
            {"group": "cert-manager.io", "kind": "Certificate"},
        ]
    }
)
PATCH = RequestFacts(
    "patch", RiskLevel.MEDIUM, kinds=("rollouts.argoproj.io",), fields=("spec.paused",), namespace="prod"
)


def test_what_is_listed_is_allowed() -> None:
    enforce(check_request(POLICY, PATCH, NOW))
    enforce(check_request(POLICY, replace(PATCH, fields=("spec.strategy.canary.steps",)), NOW))
    enforce(check_request(POLICY, replace(PATCH, fields=("metadata.annotations.a/b", "spec.paused")), NOW))
    enforce(check_request(POLICY, replace(PATCH, operation="label", fields=()), NOW))
    annotate = replace(PATCH, operation="annotate", kinds=("certificate.cert-manager.io",), fields=())
    enforce(check_request(POLICY, annotate, NOW))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            replace(PATCH, kinds=("applications.argoproj.io",)),
            "applications.argoproj.io is not among",
        ),
        (replace(PATCH, kinds=("rollouts.example.com",)), "not among the policy's custom_resources"),
        (replace(PATCH, operation="annotate", fields=()), "annotate of rollouts.argoproj.io .*custom_resources"),
        (
            replace(PATCH, fields=("spec.paused", "spec.template.spec")),
            "the field spec.template.spec",
        ),
        (replace(PATCH, fields=("spec",)), "the field spec of"),
        (replace(PATCH, fields=("spec.pausedX",)), "the field spec.pausedX"),
        (replace(PATCH, fields=("spec.strategy.canary",)), "the field spec.strategy.canary of"),
        (replace(PATCH, kinds=("certificates.cert-manager.io",)), "patch of certificates"),
    ],
)
def test_what_is_not_listed_is_refused_by_the_settings_name(facts: RequestFacts, said: str) -> None:
    with pytest.raises(PolicyRefused, match=said):
        enforce(check_request(POLICY, facts, NOW))


def test_nothing_is_listed_unless_somebody_did() -> None:
    with pytest.raises(PolicyRefused, match="custom_resources"):
        enforce(check_request(Policy(), PATCH, NOW))


VALUES = st.recursive(
    st.none() | st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_every_change_of_a_patch_is_one_of_its_leaves(patch: dict[str, object]) -> None:
    found = set(leaves(patch))
    for path in found:
        value: object = patch
        for key in path.split("."):
            assert isinstance(value, dict)
            value = value[key]
        assert not isinstance(value, dict) or not value
    assert bool(found) == bool(patch), json.dumps(patch)


def test_a_plural_that_is_no_plain_s_is_said() -> None:
    entry = CustomResource(group="example.com", kind="Proxy", plural="proxies")
    assert entry.means("proxies.example.com")
    assert entry.means("proxy.example.com")
    assert not entry.means("proxys.example.com")
    assert not entry.means("proxies.example.org")
