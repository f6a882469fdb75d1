"""What the OpenAPI says beyond the handlers: problem documents, who asks, idempotency keys, and what follows what."""

from typing import Any, Final

from fastapi import FastAPI

from countersign.records.tables.access import KEY_LIMIT
from countersign.web.problem import Problem

IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same request with the same key is done once, and gets the same answer again",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LIMIT, "pattern": "^[!-~]+$"},
}
FILED: Final = "$response.body#/approval/id"
LINKS: Final = {
    ("/v1/approvals", "post", "201"): {
        "show_v1_approvals__approval_id__get": {"approval_id": FILED},
        "signing_v1_approvals__approval_id__signing_get": {"approval_id": FILED},
        "preview_v1_approvals__approval_id__preview_get": {"approval_id": FILED},
        "timeline_v1_approvals__approval_id__timeline_get": {"approval_id": FILED},
        "cancel_v1_approvals__approval_id__cancel_post": {"approval_id": FILED},
    },
    ("/v1/tokens", "post", "201"): {
        "revoke_v1_tokens__token_id__revoke_post": {"token_id": "$response.body#/id"},
    },
    ("/v1/policy/versions", "post", "201"): {
        "show_version_v1_policy_versions__number__get": {"number": "$response.body#/number"},
        "signing_v1_policy_versions__number__signing_get": {"number": "$response.body#/number"},
    },
    ("/v1/incidents/alerts", "post", "200"): {
        "show_v1_incidents__incident_id__get": {"incident_id": "$response.body#/incident"},
    },
}
"""Which answer names what another address asks for."""


def document(app: FastAPI) -> None:
    """Have the application's OpenAPI say all of it."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(made())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})[Problem.__name__] = Problem.model_json_schema()
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{"token": []}]
    for methods in schema["paths"].values():
        if "post" in methods:
            methods["post"].setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    for (path, method, status), followers in LINKS.items():
        schema["paths"][path][method]["responses"][status]["links"] = {
            operation: {"operationId": operation, "parameters": parameters}
            for operation, parameters in followers.items()
        }
    return schema
