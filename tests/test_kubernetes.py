"""What docs/kubernetes says is what Kubernetes, Dagster's launcher and its Helm chart take."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema

from flamingo_bark_assets.defs.names import LOCATION

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
DEPLOYMENT = VALUES["dagster-user-deployments"]["deployments"][0]
# The chart's folder, from `helm pull dagster/dagster --untar`; its schema is not ours to ship.
CHART = "DAGSTER_HELM_CHART"

needs_schemas = pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None, reason="not installed: kubernetes-validate"
)


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / "shared-volume.yaml").read_text()))


def validate(manifest: dict[str, Any]) -> None:
    import kubernetes_validate

    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@needs_schemas
@pytest.mark.parametrize("manifest", manifests(), ids=lambda manifest: manifest["kind"])
def test_each_manifest_is_one_of_kubernetes(manifest: dict[str, Any]) -> None:
    validate(manifest)


@needs_schemas
def test_the_pod_of_the_code_server_is_one_of_kubernetes() -> None:
    container = {
        "name": DEPLOYMENT["name"],
        "image": "{repository}:{tag}".format(**DEPLOYMENT["image"]),
        "imagePullPolicy": DEPLOYMENT["image"]["pullPolicy"],
        "ports": [{"containerPort": DEPLOYMENT["port"]}],
        "volumeMounts": DEPLOYMENT["volumeMounts"],
        "resources": DEPLOYMENT["resources"],
        "env": DEPLOYMENT["env"],
    }
    spec = {
        "containers": [container],
        "securityContext": DEPLOYMENT["podSecurityContext"],
        "volumes": DEPLOYMENT["volumes"],
    }
    validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "code-server"}, "spec": spec})


def test_the_launcher_takes_what_the_chart_writes_for_it() -> None:
    pytest.importorskip("dagster_k8s", reason="not installed: dagster-k8s")
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.job import UserDefinedDagsterK8sConfig

    given = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    written = {snake(name): value for name, value in given.items()}
    written["run_k8s_config"] = {snake(name): value for name, value in written["run_k8s_config"].items()}
    written |= {"service_account_name": "dagster", "instance_config_map": "instance", "dagster_home": "/opt/dagster"}
    found = process_config(K8sRunLauncher.config_type(), written)
    assert found.success, found.errors
    UserDefinedDagsterK8sConfig.from_dict(written["run_k8s_config"])  # refuses what no pod has


def test_the_instance_takes_queue_and_monitoring() -> None:
    daemon = VALUES["dagsterDaemon"]
    settings = {
        "run_queue": {snake(k): v for k, v in daemon["runCoordinator"]["config"]["queuedRunCoordinator"].items()},
        "run_monitoring": {snake(name): value for name, value in daemon["runMonitoring"].items()},
        "retention": {"sensor": {"purge_after_days": VALUES["retention"]["sensor"]["purgeAfterDays"]}},
    }
    found = process_config(dagster_instance_config_schema(), settings)
    assert found.success, found.errors


def test_postgres_is_asked_for_by_the_driver_that_dagster_uses() -> None:
    utils = pytest.importorskip("dagster_postgres.utils", reason="not installed: dagster-postgres")
    import sqlalchemy

    given = VALUES["postgresql"]
    url = utils.get_conn_string(
        username=given["postgresqlUsername"], password="secret", hostname=given["postgresqlHost"],
        db_name=given["postgresqlDatabase"], port=str(given["service"]["port"]), scheme=given["postgresqlScheme"],
    )  # fmt: skip
    assert sqlalchemy.create_engine(url).dialect.driver == "psycopg2"


def test_the_parts_name_each_other() -> None:
    (server,) = VALUES["dagsterWebserver"]["workspace"]["servers"]
    assert server == {"host": DEPLOYMENT["name"], "port": DEPLOYMENT["port"], "name": LOCATION}
    names = {manifest["metadata"]["name"] for manifest in manifests()}
    assert {volume["persistentVolumeClaim"]["claimName"] for volume in DEPLOYMENT["volumes"]} <= names
    assert VALUES["global"]["postgresqlSecretName"] in names
    assert DEPLOYMENT["env"] == [{"name": "FLAMINGO_BARK_DATA", "value": DEPLOYMENT["volumeMounts"][0]["mountPath"]}]


def test_all_pods_run_as_the_user_of_the_image_for_whom_its_loops_are_compiled() -> None:
    found = re.search(r"^USER (\d+):(\d+)$", (FOLDER.parents[1] / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    (studio,) = (manifest for manifest in manifests() if manifest["kind"] == "Deployment")
    runs = VALUES["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["podSpecConfig"]["security_context"]
    for given in (DEPLOYMENT["podSecurityContext"], studio["spec"]["template"]["spec"]["securityContext"], runs):
        user = {snake(name): value for name, value in given.items()}
        assert (str(user["run_as_user"]), str(user["run_as_group"])) == found.groups()


def test_the_chart_takes_the_values() -> None:
    if not (chart := os.environ.get(CHART)):
        pytest.skip(f"{CHART} does not name the folder of Dagster's Helm chart")
    from jsonschema import Draft7Validator

    schema = json.loads((Path(chart) / "values.schema.json").read_text())
    defaults = yaml.safe_load((Path(chart) / "values.yaml").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(merged(defaults, VALUES))] == []


def merged(defaults: Any, given: Any) -> Any:
    """What Helm makes of a chart's defaults and the values that are given."""
    if not isinstance(defaults, dict) or not isinstance(given, dict):
        return given
    return defaults | {name: merged(defaults.get(name), value) for name, value in given.items()}
