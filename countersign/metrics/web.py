"""What people and programs ask of the web process."""

from typing import Final

from countersign.metrics.family import WEB, Counter, Gauge, Histogram, Label, of

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ROUTE: Final = Label("route", most=300)

REQUESTS: Final = Counter(
    "countersign_http_requests_total",
    "Requests that were answered; the route is the address's template, unmatched where there is none.",
    of("method", METHODS),
    _ROUTE,
    of("status", ("1xx", "2xx", "3xx", "4xx", "5xx")),
    where=WEB,
)
REQUEST_SECONDS: Final = Histogram(
    "countersign_http_request_seconds",
    "How long requests took; of streams, until their first byte.",
    _ROUTE,
    where=WEB,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
)
STREAMS: Final = Gauge(
    "countersign_http_streams", "Streams of server-sent events that are open: live pages, programs.", where=WEB
)
