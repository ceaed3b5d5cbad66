"""Kafka Connect's converters, as its sinks and sources use them: Connect's own JsonConverter, and
an Avro converter of the tests that translates by Apicurio's AvroData."""

import base64
import json
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connect import JSON, JVM, LIBRARIES
from process import DIE_WITH_PARENT

SOURCES = Path(__file__).parent / "kafka-connect"
CLASSPATH = f"{LIBRARIES / 'worker'}/*:{LIBRARIES / 'avro'}/*"
AVRO = "RegistryAvroConverter"
SERVICE = "META-INF/services/org.apache.kafka.connect.storage.Converter"

JSON_WITH_SCHEMA = {"schemas.enable": "true"}


def compile_java(directory: Path) -> Path:
    """The folder of the classes."""
    assert (LIBRARIES / "avro").is_dir(), f"no {LIBRARIES / 'avro'}: `./dev system` fetches it"
    sources = [str(path) for path in SOURCES.glob("*.java")]
    command = ["javac", "-proc:none", "-d", str(directory), "-cp", CLASSPATH, *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"javac failed\n{done.stdout}\n{done.stderr}"
    return directory


def make_plugin(classes: Path, directory: Path) -> Path:
    """A folder for Connect's plugin.path that has the Avro converter."""
    plugin = directory / "plugins" / "avro"
    plugin.mkdir(parents=True)
    for jar in (LIBRARIES / "avro").glob("*.jar"):
        (plugin / jar.name).symlink_to(jar.resolve())
    with zipfile.ZipFile(plugin / "converter.jar", "w") as jar_file:
        for path in classes.glob(f"{AVRO}*.class"):
            jar_file.write(path, path.name)
        jar_file.writestr(SERVICE, AVRO)
    return plugin.parent


class ConnectReader:
    """Reads values as a sink of Connect gets them; a `with` block runs it."""

    def __init__(self, classes: Path, converter: str, settings: Mapping[str, str]) -> None:
        options = [f"{key}={value}" for key, value in settings.items()]
        classpath = f"{classes}:{CLASSPATH}"
        java = ["java", *JVM, "-cp", classpath, "ReadValues", converter, *options]
        self._command = [*DIE_WITH_PARENT, *java]
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def read(self, values: Iterable[tuple[str, bytes]]) -> list[dict[str, Any]]:
        """Of each (topic, value): the fields, each with its type, name, optional, class, value."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        rows = []
        for topic, value in values:
            stdin.write(f"{topic} {base64.b64encode(value).decode()}\n")
            stdin.flush()
            line = stdout.readline()
            assert line, f"{topic}: the converter refuses {value!r}"
            rows.append(json.loads(line))
        return rows


def json_reader(classes: Path) -> ConnectReader:
    return ConnectReader(classes, JSON, JSON_WITH_SCHEMA)


def avro_reader(classes: Path, registry_url: str) -> ConnectReader:
    return ConnectReader(classes, AVRO, {"schema.registry.url": registry_url})
