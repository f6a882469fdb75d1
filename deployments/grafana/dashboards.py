"""The dashboards, as code: `python deployments/grafana/dashboards.py` writes the JSON files beside it.

A panel is a line of data here: a title, a sentence, a unit and its queries. Numbers that every web process reads from
the records are taken by max(); what a process counts is summed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

FOLDER: Final = Path(__file__).parent
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
Queries = Mapping[str, str]
"""By what their series are called: a query each."""


@dataclass(frozen=True)
class Number:
    """One number as it is now; from `bad` on it is red."""

    title: str
    query: str
    unit: str = "short"
    bad: float | None = 1
    told: str = ""


@dataclass(frozen=True)
class Graph:
    """Lines over time."""

    title: str
    queries: Queries
    unit: str = "short"
    told: str = ""


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Number | Graph]


def _rate(counter: str, *, by: str = "", where: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({counter}{where}[$__rate_interval]))"


def _quantile(quantile: float, histogram: str, *, by: str, where: str = "") -> str:
    grouped = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({quantile}, sum by ({grouped}) (rate({histogram}_bucket{where}[$__rate_interval])))"


OVERVIEW: Final = (
    Row(
        "What needs a person",
        (
            Number(
                "Unknown outcomes", "max(countersign_executions_unknown)", told="Nobody can tell whether they landed."
            ),
            Number("Silent executions", "max(countersign_executions_silent)"),
            Number("Dead letters", 'max(countersign_dead_letters{replay="by_hand"})', told="Nothing replays them."),
            Number("Lacking signatures", 'max(countersign_approvals{status="pending"})', bad=None),
            Number("Oldest of these", "max(countersign_approvals_oldest_pending_seconds)", unit="s", bad=3600),
            Number("Kill switch", "max(countersign_kill_switch_on)", told="1: nothing is executed."),
            Number("Policy to sign", "max(countersign_policy_versions_to_sign)"),
            Number("Open incidents", "max(countersign_incidents_open)", bad=None),
        ),
    ),
    Row(
        "Executions",
        (
            Graph(
                "Outcomes",
                {"{{outcome}}": _rate("countersign_runs_total", by="outcome", where='{kind="execution"}')},
                "ops",
            ),
            Graph("Verdicts", {"{{verdict}}": _rate("countersign_verdicts_total", by="verdict")}, "ops"),
            Graph(
                "From the claim to the effect",
                {
                    f"p{int(q * 100)}": _quantile(
                        q, "countersign_phase_seconds", by="", where='{phase="claim_to_effect"}'
                    )
                    for q in (0.5, 0.95, 0.99)
                },
                "s",
            ),
            Graph("Phases, p95", {"{{phase}}": _quantile(0.95, "countersign_phase_seconds", by="phase")}, "s"),
            Graph(
                "Rollbacks, retries, takeovers, lost leases",
                {
                    "rollbacks": _rate("countersign_runs_total", where='{kind="rollback"}'),
                    "retries": _rate("countersign_retries_total"),
                    "takeovers": _rate("countersign_claims_total", where='{result="taken_over"}'),
                    "lost {{of}}": _rate("countersign_leases_lost_total", by="of"),
                },
                "ops",
            ),
            Graph(
                "Requests on record and what became of them",
                {
                    "intents": _rate("countersign_intents_total"),
                    "{{answer}}": _rate("countersign_answers_total", by="answer"),
                },
                "ops",
            ),
        ),
    ),
    Row(
        "Queues",
        (
            Graph(
                "Length",
                {
                    "approvals due": "max(countersign_approvals_due)",
                    "steps due": "max(countersign_steps_due)",
                    "executing": 'max(countersign_approvals{status="executing"})',
                },
            ),
            Graph(
                "Age of the oldest",
                {
                    "approval due": "max(countersign_approvals_oldest_due_seconds)",
                    "step due": "max(countersign_steps_oldest_due_seconds)",
                    "webhook event": "max(countersign_webhooks_oldest_event_seconds)",
                    "unsealed audit row": "max(countersign_audit_oldest_unsealed_seconds)",
                    "round of reconciliation": "max(countersign_reconciliation_age_seconds)",
                },
                "s",
            ),
            Graph("Steps", {"{{step}} {{result}}": _rate("countersign_steps_total", by="step, result")}, "ops"),
        ),
    ),
    Row(
        "People and trust",
        (
            Graph(
                "Requests and signatures",
                {
                    "{{event}}": _rate(
                        "countersign_audit_events_total", by="event", where='{event=~"approval:request:.*"}'
                    )
                },
                "ops",
            ),
            Graph(
                "Refused attempts and tampering",
                {
                    "{{event}}": _rate(
                        "countersign_audit_events_total", by="event", where='{event=~".*:refused|tampering:.*"}'
                    )
                },
                "ops",
            ),
            Graph(
                "Finding the objects",
                {"{{result}}": "max by (result) (rate(countersign_resolutions_total[$__rate_interval]))"},
                "ops",
                "hit: found as named; suggestion: by a name that was surely meant; miss: not there.",
            ),
            Graph(
                "Reconciliation found",
                {"{{part}}": "max by (part) (rate(countersign_reconciliation_found_total[$__rate_interval]))"},
                "ops",
            ),
        ),
    ),
)
INSIDE: Final = (
    Row(
        "Processes",
        (
            Number("Web processes", 'count(up{job="countersign-web"} == 1)', bad=None),
            Number("Workers", 'count(up{job="countersign-worker"} == 1)', bad=None),
            Number("Records can be read", "min(countersign_records_up)", bad=None),
            Number("Webhooks behind", "max(countersign_webhooks_behind)"),
            Number("Unsealed audit rows", "max(countersign_audit_unsealed_rows)", bad=1000),
            Number("Open streams", "sum(countersign_http_streams)", bad=None),
            Graph(
                "Runs in a worker, and its limit",
                {
                    "{{instance}}": "countersign_worker_runs",
                    "{{instance}} limit": "countersign_worker_runs_limit < Inf",
                },
            ),
            Graph(
                "Processor",
                {"{{job}} {{instance}}": 'rate(process_cpu_seconds_total{job=~"countersign-.*"}[$__rate_interval])'},
                "percentunit",
            ),
            Graph(
                "Memory", {"{{job}} {{instance}}": 'process_resident_memory_bytes{job=~"countersign-.*"}'}, "bytes"
            ),
            Graph("Versions", {"{{version}} {{process}}": "count by (version, process) (countersign_build_info)"}),
        ),
    ),
    Row(
        "Targets",
        (
            Graph(
                "Requests by answer",
                {"{{target}} {{status}}": _rate("countersign_target_requests_total", by="target, status")},
                "ops",
            ),
            Graph(
                "Requests by operation",
                {"{{operation}}": _rate("countersign_target_requests_total", by="operation")},
                "ops",
            ),
            Graph(
                "Duration, p95",
                {"{{operation}}": _quantile(0.95, "countersign_target_request_seconds", by="operation")},
                "s",
            ),
        ),
    ),
    Row(
        "HTTP",
        (
            Graph("Requests by answer", {"{{status}}": _rate("countersign_http_requests_total", by="status")}, "ops"),
            Graph(
                "The ten slowest addresses, p95",
                {"{{route}}": f"topk(10, {_quantile(0.95, 'countersign_http_request_seconds', by='route')})"},
                "s",
            ),
            Graph(
                "Refused",
                {"{{route}}": _rate("countersign_http_requests_total", by="route", where='{status="4xx"}')},
                "ops",
            ),
        ),
    ),
    Row(
        "Steps and telling",
        (
            Graph(
                "Duration of steps, p95", {"{{step}}": _quantile(0.95, "countersign_step_seconds", by="step")}, "s"
            ),
            Graph(
                "Messages to channels",
                {"{{channel}} {{result}}": _rate("countersign_notifications_total", by="channel, result")},
                "ops",
            ),
            Graph(
                "Events to webhooks",
                {"{{result}}": _rate("countersign_webhook_deliveries_total", by="result")},
                "ops",
            ),
        ),
    ),
)
DASHBOARDS: Final = {
    "countersign.json": ("Countersign", "countersign", OVERVIEW),
    "countersign-inside.json": ("Countersign: processes and targets", "countersign-inside", INSIDE),
}
WIDE: Final = 24
"""Of a whole row."""
NUMBER_HIGH: Final = 4
GRAPH: Final = (8, 8)
"""Width and height."""


def built(title: str, uid: str, rows: Sequence[Row]) -> str:
    """Return a dashboard as Grafana takes it."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["countersign"])
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    ids = count(1)
    for row in rows:
        made = made.with_row(dashboard.Row(row.title).id(next(ids)))
        numbers = sum(isinstance(panel, Number) for panel in row.panels)
        for panel in row.panels:
            drawn = _number(panel, WIDE // numbers) if isinstance(panel, Number) else _graph(panel)
            made = made.with_panel(drawn.id(next(ids)))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _query(expression: str, legend: str, name: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(name).datasource(SOURCE)


def _number(panel: Number, width: int) -> stat.Panel:
    steps = [Threshold(value=None, color="green")]
    if panel.bad is not None:
        steps.append(Threshold(value=panel.bad, color="red"))
    return (
        stat.Panel()
        .title(panel.title)
        .description(panel.told)
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(width)
        .height(NUMBER_HIGH)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_query(panel.query, "", "A").instant())
    )


def _graph(panel: Graph) -> timeseries.Panel:
    width, height = GRAPH
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.told)
        .datasource(SOURCE)
        .unit(panel.unit)
        .min(0)
        .span(width)
        .height(height)
        .fill_opacity(8)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    for number, (legend, expression) in enumerate(panel.queries.items()):
        made = made.with_target(_query(expression, legend, chr(ord("A") + number)))
    return made


def files() -> dict[str, str]:
    """Return the text of every file, by its name."""
    return {name: built(*described) for name, described in DASHBOARDS.items()}


if __name__ == "__main__":
    for name, written in files().items():
        (FOLDER / name).write_text(written)
