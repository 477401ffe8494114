from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from deploy.kubernetes.render import OVERLAYS, digest, render
from sureflow_server.settings import Settings
from tests.deploy.sources import DEPLOY, documents, room, rules

VERSIONS = ("1.30", "1.37")
"""Of Kubernetes: the oldest and the newest that the manifests are checked with."""

KUBERNETES = DEPLOY / "kubernetes"
LAST_WORDS_S = 5


def rendered(overlay: str) -> list[dict[str, Any]]:
    return documents(KUBERNETES / "rendered" / f"{overlay}.yaml")


def one(overlay: str, kind: str, name: str = "sureflow") -> dict[str, Any]:
    found = [d for d in rendered(overlay) if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{kind} {name}"
    return found[0]


def container(overlay: str) -> dict[str, Any]:
    (found,) = one(overlay, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(overlay: str) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in container(overlay)["env"]}


def pods(overlay: str) -> Iterator[dict[str, Any]]:
    for document in rendered(overlay):
        if "template" in document.get("spec", {}):
            yield document["spec"]["template"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_rendered_files_are_made_from_the_sources(overlay: str) -> None:
    text = (KUBERNETES / "rendered" / f"{overlay}.yaml").read_text()
    assert digest() in text.partition("\n")[0], "run deploy/kubernetes/render.py"
    if shutil.which("kubectl"):
        assert render(overlay) == text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_follow_their_schemas(overlay: str, version: str) -> None:
    for document in rendered(overlay):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_are_held_against_them() -> None:
    broken = copy.deepcopy(one("redis", "Deployment"))
    broken["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenessProb"):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_their_pods(overlay: str) -> None:
    labels = [pod["metadata"]["labels"] for pod in pods(overlay)]
    for document in rendered(overlay):
        selector = document.get("spec", {}).get("selector") or document.get("spec", {}).get(
            "podSelector"
        )
        if selector:
            wanted = selector.get("matchLabels", selector)
            matching = [each for each in labels if wanted.items() <= each.items()]
            assert len(matching) == 1, document["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ports_are_named_by_the_containers(overlay: str) -> None:
    named = {port["name"] for pod in pods(overlay)
             for each in pod["spec"]["containers"] for port in each["ports"]}  # fmt: skip
    for document in rendered(overlay):
        if document["kind"] == "Service":
            assert {port["targetPort"] for port in document["spec"]["ports"]} <= named
    probes = [container(overlay)[f"{name}Probe"]["httpGet"]
              for name in ("startup", "readiness", "liveness")]  # fmt: skip
    assert {probe["port"] for probe in probes} == {"http"}
    assert [probe["path"] for probe in probes] == ["/health/ready", "/health/ready", "/health/live"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_keep_to_the_restricted_profile(overlay: str) -> None:
    """What the label of the namespace makes the cluster insist on, and a read-only root."""
    for pod in pods(overlay):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in spec["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= each["resources"]["requests"].keys()
            assert {"cpu", "memory"} <= each["resources"]["limits"].keys()
            volumes = {volume["name"] for volume in spec.get("volumes", ())} | {"data"}
            assert {mount["name"] for mount in each["volumeMounts"]} <= volumes


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_variable_is_named_after_a_service(overlay: str) -> None:
    """One of them would be SUREFLOW_PORT, and no number."""
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods(overlay))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_has_time_to_drain(overlay: str) -> None:
    spec = one(overlay, "Deployment")["spec"]["template"]["spec"]
    pause = float(container(overlay)["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = float(environment(overlay)["SUREFLOW_DRAIN_S"])
    assert drain == Settings().drain_s
    assert spec["terminationGracePeriodSeconds"] > pause + drain + LAST_WORDS_S


def test_one_replica_has_its_own_volume_and_several_share_a_store() -> None:
    single = one("single", "Deployment")["spec"]
    assert single["replicas"] == 1
    assert single["strategy"] == {"type": "Recreate"}
    (data,) = [v for v in single["template"]["spec"]["volumes"] if v["name"] == "data"]
    claim = data["persistentVolumeClaim"]["claimName"]
    assert one("single", "PersistentVolumeClaim", claim)
    assert "SUREFLOW_STORE" not in environment("single")
    for overlay in ("redis", "gpu"):
        assert "replicas" not in one(overlay, "Deployment")["spec"], "the autoscaler's to say"
        host = environment(overlay)["SUREFLOW_STORE"].partition("@")[2].partition(":")[0]
        assert one(overlay, "Service", host)
        names = list(environment(overlay))
        assert names.index("REDIS_PASSWORD") < names.index("SUREFLOW_STORE"), "or it is not put in"


@pytest.mark.parametrize("overlay", ["redis", "gpu"])
def test_redis_has_room_for_what_replicas_may_keep(overlay: str) -> None:
    spec = one(overlay, "StatefulSet", "sureflow-redis")["spec"]["template"]["spec"]
    (redis,) = spec["containers"]
    most = redis["args"][redis["args"].index("--maxmemory") + 1]
    assert room(environment(overlay)) <= 0.8 * kubernetes_bytes(most)
    assert kubernetes_bytes(most) < kubernetes_bytes(redis["resources"]["limits"]["memory"])


def kubernetes_bytes(text: str) -> int:
    number, unit = text.rstrip("GMgmib"), text.lstrip("0123456789")
    return int(number) << {"g": 30, "m": 20}[unit[0].lower()]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_client_is_sent_back_to_where_it_was(overlay: str) -> None:
    for document in rendered(overlay):
        if document["kind"] == "Service":
            assert document["spec"].get("sessionAffinity", "None") == "None"


def test_a_gpu_is_asked_for_and_used() -> None:
    assert container("gpu")["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert environment("gpu")["SUREFLOW_DEVICE"] == "cuda"
    assert container("gpu")["image"].endswith("-cuda")
    assert container("redis")["image"].endswith("-cpu")


def test_scaling_goes_by_a_metric_that_the_adapter_serves() -> None:
    (values,) = documents(KUBERNETES / "adapter-values.yaml")
    served = {rule["seriesQuery"].partition("{")[0] for rule in values["rules"]["custom"]}
    for overlay in ("redis", "gpu"):
        spec = one(overlay, "HorizontalPodAutoscaler")["spec"]
        assert {metric["pods"]["metric"]["name"] for metric in spec["metrics"]} == served
        assert spec["scaleTargetRef"]["name"] == one(overlay, "Deployment")["metadata"]["name"]
    assert any(metric in rule["expr"] for metric in served for rule in rules())
