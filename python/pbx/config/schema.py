"""JSON Schema of the main file and of the files it names."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from pbx.config.tables.ivr import IvrDocument
from pbx.config.tables.main import AclFile, Main, RouteFile, TrunkFile
from pbx.config.tables.queue import QueueDocument
from pbx.config.tables.table import Table

# File kinds by the name the command line uses.
DOCUMENTS: dict[str, type[Table]] = {
    "main": Main,
    "routes": RouteFile,
    "trunks": TrunkFile,
    "acl": AclFile,
    "queue": QueueDocument,
    "ivr": IvrDocument,
}


def json_schema(kind: str = "main") -> dict[str, Any]:
    """The schema of one kind of file. `x-reload` tells when a changed value applies."""
    schema = DOCUMENTS[kind].model_json_schema(mode="validation")
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}
