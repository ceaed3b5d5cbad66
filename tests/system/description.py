"""The OpenAPI description of a running instance, and whether answers are as it says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = "16"  # schemathesis sends the same requests in every run


def closed(schema: Any) -> Any:
    """The same, but an object has no members that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: closed(part) for key, part in schema.items()}
    if "properties" in schema:
        parts.setdefault("additionalProperties", False)
    return parts


class Description:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._schemas = closed(document["components"]["schemas"])

    def check(self, path: str, status: int, answer: Any) -> None:
        """`path` as it stands in the description: /v1/customers/{id}."""
        response = self.document["paths"][path]["get"]["responses"][str(status)]
        while "$ref" in response:
            *_, kind, name = response["$ref"].split("/")
            response = self.document["components"][kind][name]
        ((_, content),) = response["content"].items()
        schema = {**closed(content["schema"]), "components": {"schemas": self._schemas}}
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        errors = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(answer)]
        assert errors == [], (path, status, answer)


def every_request_gets_a_described_answer(
    url: str, directory: Path, examples: int, *options: str
) -> None:
    """schemathesis derives requests, right ones and wrong ones, and judges each answer by the
    description. `examples` are for each operation, in each phase."""
    command = [
        *(str(Path(sys.executable).parent / "st"), "--config-file", str(CONFIG), "run"),
        f"{url}/v1/openapi.json",
        *("--seed", SEED, "--max-examples", str(examples)),
        *("--checks", "all", "--generation-database", "none", *options),
    ]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Operations:" in done.stdout
