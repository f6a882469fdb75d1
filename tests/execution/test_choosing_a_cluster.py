"""Which cluster a request is about: from what names one, the default and what is known, to one or a refusal."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from countersign.errors import ConfigurationError, InvalidInput
from countersign.execution.clusters import Clusters, choose_cluster, clusters_of
from countersign.targets.kubernetes.kubeconfig import ClusterSettings

NAMES = st.sampled_from(["prod", "staging", "eu", "prd"])
KNOWN = st.frozensets(NAMES)
MAYBE = st.none() | NAMES
# A busy machine is no finding.
unhurried = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(MAYBE, MAYBE, MAYBE, KNOWN)
def test_what_is_named_is_meant_or_refused_and_the_default_only_where_nothing_is(
    in_action: str | None, asked: str | None, default: str | None, known: frozenset[str]
) -> None:
    try:
        chosen = choose_cluster(in_action=in_action, asked=asked, default=default, known=known)
    except InvalidInput as refusal:
        differ = None not in (in_action, asked) and in_action != asked
        assert differ or (in_action or asked) not in known
        # Every refusal names what would work.
        assert refusal.hint
        assert differ or not known or all(name in refusal.hint for name in known)
        return
    named = {name for name in (in_action, asked) if name is not None}
    if named:
        assert named == {chosen}
        assert chosen in known
    else:
        assert chosen == default


@unhurried
@given(MAYBE, MAYBE, KNOWN)
def test_the_default_never_decides_about_a_named_one(
    in_action: str | None, asked: str | None, known: frozenset[str]
) -> None:
    def choice(default: str | None) -> str | None:
        try:
            return choose_cluster(in_action=in_action, asked=asked, default=default, known=known)
        except InvalidInput as refusal:
            return f"refused: {refusal.message}"

    if (in_action, asked) != (None, None):
        assert len({choice(default) for default in (None, "prod", "staging")}) == 1


def test_a_near_name_is_offered_and_not_taken() -> None:
    with pytest.raises(InvalidInput) as refusal:
        choose_cluster(in_action="prd", asked=None, default="prod", known=["prod", "staging"])
    assert refusal.value.hint == "did you mean prod? known clusters: prod, staging"


def settings(name: str) -> ClusterSettings:
    return ClusterSettings(name, server="https://127.0.0.1:1", token=SecretStr("t"))


@unhurried
@given(st.dictionaries(st.sampled_from("abcd"), NAMES), st.none() | st.sampled_from("abcd"))
def test_no_cluster_is_taken_for_another_one(names: dict[str, str], chosen: str | None) -> None:
    """Blocks a to d call their clusters by any names: one name is one cluster, or nobody's."""
    clusters = clusters_of({block: settings(name) for block, name in names.items()}, names, chosen=chosen)
    assert set(clusters.names) == set(names.values())
    for name in clusters.names:
        if list(names.values()).count(name) == 1:
            assert clusters.named(name).name == name
        else:
            with pytest.raises(ConfigurationError, match="both call their cluster"):
                clusters.named(name)
    if chosen in names:
        assert clusters.default == names[chosen]
    elif chosen is not None and names:
        with pytest.raises(ConfigurationError, match=f"block '{chosen}' does not exist"):
            clusters.the_default()
    elif len(names) == 1:
        assert clusters.the_default().name in names.values()
    else:
        with pytest.raises(ConfigurationError):
            clusters.the_default()


def test_the_block_called_default_is_the_default_one_until_another_is_chosen() -> None:
    names = {"default": "sandbox", "prod": "production"}
    blocks = {block: settings(name) for block, name in names.items()}
    assert clusters_of(blocks, names, chosen=None).default == "sandbox"
    assert clusters_of(blocks, names, chosen="prod").default == "production"


def test_an_approval_that_names_no_cluster_means_the_only_one_and_none_of_several() -> None:
    one = clusters_of({"a": settings("prod")}, {"a": "prod"}, chosen=None)
    assert one.signed({}).name == "prod"
    two = Clusters({"prod": settings("prod"), "staging": settings("staging")}, default="prod")
    assert two.signed({"cluster": "staging"}).name == "staging"
    with pytest.raises(ConfigurationError, match="names no cluster"):
        two.signed({})
    with pytest.raises(ConfigurationError, match="signed for the cluster 'eu', which does not exist"):
        two.signed({"cluster": "eu"})
