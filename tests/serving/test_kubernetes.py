"""The examples for Kubernetes and KServe: their schemas accept them, and what they ask of the server is there."""

import copy
import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import schema_contents
from referencing import Registry

from samebits.image.engine import HARDENED
from samebits.serving.serve import GRACE_SECONDS
from tests.conftest import ROOT, Project
from tests.serving.test_serve import Running, running

EXAMPLES = ROOT / "docs" / "kubernetes"
OLDEST, NEWEST = re.search(r"Kubernetes (\S+) or newer", (EXAMPLES / "deployment.yaml").read_text())[1], "1.37"  # type: ignore[index]
DEPLOYMENT, SERVICE = yaml.safe_load_all((EXAMPLES / "deployment.yaml").read_text())
[INFERENCE] = yaml.safe_load_all((EXAMPLES / "inferenceservice.yaml").read_text())
POD = DEPLOYMENT["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]
[PORT] = CONTAINER["ports"]


@functools.cache
def of_kserve() -> jsonschema.Draft202012Validator:
    """What KServe takes, in a pod nothing that Kubernetes does not know."""
    kubernetes = schema_contents(f"kubernetes-json-schema/v{NEWEST}.0-local-strict/_definitions.json", NEWEST)
    registry: Registry[Any] = Registry().with_contents([(kubernetes["$id"], kubernetes)])
    schema = json.loads((Path(__file__).parent / "kserve.json").read_text())
    return jsonschema.Draft202012Validator(schema, registry=registry)


def validate(example: dict[str, Any], version: str = NEWEST) -> None:
    """Hold an example against the schema of its kind, where a name that is not in the schema is a mistake."""
    if example["kind"] in ("Deployment", "Service"):
        assert kubernetes_validate.validate(example, version, strict=True) == version
    else:
        of_kserve().validate(example)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("example", [DEPLOYMENT, SERVICE], ids=lambda example: example["kind"])
def test_kubernetes_accepts_the_example(example: dict[str, Any], version: str) -> None:
    validate(example, version)


def test_kserve_accepts_the_example() -> None:
    validate(INFERENCE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("terminationGracePeriod", 30),
        ("terminationGracePeriodSeconds", "30"),
        ("containers.0.readinessProbe.path", "/"),
        ("containers.0.lifecycle.preStop.sleep.seconds", "5s"),
        ("containers.0.securityContext.readOnlyRootFileSystem", True),
        ("containers.0.image", 1),
    ],
)
def test_what_is_misspelt_is_not_accepted(path: str, value: Any) -> None:
    for example, place in ((DEPLOYMENT, "spec.template.spec"), (INFERENCE, "spec.predictor")):
        wrong = copy.deepcopy(example)
        *parts, last = f"{place}.{path}".split(".")
        inside = functools.reduce(lambda found, part: found[int(part) if part.isdigit() else part], parts, wrong)
        inside[last] = value
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong)


def test_both_run_the_same_pod() -> None:
    of_predictor = {key: value for key, value in INFERENCE["spec"]["predictor"].items() if "Replicas" not in key}
    [container] = of_predictor["containers"]
    more = {"name": "kserve-container", "env": [{"name": "PROTOCOL", "value": "v2"}]}
    assert container == CONTAINER | more
    assert of_predictor | {"containers": [CONTAINER]} == POD
    assert INFERENCE["metadata"]["name"] == option("--name")  # KServe's clients ask for a model of this name


def test_the_service_finds_the_pods_and_their_port() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert SERVICE["spec"]["selector"].items() <= labels.items()
    assert [each["targetPort"] for each in SERVICE["spec"]["ports"]] == [PORT["name"]]


def test_it_is_hardened_as_the_image_is_tested() -> None:
    image = (ROOT / "Dockerfile").read_text()
    limits = CONTAINER["securityContext"]
    asked = {
        "--read-only": limits["readOnlyRootFilesystem"],
        "--cap-drop=all": limits["capabilities"] == {"drop": ["ALL"]},
        "--security-opt=no-new-privileges": not limits["allowPrivilegeEscalation"],
    }
    assert asked == dict.fromkeys(set(HARDENED) - {"--network=none"}, True)
    user = POD["securityContext"]
    assert f"\nUSER {user['runAsUser']}:{user['runAsGroup']}\n" in image
    assert user["runAsNonRoot"]
    assert not POD["automountServiceAccountToken"]
    assert f"\nEXPOSE {PORT['containerPort']}\n" in image


def test_it_is_killed_only_after_the_drain() -> None:
    assert POD["terminationGracePeriodSeconds"] > CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"] + GRACE_SECONDS


def test_the_server_answers_the_probes(trained: Project) -> None:
    program, *arguments = CONTAINER["args"]
    assert program == "serve"
    assert int(option("--port")) == PORT["containerPort"]
    arguments[arguments.index("--port") + 1] = "0"
    scrape = DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]
    assert int(scrape["prometheus.io/port"]) == PORT["containerPort"]
    with running(trained, *arguments) as server:
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = CONTAINER[kind]["httpGet"]
            assert probe["port"] == PORT["name"]
            assert asked(server, probe["path"], "kube-probe/1.37")[0] == 200
        status, text = asked(server, scrape["prometheus.io/path"], "Prometheus/3")
        assert status == 200
        assert "samebits_rows_total" in text


def asked(server: Running, path: str, client: str) -> tuple[int, str]:
    return server.send("GET", path, headers={"User-Agent": client, "Connection": "close"})


def option(name: str) -> str:
    arguments = CONTAINER["args"]
    return str(arguments[arguments.index(name) + 1])
