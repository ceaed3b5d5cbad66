"""A cluster with ACLs: the rights of docker/README.md are enough, and each that is missing is
named, waited for, and nothing is lost."""

import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka import CLIENT
from logins import PASSWORD, GuardedBroker
from process import wait_until
from results import RESULTS
from scenario import Scenario, load
from streamer import INPUTS, run_once
from test_readme import marked

PARTITIONS = (2, 3)  # so that records of both inputs take the hop over the repartition topics
USER = "streamer"

_numbers = count()
_MISSING = re.compile(
    r"(topic|group|transactional ids that begin with) (\S+): missing ([A-Za-z, ]+?)(?=;| for | \()"
)
_KINDS = {
    "topic": "Topic",
    "group": "Group",
    "transactional ids that begin with": "TransactionalId",
}
_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}


class Right(NamedTuple):
    kind: str  # as in the table of docker/README.md
    name: str  # of a TransactionalId: what it begins with
    operation: str

    @property
    def binding(
        self,
    ) -> tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]:
        kind = {"Topic": ResourceType.TOPIC, "Group": ResourceType.GROUP}.get(
            self.kind, ResourceType.TRANSACTIONAL_ID
        )
        pattern = (
            ResourcePatternType.PREFIXED
            if self.kind == "TransactionalId"
            else ResourcePatternType.LITERAL
        )
        who = f"User:{USER}", "*"
        return kind, self.name, pattern, *who, _OPERATIONS[self.operation], AclPermissionType.ALLOW


Rights = set[Right]


class Guarded(GuardedBroker):
    """Its users may do what they are granted, but for the tests themselves (PLAINTEXT), who may do
    everything."""

    def __init__(self, directory: Path) -> None:
        authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        super().__init__(
            directory, {"authorizer.class.name": authorizer, "super.users": "User:ANONYMOUS"}
        )

    def start(self) -> None:
        super().start()
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        (done,) = self.admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(USER, scram, PASSWORD.encode())]
        ).values()
        done.result(60)

    def grant(self, rights: Rights) -> None:
        for future in self.admin.create_acls([AclBinding(*r.binding) for r in rights]).values():
            future.result(60)
        wait_until("the broker knows the rights", lambda: self._knows(rights), self.log)

    def _knows(self, rights: Rights) -> bool:
        """The broker learns of rights some time after it has answered that they are granted."""
        return all(
            self.admin.describe_acls(AclBindingFilter(*r.binding)).result(60) for r in rights
        )

    def revoke(self, rights: Rights) -> None:
        for future in self.admin.delete_acls(
            [AclBindingFilter(*r.binding) for r in rights]
        ).values():
            assert len(future.result(60)) == 1

    def transactional_ids(self) -> str:
        return self._tool(
            "org.apache.kafka.tools.TransactionsCommand",
            "--bootstrap-server",
            self.bootstrap,
            "list",
        )

    def login(self) -> dict[str, str]:
        return {
            "kafka.bootstrap.servers": self.addresses["SASL"],
            "kafka.security.protocol": "SASL_SSL",
            "kafka.ssl.ca.location": str(self.authority.certificate),
            "kafka.sasl.mechanism": "SCRAM-SHA-256",
            "kafka.sasl.username": USER,
            "kafka.sasl.password": PASSWORD,
        }


def settings(guarded: Guarded) -> dict[str, str]:
    """Each test has owners of its own, so that they are created by its first start."""
    return {**guarded.login(), "topic.owners": f"owners{next(_numbers)}"}


def readme_rights(s: Scenario, command: str) -> Rights:
    """What its table says that the command needs; Create is that of `run that creates topics`."""
    (table,) = marked("rights")
    names_of = {**s.names, "streamer-owners": s.settings["topic.owners"]}
    found: Rights = set()
    for line in table.splitlines()[2:]:
        commands, kind, names, operations = (cell.strip() for cell in line.strip("|").split("|"))
        if command not in re.sub("`", "", commands).split(", "):
            continue
        assert "`" in names, line
        for name in re.findall("`([^`]+)`", names):
            real = names_of.get(name, name.replace("<app.id>", s.app_id).removesuffix("*"))
            found |= {Right(kind, real, operation.strip()) for operation in operations.split(",")}
    assert found, command
    return found


def create_rights(s: Scenario) -> Rights:
    """To create what is not there: the inputs are."""
    assert (
        "| `run` that creates topics | Topic | those of the above that are not there yet | Create |"
        in marked("rights")[0]
    )
    topics = {r.name for r in readme_rights(s, "run") if r.kind == "Topic"} - {
        s.names[name] for name in INPUTS
    }
    return {Right("Topic", topic, "Create") for topic in topics}


def reset_rights(s: Scenario) -> Rights:
    """Delete: of all topics that `run` creates but the owners, whatever the table calls them."""
    kept = "`customers`, `accounts` and `streamer-owners`"
    assert f"| `reset` | Topic | all of the above but {kept} | Delete |" in marked("rights")[0]
    owners = s.settings["topic.owners"]
    deleted = {r._replace(operation="Delete") for r in create_rights(s) if r.name != owners}
    deleted |= {
        Right("Group", s.app_id, "Delete"),
        Right("Topic", owners, "Read"),
        Right("Topic", owners, "Write"),
    }
    assert "| `reset` | Topic | `streamer-owners` | Read, Write |" in marked("rights")[0]
    assert "| `reset` | Topic | `customers`, `accounts` | Describe |" in marked("rights")[0]
    return deleted | {Right("Topic", s.names[name], "Describe") for name in INPUTS}


def named(text: str) -> Rights:
    """The rights that a message says are missing."""
    return {
        Right(_KINDS[kind], name, operation)
        for kind, name, operations in _MISSING.findall(text)
        for operation in operations.split(", ")
    }


def check_connect(s: Scenario) -> "subprocess.CompletedProcess[str]":
    return run_once("check", "--connect", "-c", str(s.streamer.properties))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def test_rights__readme_is_enough(guarded: Guarded, tmp_path: Path) -> None:
    records = load(200, PARTITIONS, "scattered", large=False)
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        guarded.grant(readme_rights(s, "run") | create_rights(s))
        done = check_connect(s)
        assert (done.returncode, named(done.stderr)) == (0, set()), done
        assert s.app_id not in guarded.transactional_ids()  # it changes nothing
        s.fed.feed(records[:100])
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        assert f"{s.app_id}-one-0" in guarded.transactional_ids()
        guarded.revoke(create_rights(s))
        s.fed.feed(records[100:])
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def groups(rights: Rights) -> Iterator[Rights]:
    """All of them, at most one of each topic at a time."""
    for operation in sorted({r.operation for r in rights if r.kind == "Topic"}):
        yield {r for r in rights if r.operation == operation and r.kind == "Topic"}
    for kind in ("Group", "TransactionalId"):
        if of_kind := {r for r in rights if r.kind == kind}:
            yield of_kind


def test_rights__check_names_each(guarded: Guarded, tmp_path: Path) -> None:
    """While topics are missing, when they are there, and of a user who has none."""
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        needed, create = readme_rights(s, "run"), create_rights(s)
        guarded.grant(needed | create)
        for taken in groups(create | {r for r in needed if r.operation == "DescribeConfigs"}):
            guarded.revoke(taken)
            assert named(check_connect(s).stderr) == taken
            guarded.grant(taken)
        s.streamer.start()
        s.streamer.wait_ready()
        s.streamer.stop()
        guarded.revoke(create)
        for taken in groups(needed):
            guarded.revoke(taken)
            done = check_connect(s)
            assert (done.returncode, named(done.stderr)) == (1, taken), done
            guarded.grant(taken)
        guarded.revoke(needed)
        assert named(check_connect(s).stderr) == needed


def says(s: Scenario, missing: Rights) -> bool:
    try:
        status, ready = s.streamer.get("/readyz")
    except OSError:
        return False
    return status == 503 and named(ready["reason"]) == missing


def wait_denied(s: Scenario, missing: Rights) -> None:
    """Until /readyz says that exactly these are missing."""
    wait_until(
        f"without {missing}", lambda: says(s, missing), s.streamer.stderr, s.streamer.process
    )


def test_rights__missing_at_the_start(guarded: Guarded, tmp_path: Path) -> None:
    """It waits for them, until it is stopped or retry.timeout is over."""
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        s.fed.feed(load(100, PARTITIONS, "scattered", large=False))
        needed, create = readme_rights(s, "run"), create_rights(s)
        guarded.grant(needed)
        s.streamer.start()
        wait_denied(s, create)
        assert s.streamer.get("/healthz")[0] == 200
        guarded.grant(create)
        s.wait_drained()
        s.streamer.stop()
        guarded.revoke(create)
        before: Rights = set()
        for taken in groups(needed):
            guarded.revoke(taken)
            if before:
                guarded.grant(before)
            else:
                s.streamer.start()
            wait_denied(s, taken)
            before = taken
        s.streamer.stop()
        with s.another(tmp_path / "other", {"retry.timeout": "2s"}) as other:
            assert other.wait_exit() == 1
            last = other.stderr.read_text().splitlines()[-1]
            assert (
                "gave up after 2 s of trying again (retry.timeout)" in last
                and named(last) == before
            ), last
        guarded.grant(before)
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def ways(s: Scenario, needed: Rights) -> list[Rights]:
    """All of them; together what is met in the same way, and what only a trim, the next start or a
    restore would meet."""
    found: dict[tuple[str, str], Rights] = defaultdict(set)
    results = {s.names[name] for name in RESULTS}
    for right in needed:
        role = (
            "results"
            if right.name in results
            else "hop"
            if "-repartition-" in right.name
            else right.name
        )
        found[
            right.operation, "" if right.operation in ("Delete", "DescribeConfigs") else role
        ].add(right)
    return [found[way] for way in sorted(found)]


def test_rights__missing_while_running(guarded: Guarded, tmp_path: Path) -> None:
    """Each is waited for, and the last ones in vain; when they are granted again the next start
    goes on, and nothing is lost."""
    records = iter(load(600, PARTITIONS, "scattered", large=False))
    short = {
        "retry.timeout": "8s",
        "kafka.session.timeout.ms": "6000",
    }  # so that it loses its membership meanwhile
    with Scenario(guarded, tmp_path, PARTITIONS, {**settings(guarded), **short}) as s:
        needed, create = readme_rights(s, "run"), create_rights(s)
        guarded.grant(needed | create)
        s.streamer.start()
        s.streamer.wait_ready()
        guarded.revoke(create)
        for taken in ways(s, needed):
            guarded.revoke(taken)
            s.fed.feed(list(islice(records, 20)))
            wait_denied(s, taken)
            guarded.grant(taken)
            s.wait_drained()
        guarded.revoke(needed)
        s.fed.feed(list(records))
        # Until the others are granted.
        untold = {
            r for r in needed if r.operation == "DescribeConfigs" or r.kind == "TransactionalId"
        }
        wait_denied(s, needed - untold)
        while s.streamer.runs():
            with suppress(OSError):  # it ends
                assert named(s.streamer.get("/readyz")[1]["reason"]) == needed - untold
            time.sleep(0.1)
        assert s.streamer.wait_exit() == 1
        text = s.streamer.stderr.read_text()
        last = text.splitlines()[-1]
        assert "s of trying again (retry.timeout)" in last and named(last) == needed - untold, last
        assert "lost=yes" in text
        guarded.grant(needed)
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_rights__feed(guarded: Guarded, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("customer_id,customer_name,has_loan\n1,Ada,yes\n")
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        command = ("feed", "-c", str(s.streamer.properties), "customers", str(file))
        needed = {r for r in readme_rights(s, "feed") if r.name == s.names["customers"]}
        for other in (
            {Right("Topic", s.names["accounts"], "Write")},
            {Right("Topic", s.names["customers"], "Read")},
        ):
            guarded.grant(other)
            done = run_once(*command)
            assert (done.returncode, named(done.stderr)) == (1, needed), done
            guarded.revoke(other)
        guarded.grant(needed)
        assert run_once(*command).returncode == 0


def test_rights__reset(guarded: Guarded, tmp_path: Path) -> None:
    """It deletes nothing while it may not delete all."""
    with Scenario(guarded, tmp_path, PARTITIONS, {**settings(guarded), "instance.id": ""}) as s:
        s.fed.feed(load(100, PARTITIONS, "scattered", large=False))
        guarded.grant(readme_rights(s, "run") | create_rights(s))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        guarded.revoke(readme_rights(s, "run") | create_rights(s))
        needed = reset_rights(s)
        guarded.grant(needed)
        command = ("reset", "--yes", "-c", str(s.streamer.properties))
        topics = guarded.topics()
        for taken in groups(needed):
            guarded.revoke(taken)
            done = run_once(*command)
            assert (done.returncode, named(done.stderr)) == (1, taken), done
            assert guarded.topics() == topics
            guarded.grant(taken)
        done = run_once(*command)
        assert done.returncode == 0, done
        assert {t for t in guarded.topics() if t.startswith(s.app_id)} == {
            s.names[name] for name in INPUTS
        }


def test_rights__quarantine(guarded: Guarded, tmp_path: Path) -> None:
    """Each missing right is named, and then nothing is sent. It also shows the command with TLS."""
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        s.fed.feed(load(200, PARTITIONS, "scattered", large=False))
        guarded.grant(readme_rights(s, "run") | create_rights(s))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        guarded.revoke(readme_rights(s, "run") | create_rights(s))
        first = readme_rights(s, "quarantine replay for the first time")
        needed = readme_rights(s, "quarantine replay")

        def quarantine(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return run_once("quarantine", *arguments, "-c", str(s.streamer.properties))

        assert named(quarantine("replay", "--yes").stderr) == needed
        guarded.grant(needed)
        assert named(quarantine("replay", "--yes").stderr) == first
        assert s.streamer.internal_topic("replayed") not in guarded.topics()
        guarded.grant(first)
        assert quarantine("replay", "--yes").returncode == 0
        guarded.revoke(first)
        for taken in groups(needed):
            guarded.revoke(taken)
            done = quarantine("replay", "--yes")
            assert (done.returncode, named(done.stderr)) == (1, taken), done
            guarded.grant(taken)
        assert "were replayed before" in quarantine("replay", "--yes").stdout
        guarded.revoke(needed)

        reading = readme_rights(s, "quarantine list")
        guarded.grant(reading)
        assert "does not tell how long" in quarantine("list").stdout
        assert quarantine("show", "--code", "malformed").returncode == 0
        done = quarantine("purge", "--older-than", "0s", "--yes")
        deleting = {Right("Topic", s.names["quarantine"], "Delete")}
        assert (done.returncode, named(done.stderr)) == (1, deleting), done
        guarded.grant(readme_rights(s, "quarantine purge") - reading)
        assert quarantine("purge", "--older-than", "0s", "--yes").returncode == 0
        guarded.revoke(readme_rights(s, "quarantine purge") | reading)


def test_rights__export(guarded: Guarded, tmp_path: Path) -> None:
    """It needs Read alone. Without DescribeConfigs it takes the topic's settings for Kafka's."""
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        topic = s.names["customer_profile"]
        guarded.topic_create(topic, 2, {"cleanup.policy": "compact"})
        producer = Producer({"bootstrap.servers": guarded.bootstrap, **CLIENT})
        producer.produce(topic, key="1", value=None)
        assert producer.flush(60) == 0
        out = tmp_path / "out.csv"
        command = ("export", "customer_profile", "-c", str(s.streamer.properties))
        guarded.grant({Right("Topic", topic, "Describe")})
        done = run_once(*command, "--output", str(out))
        assert (done.returncode, named(done.stderr)) == (1, {Right("Topic", topic, "Read")}), done
        assert not out.exists()
        guarded.grant({Right("Topic", topic, "Read")})
        done = run_once(*command, "--output", str(out))
        assert done.returncode == 0 and out.exists(), done


def test_rights__complete(guarded: Guarded, tmp_path: Path) -> None:
    """Each is named; then it waits for the processor, which does not run, and deletes nothing. The
    topic of confirmations is empty here, so nothing is read of it."""
    file = tmp_path / "accounts.csv"
    file.write_text("account_id,customer_id,balance,account_type\nonly,1,5,Savings\n")
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        s.fed.feed(load(100, PARTITIONS, "keyed", large=False))
        guarded.grant(readme_rights(s, "run") | create_rights(s))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        guarded.revoke(readme_rights(s, "run") | create_rights(s))
        options = ("--complete", "--yes", "--max-deletes", "100%", "--timeout", "1s")
        command = ("feed", "-c", str(s.streamer.properties), *options, "accounts", str(file))
        needed = [
            {Right("Topic", s.names["accounts"], "Write")},
            {Right("Group", s.app_id, "Describe")},
            {Right("Topic", s.names["account_history"], "Read")},
        ]
        for next_one in needed:
            done = run_once(*command)
            assert (done.returncode, named(done.stderr)) == (1, next_one), done
            assert len(done.stderr.splitlines()) == 1, done
            guarded.grant(next_one)
        done = run_once(*command)
        assert done.returncode == 1 and named(done.stderr) == set(), done
        assert f"app.id {s.app_id} has not read all rows" in done.stderr, done
        for granted in needed:
            guarded.revoke(granted)


def test_rights__of_what_is_read(guarded: Guarded, tmp_path: Path) -> None:
    """A topic that the user may not even see is named with the right, too."""
    with Scenario(guarded, tmp_path, PARTITIONS, settings(guarded)) as s:
        guarded.grant(readme_rights(s, "run") | create_rights(s))
        s.streamer.start()
        s.streamer.wait_ready()
        s.streamer.stop()
        guarded.revoke(readme_rights(s, "run") | create_rights(s))
        histories = [s.names[name] for name in ("account_history", "customer_history")]
        cases: dict[tuple[str, ...], list[str]] = {
            ("export", "account_summary"): [s.names["account_summary"]],
            ("export", "customer_profile", "--as-of", "2026-01-31"): histories,
            ("export", "account_history", "--as-of", "2026-01-31"): histories[:1],
        }
        for command, topics in cases.items():
            missing = {Right("Topic", topic, "Read") for topic in topics}
            while missing:
                done = run_once(*command, "-c", str(s.streamer.properties))
                said = named(done.stderr)
                assert done.returncode == 1 and len(said) == 1 and said <= missing, done
                assert len(done.stderr.splitlines()) == 1, done
                guarded.grant(said)
                missing -= said
            assert run_once(*command, "-c", str(s.streamer.properties)).returncode == 0
            guarded.revoke({Right("Topic", topic, "Read") for topic in topics})
