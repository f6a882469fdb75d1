"""Who may lift what: whatever is asked for, it takes two people whom the policy lets, and lifts no more."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import ConfigurationError
from countersign.policy.access import Identity, Kind, Scope, may
from countersign.policy.break_glass import Opened, Wanted, lift, why_closed, why_not_both, why_not_wanted
from countersign.policy.break_glass_rule import BreakGlassRule, Lift
from countersign.policy.checks import Check, Question
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.names import identity
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Permission, Role, RoleGrant

AT = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=7)
NAMES = st.sampled_from(["gwen", "hugo", "Gwen", "gwеn", "GWEN ", "ｇｗｅｎ", "eve"])
PLACES = st.sampled_from(["prod", "staging", "hosts", "*"])
SPACES = st.one_of(st.none(), st.sampled_from(["shop", "kube-system", "sh*"]))
OPERATIONS = st.one_of(st.none(), st.sampled_from(["restart", "scale", "drain"]))
PATTERNS = st.sampled_from([("*",), ("prod",), ("stag*",), ("shop",), ("sh*",)])
RISKS = st.sampled_from(RiskLevel)
LIFTS = st.lists(st.sampled_from(Lift), min_size=1, unique=True).map(tuple)
WANTED = st.builds(
    Wanted,
    cluster=PLACES,
    lifts=LIFTS,
    minutes=st.integers(-1, 70),
    namespace=SPACES,
    operation=OPERATIONS,
    up_to=RISKS,
)
RULES = st.builds(
    BreakGlassRule,
    lifts=LIFTS,
    longest_minutes=st.integers(1, 60),
    clusters=PATTERNS,
    namespaces=PATTERNS,
    operations=st.sampled_from([("*",), ("restart", "scale")]),
    up_to=RISKS,
)
GRANTS = st.builds(
    RoleGrant,
    roles=st.lists(st.sampled_from(Role), min_size=1, max_size=3).map(tuple),
    subjects=st.lists(NAMES, min_size=1, max_size=2).map(tuple),
    clusters=PATTERNS,
    namespaces=PATTERNS,
    up_to=RISKS,
)
POLICIES = st.builds(
    lambda rule, roles: Policy(break_glass=rule, roles=tuple(roles)), st.none() | RULES, st.lists(GRANTS, max_size=3)
)
PEOPLE = st.builds(Identity, NAMES, st.sampled_from(Kind))
SCOPES = st.builds(Scope, cluster=st.none() | PLACES, namespace=SPACES, operation=OPERATIONS, risk=st.none() | RISKS)
CHECKS = st.lists(st.builds(Check, st.sampled_from(Question), st.booleans(), st.just("why")), max_size=6)


def opened(wanted: Wanted, first: Identity, second: Identity) -> Opened:
    return Opened(ID, wanted, "a test", first, second, AT)


@given(POLICIES, PEOPLE, WANTED)
def test_nobody_has_a_part_whom_the_policy_does_not_let(policy: Policy, who: Identity, wanted: Wanted) -> None:
    if why_not_wanted(policy, who, wanted) is None:
        rule = policy.break_glass
        assert rule is not None
        assert who.kind is Kind.PERSON and may(policy, who, Permission.BREAK_GLASS, wanted.scope).allowed
        assert set(wanted.lifts) <= set(rule.lifts) and 1 <= wanted.minutes <= rule.longest_minutes
        assert rule.up_to.covers(wanted.up_to)
        if wanted.namespace is None:
            assert "*" in rule.namespaces
        if wanted.operation is None:
            assert "*" in rule.operations


GENEROUS = Policy(
    break_glass=BreakGlassRule(lifts=tuple(Lift), longest_minutes=60),
    roles=(RoleGrant(roles=(Role.BREAK_GLASS,), subjects=("*",)),),
)
REFUSED = st.lists(
    st.sampled_from(Lift).map(lambda each: Check(Question(each.value), False, "why")), min_size=1, max_size=3
)


@st.composite
def near_misses(
    draw: st.DrawFn,
) -> tuple[Policy, Identity, Identity, Wanted, list[Check], Scope, list[str]]:
    """Draw what is lifted, changed in one or two places: mostly one thing is in the way, or nothing."""
    wanted = replace(draw(WANTED), lifts=tuple(Lift), minutes=draw(st.integers(1, 60)))
    case: dict[str, Any] = {
        "policy": GENEROUS,
        "first": Identity("gwen"),
        "second": Identity("hugo"),
        "wanted": wanted,
        "checks": draw(REFUSED),
        "scope": Scope(wanted.cluster, wanted.namespace, wanted.operation, wanted.up_to),
        "makers": [],
    }
    others = {
        "policy": POLICIES,
        "first": PEOPLE,
        "second": PEOPLE,
        "wanted": WANTED,
        "checks": CHECKS,
        "scope": SCOPES,
        "makers": st.lists(st.one_of(NAMES, st.just("hugo"), st.just("HUGO")), max_size=2),
    }
    for name in draw(st.lists(st.sampled_from(sorted(others)), max_size=2, unique=True)):
        case[name] = draw(others[name])
    return (
        case["policy"],
        case["first"],
        case["second"],
        case["wanted"],
        case["checks"],
        case["scope"],
        case["makers"],
    )


@given(near_misses())
def test_what_is_lifted_was_meant_by_two_people_who_may(
    case: tuple[Policy, Identity, Identity, Wanted, list[Check], Scope, list[str]],
) -> None:
    policy, first, second, wanted, checks, scope, makers = case
    answers = lift(policy, checks, [opened(wanted, first, second)], scope, makers=makers)
    assert [each.name for each in answers] == [each.name for each in checks]
    for before, after in zip(checks, answers, strict=True):
        if after == before:
            continue
        assert not before.passed and after.passed and after.lifted_by == ID
        assert Lift(before.name.value) in wanted.lifts
        assert identity(first.name) != identity(second.name)
        for who in (first, second):
            assert why_not_wanted(policy, who, wanted) is None
        assert scope.cluster == wanted.cluster
        assert wanted.namespace in (None, scope.namespace)
        assert wanted.operation in (None, scope.operation)
        assert scope.risk is not None and wanted.up_to.covers(scope.risk)
        assert identity(second.name) not in map(identity, makers)


@given(WANTED, CHECKS, SCOPES)
def test_everything_that_is_no_limit_holds(wanted: Wanted, checks: list[Check], scope: Scope) -> None:
    policy = Policy(
        break_glass=BreakGlassRule(lifts=tuple(Lift), longest_minutes=60),
        roles=(RoleGrant(roles=(Role.BREAK_GLASS,), subjects=("*",)),),
    )
    pair = opened(wanted, Identity("gwen"), Identity("hugo"))
    never = set(Question) - {Question(each.value) for each in Lift}
    assert never == {
        *(Question.KILL_SWITCH, Question.PROTECTED, Question.OPERATION, Question.PLAYBOOK, Question.PREFLIGHT),
    }
    answers = lift(policy, checks, [pair], scope, makers=())
    assert all(after == before for before, after in zip(checks, answers, strict=True) if before.name in never)


@pytest.mark.parametrize("other", ["gwen", "Gwen", "GWEN ", "gwеn", "ｇｗｅｎ", "gw\u200ben"])
def test_a_name_that_looks_like_it_is_the_same_person(other: str) -> None:
    assert why_not_both(Identity("gwen"), Identity(other)) is not None
    assert why_not_both(Identity("gwen"), Identity("hugo")) is None


def test_what_was_opened_is_asked_by_the_policy_of_the_moment() -> None:
    policy = load_policy(
        """
        break_glass: {lifts: [freeze_window], longest_minutes: 15, clusters: [prod*], up_to: high}
        roles:
        - {roles: [break_glass], subjects: [gwen], groups: [on-call], clusters: [prod]}
        """
    )
    wanted = Wanted("prod", (Lift.FREEZE_WINDOW,), 15, up_to=RiskLevel.HIGH)
    by_group = Identity("hugo", groups=frozenset({"on-call"}))
    pair = opened(wanted, Identity("gwen"), by_group)
    assert why_closed(policy, pair) is None
    for changed, said in (
        ({"minutes": 16}, "more than the 15"),
        ({"lifts": (Lift.RATE,)}, "rate cannot be lifted"),
        ({"cluster": "prod-2"}, "no role break_glass here"),
        ({"cluster": "lab"}, "nothing be lifted for lab"),
        ({"up_to": RiskLevel.CRITICAL}, "critical risk is more"),
    ):
        assert said in (why_closed(policy, replace(pair, wanted=replace(wanted, **changed))) or "")
    assert "no role" in (why_closed(policy, replace(pair, confirmed_by=Identity("hugo"))) or "")
    assert "no person" in (why_closed(policy, replace(pair, begun_by=Identity("gwen", Kind.MACHINE))) or "")


@pytest.mark.parametrize(
    "rule",
    [
        "{lifts: []}",
        "{lifts: [kill_switch]}",
        "{lifts: [signatures]}",
        "{lifts: [protected]}",
        "{lifts: [rate], longest_minutes: 61}",
        "{lifts: [rate], longest_minutes: 0}",
        "{lifts: [rate], operations: [nonsense]}",
        "{lifts: [rate], who: [gwen]}",
    ],
)
def test_no_policy_lets_more_be_lifted(rule: str) -> None:
    with pytest.raises(ConfigurationError, match="break_glass"):
        load_policy(f"break_glass: {rule}")


@pytest.mark.parametrize(
    ("scope", "makers"),
    [
        (Scope("lab", "shop", "restart", RiskLevel.LOW), ()),
        (Scope(None, "shop", "restart", RiskLevel.LOW), ()),
        (Scope("prod", "other", "restart", RiskLevel.LOW), ()),
        (Scope("prod", None, "restart", RiskLevel.LOW), ()),
        (Scope("prod", "shop", "scale", RiskLevel.LOW), ()),
        (Scope("prod", "shop", "restart", RiskLevel.CRITICAL), ()),
        (Scope("prod", "shop", "restart", None), ()),
        (Scope("prod", "shop", "restart", RiskLevel.LOW), ("carol", "HUGO")),
    ],
)
def test_one_thing_that_was_not_meant_is_enough(scope: Scope, makers: tuple[str, ...]) -> None:
    wanted = Wanted("prod", tuple(Lift), 10, "shop", "restart", RiskLevel.HIGH)
    pair = opened(wanted, Identity("gwen"), Identity("hugo"))
    frozen = [Check(Question.FREEZE_WINDOW, False, "frozen")]
    meant = Scope("prod", "shop", "restart", RiskLevel.HIGH)
    (lifted,) = lift(GENEROUS, frozen, [pair], meant, makers=("gwen", "carol"))
    assert lifted.passed and lifted.lifted_by == ID
    assert lift(GENEROUS, frozen, [pair], scope, makers=makers) == tuple(frozen)
    if makers:
        alone = GENEROUS.model_copy(update={"four_eyes": False})
        assert lift(alone, frozen, [pair], scope, makers=makers)[0].passed
