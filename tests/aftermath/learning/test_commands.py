"""An action becomes a template with variables, and the template becomes the action again."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.actions import canonical, read_action
from countersign.actions.commands import fill, holes, template_of
from countersign.actions.operation import KubernetesOperation, Operation
from countersign.actions.rendering import normal_form, render
from countersign.errors import InvalidInput
from tests.aftermath.learning.operations import any_operation


@given(any_operation())
@settings(max_examples=100, deadline=None)
def test_rendering_gives_the_action_back_exactly(operation: Operation) -> None:
    template = template_of(operation)
    action = fill(template.text, template.variables)
    assert read_action(action) == operation
    if isinstance(operation, KubernetesOperation):
        assert action == canonical(operation)


@given(any_operation())
@settings(max_examples=60, deadline=None)
def test_a_template_is_its_own_normal_form(operation: Operation) -> None:
    text = template_of(operation).text
    assert normal_form(text) == text


@given(any_operation())
@settings(max_examples=100, deadline=None)
def test_a_template_renders_with_the_variables_that_were_taken_out(operation: Operation) -> None:
    template = template_of(operation)
    assert render([template.text], template.variables) == (fill(template.text, template.variables),)


@given(any_operation(), st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_value_changes_nothing_but_its_place(operation: Operation, value: str) -> None:
    template = template_of(operation)
    for name in template.variables:
        variables = {**template.variables, name: value}
        try:
            (action,) = render([template.text], variables)
        except InvalidInput:
            continue
        assert template_of(read_action(action)).text == template.text


@pytest.mark.parametrize(
    ("action", "template"),
    [
        (
            "kubectl -n prod rollout restart deploy api",
            "kubectl rollout restart deployment/{{name}} -n {{namespace}}",
        ),
        (
            "kubectl scale deploy/api --replicas=5 -n prod",
            "kubectl scale deployment/{{name}} --replicas=5 -n {{namespace}}",
        ),
        (
            "kubectl set image deploy/api web=shop/web:2 -n prod",
            "kubectl set image deployment/{{name}} {{container}}={{image}} -n {{namespace}}",
        ),
        ("kubectl cordon node-1", "kubectl cordon {{name}}"),
        (
            "ssh deploy@web-1 -p 2222 'sudo systemctl restart nginx'",
            "ssh deploy@{{host}} -p 2222 'systemctl restart {{name}}'",
        ),
        (
            "kubectl set env deploy/api 'MOTTO={{name}} & more' -n prod",
            "kubectl set env deployment/{{name}} 'MOTTO={{braces}}name}} & more' -n {{namespace}}",
        ),
    ],
)
def test_what_an_action_becomes(action: str, template: str) -> None:
    operation = read_action(action)
    assert not isinstance(operation, str)
    found = template_of(operation)
    assert found.text == template
    assert read_action(fill(found.text, found.variables)) == operation


@pytest.mark.parametrize(
    "written",
    [
        "kubectl -n {{ns}} rollout restart deploy {{app}}",
        "kubectl rollout restart deployments/{{name}} --namespace={{namespace}}",
    ],
)
def test_another_spelling_of_a_template_is_the_same_template(written: str) -> None:
    assert normal_form(written) == "kubectl rollout restart deployment/{{name}} -n {{namespace}}"


def test_what_a_person_fixed_stays_fixed() -> None:
    assert normal_form("kubectl rollout restart deploy/api -n {{ns}}") == (
        "kubectl rollout restart deployment/api -n {{namespace}}"
    )


@pytest.mark.parametrize(
    "name", ["--all", "api deployment/web", "api -n kube-system", "api;reboot", "$(reboot)", "api/web", "-l app=x"]
)
@pytest.mark.parametrize(
    "template", ["kubectl rollout restart deployment/{{name}} -n shop", "kubectl cordon {{name}}"]
)
def test_a_value_that_brings_more_along_is_refused(template: str, name: str) -> None:
    with pytest.raises(InvalidInput):
        render([template], {"name": name})


@pytest.mark.parametrize(
    ("template", "variables"),
    [
        ("kubectl drain {{name}} {{name_2}}", {"name": "node-1", "name_2": "--force"}),
        ("ssh {{host}} 'systemctl restart {{name}}'", {"host": "root@web-1", "name": "nginx.service"}),
        ("ssh {{host}} 'docker restart {{name}}'", {"host": "ssh://web-1:2222", "name": "web"}),
    ],
)
def test_a_value_that_reads_as_more_than_its_place_is_refused(template: str, variables: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        render([template], variables)


def test_a_missing_and_an_unknown_variable_are_named() -> None:
    template = ["kubectl cordon {{name}}"]
    with pytest.raises(InvalidInput, match=r"^name: no value"):
        render(template, {})
    with pytest.raises(InvalidInput, match=r"^nmae: the playbook has no such variable"):
        render(template, {"name": "n1", "nmae": "n2"})


def test_holes_are_listed_once_in_their_order() -> None:
    assert holes("a {{b}} {{a}} {{b}} {{braces}}c}}") == ("b", "a")
    assert shlex.split("a {{b}}") == ["a", "{{b}}"]
