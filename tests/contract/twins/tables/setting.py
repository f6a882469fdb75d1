"""set image, set env, set resources."""
# ruff: noqa: E501 - a command is one line

from typing import Final

from tests.contract.twins.rows import CRON_JOBS, Outcome, Row, rows

_DIGEST: Final = "sha256:0123456789012345678901234567890123456789012345678901234567890123"

_IMAGES: Final = (
    *rows(
        Outcome.CHANGES,
        "api worker",
        "kubectl set image deployment/api app=app:2",
        "kubectl set image deployment/api app=app:2 proxy=proxy:2",
        "kubectl set image deployment/api setup=setup:2",
        "kubectl set image deployment/api '*=all:9'",
        "kubectl set image deployment/api *=all:9",
        "kubectl set image deployment/api proxy=app:2 app=app:2 setup=app:2",
        f"kubectl set image deployment api app=registry.example.com:5000/app@{_DIGEST}",
        "kubectl set image deployment api worker app=both:1",
        "kubectl set image deployment/api deployment/worker app=both:1",
        ("kubectl rollout pause deployment/api", "kubectl set image deployment/api app=app:2"),
    ),
    *rows(
        Outcome.CHANGES,
        "settings shop",
        "kubectl set image deployment/shop app=registry.example.com/shop/app:2.5.0",
        "kubectl set image deployment/shop migrate=registry.example.com/shop/migrate:2.5.0 app=registry.example.com/shop/app:2.5.0",
        "kubectl set image deployment/shop '*=registry.example.com/empty:1'",
        "kubectl set image deployment/shop exporter=registry.example.com/tools/exporter:0.10 proxy=proxy:1.20",
    ),
    *rows(Outcome.CHANGES, "frozen", "kubectl set image deployment/frozen app=app:2"),
    *rows(
        Outcome.CHANGES,
        "db",
        "kubectl set image statefulset/db postgres=postgres:15.3",
        "kubectl set image sts db permissions=tools:2 exporter=exporter:0.12",
    ),
    *rows(Outcome.CHANGES, "cache", "kubectl set image sts cache valkey=valkey:8.1 sentinel=valkey:8.1"),
    *rows(Outcome.CHANGES, "agent", "kubectl set image ds/agent collector=collector:3.2 sysctl=tools:2"),
    *rows(Outcome.CHANGES, "rs", "kubectl set image rs/rs app=app:2"),
    *rows(
        Outcome.CHANGES,
        "backup",
        "kubectl set image cronjob/backup dump=postgres:16.1",
        "kubectl set image cj backup '*=postgres:16.1'",
        needs=CRON_JOBS,
    ),
    *rows(
        Outcome.CHANGES,
        "one two",
        "kubectl set image pod/one app=app:2",
        "kubectl set image pods one two app=app:2 proxy=proxy:2",
    ),
    *rows(
        Outcome.NOTHING,
        "api",
        "kubectl set image deployment/api app=app:1",
        "kubectl set image deployment/api app=app:1 proxy=proxy:1 setup=setup:1",
    ),
    *rows(
        Outcome.REFUSED,
        "api",
        "kubectl set image deployment/api nope=app:2",
        "kubectl set image deployment/no-such app=app:2",
        "kubectl set image deployment/api app=",
        "kubectl set image deployment/api app",
        "kubectl set image deployment/api",
    ),
    *rows(
        Outcome.REFUSED,
        "api",
        "kubectl set image deployment/api app=app:2 nope=app:2",
        differs={"*Deployment/api/*": "kubectl sets the images of the containers that it finds; we all or none"},
    ),
    *rows(Outcome.REFUSED, "load", "kubectl set image job/load app=load:2"),
)

_ENV: Final = (
    *rows(
        Outcome.CHANGES,
        "api worker",
        "kubectl set env deployment/api LEVEL=debug",
        "kubectl set env deployment/api A=9 C=3",
        "kubectl set env deployment/api A- B-",
        "kubectl set env deployment/api A-",
        "kubectl set env deployment/api C=3 A- -c app",
        "kubectl set env deployment/api X=1 --containers='pro*'",
        "kubectl set env deployment/api X=1 -c proxy",
        "kubectl set env deployment/api EMPTY=",
        "kubectl set env deployment/api 'TEXT=a b = c'",
        """kubectl set env deployment/api 'RULES={"a":[1,2],"b":"c, d"}' """,
        "kubectl set env deployment/api 'NAME=重新啟動'",
        "kubectl set env deployment/api 'URL=http://$(A):80/?q=1&r=2'",
        "kubectl set env deployment/api -e X=1 -e Y=2",
        "kubectl set env deployment/api X=1 --overwrite=false",
        "kubectl set env deployment/api A=2 --overwrite=true",
        "kubectl set env deployment api worker X=1",
        "kubectl set env deployment/api a.b-c=1",
    ),
    *rows(
        Outcome.CHANGES,
        "settings shop",
        "kubectl set env deployment/shop LOG_LEVEL=debug",
        "kubectl set env deployment/shop LOG_LEVEL=debug -c app",
        "kubectl set env deployment/shop LOG_LEVEL=debug -c migrate",
        "kubectl set env deployment/shop LOG_LEVEL- LAST-",
        "kubectl set env deployment/shop POD_IP=10.0.0.1 -c app",
        "kubectl set env deployment/shop GREETING- DATABASE_PASSWORD-",
        "kubectl set env deployment/shop POOL_SIZE=5 CPUS=2 NEW=1 LAST-",
        "kubectl set env deployment/shop LOG_LEVEL=error -c 'pro*'",
    ),
    *rows(
        Outcome.CHANGES,
        "doubled",
        "kubectl set env deployment/doubled LEVEL=warning",
        "kubectl set env deployment/doubled LEVEL-",
        "kubectl set env deployment/doubled OTHER-",
    ),
    *rows(
        Outcome.CHANGES,
        "doubled",
        "kubectl set env deployment/doubled OTHER=2",
        "kubectl set env deployment/doubled MORE=1",
        differs={
            "*/containers/0/env/*": "kubectl's strategic patch moves a variable that is there twice; ours keeps its place",
        },
    ),
    *rows(Outcome.CHANGES, "db", "kubectl set env sts/db PGDATA=/data/new X=1 -c postgres"),
    *rows(Outcome.CHANGES, "cache", "kubectl set env sts/cache QUORUM- -c sentinel"),
    *rows(Outcome.CHANGES, "agent", "kubectl set env ds/agent BUFFER=128m NODE_NAME-"),
    *rows(Outcome.CHANGES, "rs", "kubectl set env rs/rs X=1"),
    *rows(
        Outcome.CHANGES,
        "backup",
        "kubectl set env cronjob/backup KEEP=14 -c dump",
        "kubectl set env cj backup X=1",
        needs=CRON_JOBS,
    ),
    *rows(
        Outcome.NOTHING,
        "api",
        "kubectl set env deployment/api A=1 -c app",
        "kubectl set env deployment/api NO_SUCH-",
    ),
    *rows(
        Outcome.REFUSED,
        "api",
        "kubectl set env deployment/api A=9 --overwrite=false",
        "kubectl set env deployment/api A=9 A-",
        "kubectl set env deployment/no-such A=9",
        "kubectl set env deployment/api 'NOT A NAME=1'",
    ),
    *rows(Outcome.REFUSED, "one", "kubectl set env pod/one A=9"),
)

_RESOURCES: Final = (
    *rows(
        Outcome.CHANGES,
        "api",
        "kubectl set resources deployment/api --limits=cpu=200m,memory=512Mi",
        "kubectl set resources deployment/api --requests=cpu=1000m -c app",
        "kubectl set resources deployment/api --limits=cpu=0 --requests=cpu=0",
        "kubectl set resources deployment/api --limits=cpu=2.5,memory=1.5Gi -c app",
        "kubectl set resources deployment/api --requests=ephemeral-storage=1Gi --limits=ephemeral-storage=2G",
        "kubectl set resources deployment/api -c proxy --limits=example.com/gpu=1 --requests=example.com/gpu=1",
        "kubectl set resources deployment/api -c 'pro*' --limits memory=64M",
    ),
    *rows(
        Outcome.CHANGES,
        "settings shop",
        "kubectl set resources deployment/shop -c app --limits=cpu=2,memory=1Gi --requests=cpu=500m,memory=512Mi",
        "kubectl set resources deployment/shop -c proxy --requests=cpu=50m",
        "kubectl set resources deployment/shop --limits=memory=2Gi",
    ),
    *rows(
        Outcome.CHANGES, "db", "kubectl set resources sts/db -c postgres --limits=memory=2Gi --requests=memory=2Gi"
    ),
    *rows(Outcome.CHANGES, "cache", "kubectl set resources sts cache --requests=cpu=100m"),
    *rows(Outcome.CHANGES, "agent", "kubectl set resources ds/agent --limits=memory=400Mi"),
    *rows(Outcome.CHANGES, "rs", "kubectl set resources rs rs --limits=cpu=1"),
    *rows(
        Outcome.CHANGES, "backup", "kubectl set resources cronjob/backup -c dump --limits=memory=1Gi", needs=CRON_JOBS
    ),
    *rows(
        Outcome.NOTHING,
        "api",
        "kubectl set resources deployment/api -c app --limits=cpu=1000m",
        "kubectl set resources deployment/api -c app --requests=cpu=0.1,memory=64Mi",
    ),
    *rows(
        Outcome.REFUSED,
        "api",
        "kubectl set resources deployment/api -c app --requests=cpu=2",
        "kubectl set resources deployment/api --limits=cpu=many",
        "kubectl set resources deployment/api --limits=pizza=1",
        "kubectl set resources deployment/api",
        "kubectl set resources deployment/api --limits=cpu=-1",
    ),
    *rows(Outcome.REFUSED, "one", "kubectl set resources pod/one --limits=cpu=1"),
)

ROWS: Final[tuple[Row, ...]] = (*_IMAGES, *_ENV, *_RESOURCES)
