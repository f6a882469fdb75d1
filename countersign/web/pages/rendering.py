"""Making a page of a template: texts in the reader's language, other people's words shown as they are and no more.

Templates escape by themselves. What comes from outside (names, actions, answers of a cluster) goes through `shown` as
well: secrets are masked, and what nobody sees appears with its code point.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from countersign.errors import CountersignError
from countersign.escaping import visible
from countersign.execution.services import Services
from countersign.masking import masked, masked_values
from countersign.policy.access import EVERYTHING
from countersign.policy.roles import Permission
from countersign.records.control import kill_switch
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import short_id
from countersign.texts import LANGUAGES, text
from countersign.texts.durations import duration
from countersign.web.acting import Acting
from countersign.web.content_security import HEADERS, NOT_KEPT
from countersign.web.pages import moments
from countersign.web.pages.static_files import address_of
from countersign.web.pages.viewer import Viewer, viewer_of

NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("now", "/"),
    ("approvals", "/approvals"),
    ("incidents", "/incidents"),
    ("playbooks", "/playbooks"),
    ("knowledge", "/knowledge"),
    ("policy", "/policy"),
    ("audit", "/audit"),
    ("reconciliation", "/reconciliation"),
    ("trends", "/trends"),
    ("system", "/system"),
)
"""The pages that are reached from each of them."""
LANGUAGE_NAMES: Final = {"en": "English", "zh-TW": "繁體中文"}


def page(
    request: Request,
    acting: Acting | None,
    template: str,
    *,
    status_code: int = 200,
    part: str | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return the page that `template` makes of `values`, or only what the template `part` does where htmx asks.

    `acting` is None where nobody is logged in yet.
    """
    made = templates().get_template(part if part is not None and is_partial(request) else template)
    known = {
        **_known(request, viewer_of(request)),
        "acting": acting,
        "csrf": acting.csrf if acting is not None else "",
        "stopped": _stopped(acting.services) if acting is not None else "",
        "navigation": _navigation(acting) if acting is not None else (),
        **values,
    }
    return HTMLResponse(made.render(known), status_code=status_code, headers={**HEADERS, **NOT_KEPT})


def part_of(template: str, viewer: Viewer, **values: Any) -> str:
    """Return what `template` makes of `values` for a stream, where there is no page around it."""
    known = {"t": partial(text, language=viewer.language), "viewer": viewer, "now": datetime.now(UTC)}
    return templates().get_template(template).render({**known, **values})


def _navigation(acting: Acting) -> Sequence[tuple[str, str]]:
    """Return the pages that they are led to: the audit has readers of its own, and trends are about everything."""
    hidden = {
        *(() if acting.may(Permission.AUDIT) else ("audit",)),
        *(() if acting.may(Permission.READ, EVERYTHING) else ("trends",)),
    }
    return [each for each in NAVIGATION if each[0] not in hidden]


def _stopped(services: Services) -> str:
    """Return why nothing starts at present, empty where nothing is against it: every page says so."""
    with transaction(services.engine) as session:
        switch = kill_switch(session)
    if switch.is_on:
        return switch.reason
    return "kill_switch: true" if services.policy.kill_switch else ""


def is_partial(request: Request) -> bool:
    """Tell whether htmx asks for a part of a page that is shown already."""
    return request.headers.get("hx-request") == "true"


@lru_cache(maxsize=1)
def templates() -> Environment:
    """Return the templates, compiled as they are used."""
    made = Environment(
        loader=PackageLoader("countersign.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "shown": shown,
        "shown_lines": shown_lines,
        "as_json": as_json,
        "as_signed": as_signed,
        "short": short_id,
        "ago": _on_moment(lambda moment, viewer: moments.relative(moment, viewer.language)),
        "clock": _on_moment(moments.clock),
        "exactly": _on_moment(moments.exactly),
        "exactly_text": _exactly,
        "took": _took,
        "span": _span,
    }
    made.globals |= {"static": address_of, "languages": LANGUAGE_NAMES, "with_query": with_query}
    assert set(LANGUAGE_NAMES) == set(LANGUAGES)
    return made


def shown(value: object) -> str:
    """Return other people's words for one line: secrets masked, what is not seen by its code point."""
    return visible(masked(str(value)))


def shown_lines(value: object) -> str:
    """Return other people's words with their lines."""
    return visible(masked(str(value)), lines=True)


def as_json(value: object) -> str:
    """Return a value of a record as indented JSON, secrets masked."""
    if isinstance(value, str):
        return shown_lines(value)
    return visible(json.dumps(masked_values(value), ensure_ascii=False, indent=2), lines=True)


def as_signed(value: object) -> str:
    """Return what a signature binds as it is, secrets too: whoever decides on it reads all of it."""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return visible(said, lines=True)


def with_query(path: str, **query: object) -> str:
    """Return `path` with those of `query` that are set."""
    given = {name: str(value) for name, value in query.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


def _known(request: Request, viewer: Viewer) -> Mapping[str, Any]:
    return {
        "t": partial(text, language=viewer.language),
        "viewer": viewer,
        "here": "",
        "navigation": (),
        "back": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "now": datetime.now(UTC),
    }


def _on_moment(words: Callable[[datetime, Viewer], str]) -> Callable[..., Markup | str]:
    @pass_context
    def filter_(context: Context, moment: datetime | None) -> Markup | str:
        if moment is None:
            return ""
        viewer: Viewer = context["viewer"]
        return moments.time_element(words(moment, viewer), moment, viewer)

    return filter_


@pass_context
def _exactly(context: Context, moment: datetime) -> str:
    return moments.exactly(moment, context["viewer"])


@pass_context
def _took(context: Context, milliseconds: int | None) -> str:
    return "" if milliseconds is None else duration(milliseconds, language=context["viewer"].language)


@pass_context
def _span(context: Context, seconds: float) -> str:
    return moments.span(seconds, context["viewer"].language)


def error_page(request: Request, error: CountersignError, *, status: int) -> HTMLResponse:
    """Return the page of a refusal: what was wrong, and what would work."""
    known = {
        **_known(request, viewer_of(request)),
        "acting": None,
        "csrf": "",
        "stopped": "",
        "error": error,
        "status": status,
    }
    made = templates().get_template("error_part.html" if is_partial(request) else "error.html")
    # A part is put where it was asked for whatever its status; htmx leaves out those of some.
    return HTMLResponse(made.render(known), status_code=status, headers={**HEADERS, **NOT_KEPT})
