"""delete, and create job."""

from typing import Final

from tests.contract.twins.rows import CRON_JOBS, Outcome, Row, rows

_FOUND_FIRST: Final = "kubectl deletes what it finds; we look everything up before anything is sent"

ROWS: Final[tuple[Row, ...]] = (
    *rows(
        Outcome.CHANGES,
        "one two",
        "kubectl delete pod one",
        "kubectl delete pod/one pod/two",
        "kubectl delete pods one two --now",
        "kubectl delete po one --force",
        "kubectl delete pod one --grace-period=0 --force",
        "kubectl delete pod one --ignore-not-found",
        "kubectl delete pod one --wait=false --timeout=30s",
        "kubectl delete pod one --cascade=background -o name",
        "kubectl delete pod one --cascade",
    ),
    *rows(
        Outcome.CHANGES,
        "slow",
        "kubectl delete pod slow",
        "kubectl delete pod slow --grace-period=1",
        "kubectl delete pod slow --grace-period=0",
        "kubectl delete pod slow --grace-period=-1",
        "kubectl delete pod slow --now",
        "kubectl delete pod slow --force --grace-period=0",
    ),
    *rows(
        Outcome.CHANGES,
        "held",
        "kubectl delete pod held --wait=false",
        "kubectl delete pod held --force --wait=false",
        """kubectl patch pod held --type=merge -p '{"metadata":{"finalizers":null}}'""",
        (
            "kubectl delete pod held --wait=false",
            """kubectl patch pod held --type=merge -p '{"metadata":{"finalizers":null}}'""",
        ),
        (
            "kubectl delete pod held --wait=false",
            """kubectl patch pod held --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'""",
        ),
    ),
    *rows(
        Outcome.CHANGES,
        "load import",
        "kubectl delete job load",
        "kubectl delete job/load job/import",
        "kubectl delete jobs.batch load import --wait=false",
        "kubectl delete job load --cascade=background",
    ),
    *rows(Outcome.CHANGES, "api worker", "kubectl delete deployment api", "kubectl delete deployment/worker"),
    *rows(Outcome.CHANGES, "rs", "kubectl delete rs rs"),
    *rows(Outcome.CHANGES, "uploads", "kubectl delete pvc uploads --wait=false"),
    *rows(
        Outcome.CHANGES,
        "backup",
        "kubectl create job manual --from=cronjob/backup",
        makes=(("Job", "batch/v1", "manual"),),
        differs={"Job/manual/*countersign*": "a mark of ours says which approval made it, so that it is made once"},
        needs=CRON_JOBS,
    ),
    *rows(
        Outcome.NOTHING,
        "one",
        "kubectl delete pod no-such --ignore-not-found",
        "kubectl delete job/no-such --ignore-not-found",
        "kubectl delete pod ONE --ignore-not-found",
    ),
    *rows(
        Outcome.CHANGES,
        "one",
        "kubectl delete pod no-such one --ignore-not-found",
    ),
    *rows(
        Outcome.REFUSED,
        "one load",
        "kubectl delete pod no-such",
        "kubectl delete pod",
        "kubectl delete job/no-such",
        "kubectl delete pod one --force --grace-period=5",
        "kubectl delete pod one --now --grace-period=5",
        "kubectl delete pod one --grace-period=soon",
        "kubectl delete pod one --cascade=sideways",
    ),
    *rows(
        Outcome.REFUSED,
        "one",
        "kubectl delete pod one no-such",
        differs={"Pod/one/*": _FOUND_FIRST, "end of Pod/one/*": _FOUND_FIRST},
    ),
)
