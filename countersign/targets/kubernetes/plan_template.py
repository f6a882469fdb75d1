"""Pure: what restart, pause, resume, set image, set env and set resources make of an object.

Each function takes the live object and returns the wanted one; the rules are kubectl's (rollout restart,
set image, set env, set resources), named where they surprise.
"""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

from countersign.actions.operation import SetEnvParameters, SetImageParameters, SetResourcesParameters
from countersign.errors import PreflightRefused
from countersign.targets.kubernetes.template import containers_of, matching_containers, template_of

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"

Live = Mapping[str, Any]


def restarted(live: Live, kind: str, *, at: datetime) -> Any:
    """Set the annotation that rolls the pods. Microseconds keep two restarts of one second apart."""
    wanted = deepcopy(dict(live))
    metadata = template_of(wanted, kind).setdefault("metadata", {})
    annotations = metadata.get("annotations") or {}
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata["annotations"] = {**annotations, RESTARTED_AT: stamp}
    return wanted


def paused(live: Live) -> Any:
    """Stop a Deployment's rollouts."""
    wanted = deepcopy(dict(live))
    wanted["spec"]["paused"] = True
    return wanted


def resumed(live: Live) -> Any:
    """Let a Deployment roll out again. The API omits `paused: false`, so it goes."""
    wanted = deepcopy(dict(live))
    wanted["spec"].pop("paused", None)
    return wanted


def with_images(live: Live, kind: str, parameters: SetImageParameters, *, of: str) -> Any:
    """Set containers' images. An unknown container is refused: a strategic patch would add it."""
    wanted = deepcopy(dict(live))
    template = template_of(wanted, kind)
    for name, image in parameters.images:
        found = list(containers_of(template)) if name == "*" else matching_containers(template, name, of=of)
        for container in found:
            container["image"] = image
    return wanted


def with_env(live: Live, kind: str, parameters: SetEnvParameters, *, of: str) -> Any:
    """Set and remove environment variables, in kubectl's order: changed ones keep their place, new ones follow."""
    wanted = deepcopy(dict(live))
    for container in matching_containers(template_of(wanted, kind), parameters.containers, of=of):
        existing = container.get("env") or []
        if not parameters.overwrite:
            present = {item["name"] for item in existing}
            for name, _ in parameters.set:
                if name in present:
                    raise PreflightRefused(
                        f"{of}: {name} already has a value in container {container['name']}, "
                        "and overwriting is switched off",
                        hint="leave out --overwrite=false",
                    )
        env = _environment(existing, parameters)
        if env or "env" in container:
            container["env"] = env
        if not container.get("env"):
            container.pop("env", None)
    return wanted


def _environment(existing: list[Any], parameters: SetEnvParameters) -> list[Any]:
    new: dict[str, str] = {}
    for name, value in parameters.set:
        new.setdefault(name, value)
    covered = set(parameters.remove)
    out: list[Any] = []
    for item in existing:
        if item["name"] in covered:
            continue
        if item["name"] in new:
            covered.add(item["name"])
            out.append(_variable(item["name"], new[item["name"]]))
        else:
            out.append(item)
    out.extend(_variable(name, value) for name, value in new.items() if name not in covered)
    return out


def _variable(name: str, value: str) -> dict[str, str]:
    # The API omits an empty value.
    return {"name": name, "value": value} if value else {"name": name}


def with_resources(live: Live, kind: str, parameters: SetResourcesParameters, *, of: str) -> Any:
    """Set limits and requests, leaving the resources that are not named as they are."""
    wanted = deepcopy(dict(live))
    for container in matching_containers(template_of(wanted, kind), parameters.containers, of=of):
        resources = dict(container.get("resources") or {})
        for section, values in (("limits", parameters.limits), ("requests", parameters.requests)):
            if values:
                resources[section] = {**(resources.get(section) or {}), **dict(values)}
        container["resources"] = resources
    return wanted
