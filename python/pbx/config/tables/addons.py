"""`[metrics]`, `[monitor]`, `[wholesale]`, `[cluster]`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pbx.config.tables.scalars import NonEmpty, OptHttpUrl, OptSecret, UrlPath
from pbx.config.tables.table import Table, key, refuse


def _single_node(enabled: bool) -> bool:  # noqa: FBT001 - a validator takes the value
    if enabled:
        raise refuse("clustering is not available")
    return enabled


class Cluster(Table):
    """Reserved."""

    enabled: Annotated[bool, AfterValidator(_single_node)] = key(False, "Must be false.", reload="restart")


class Metrics(Table):
    """Where counters are shown."""

    enabled: bool = key(True, "Whether they are shown.")
    path: UrlPath = key("/metrics", "Path of the counters.", reload="restart")
    healthz_path: UrlPath = key("/healthz", "Path of the health check.", reload="restart")
    token: OptSecret = key(None, "Bearer token of the counters.")


class Alert(Table):
    """A condition somebody wants to hear about."""

    name: NonEmpty = key(..., "Name.")
    metric: Annotated[str, Field(pattern=r"^pbx_[a-z0-9_]+$")] = key(..., "Metric looked at.")
    op: Literal[">", ">=", "<", "<=", "=="] = key(..., "Comparison.")
    value: float = key(..., "Compared with.", allow_inf_nan=False)
    for_secs: int = key(60, "How long the condition must hold, s.", ge=0, le=86_400)
    webhook: OptHttpUrl = key(None, "Where it is posted.")
    labels: dict[NonEmpty, NonEmpty] = key({}, "Labels of the series.")


class Monitor(Table):
    """Live calls and alerts."""

    calls_path: UrlPath = key("/monitor/calls", "Path of live calls.", reload="restart")
    alerts: list[Alert] = key([], "Alerts.")


class Wholesale(Table):
    """Prepaid calls of tenants."""

    reserve_secs: int = key(60, "Time paid in advance, s.", ge=1, le=86_400)
    warning_secs: int = key(10, "Reserve again this long before the end, s.", ge=1, le=86_400)
