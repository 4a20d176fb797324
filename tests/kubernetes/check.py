"""Validates deploy/kubernetes, and compares it with the program and the image."""

import copy
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import yaml
from kubernetes_validate.utils import all_versions

# gRPC probes are stable from here on.
OLDEST = (1, 27)

# What a pod needs after its drain, to flush its log and to be seen as ended.
RESERVE_MS = 3_000


def main(root: Path, program: Path) -> int:
    folder = root / "deploy" / "kubernetes"
    checks = Checks()
    resources = load(folder, checks)
    validate(resources, checks)
    compare(resources, image_of(root), program, checks)
    return checks.end()


class Checks:
    """Says what is right and counts what is not."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def __call__(self, what: str, expected: object, actual: object) -> None:
        if expected == actual:
            self.passed += 1
            print(f"ok      {what}")
        else:
            self.failed += 1
            print(f"FAILED  {what}: expected {expected}, got {actual}")

    def end(self) -> int:
        print(f"\nkubernetes: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def load(folder: Path, checks: Checks) -> dict[str, dict]:
    """The resources by kind; one of each."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    listed = kustomization["resources"]
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    checks("kustomization.yaml lists every file", there, set(listed))
    documents = [
        document
        for name in listed
        for document in yaml.safe_load_all((folder / name).read_text())
    ]
    resources = {document["kind"]: document for document in documents}
    checks("there is one resource of a kind", len(documents), len(resources))
    name, tag = container_of(resources)["image"].split(":")
    [image] = kustomization["images"]
    checks("kustomization.yaml names the image", (name, tag), (image["name"], image["newTag"]))
    checks("its tag is the version of Cargo.toml", version_of(folder.parents[1]), tag)
    return resources


def validate(resources: dict[str, dict], checks: Checks) -> None:
    versions = [
        version
        for version in dict.fromkeys(all_versions())
        if tuple(map(int, version.split(".")[:2])) >= OLDEST
    ]
    for kind, resource in resources.items():
        refused = {v: why for v in versions if (why := fault(resource, v))}
        checks(f"{kind} fits the schemas of Kubernetes {', '.join(versions)}", {}, refused)
    # The schemas must be able to refuse something.
    for what, broken in faults(resources["Deployment"]):
        passed = [version for version in versions if not fault(broken, version)]
        checks(f"a Deployment with {what} is refused by each", [], passed)


def fault(resource: dict, version: str) -> str | None:
    """What a version has against a resource."""
    try:
        kubernetes_validate.validate(resource, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return None


def faults(deployment: dict) -> list[tuple[str, dict]]:
    named_port = copy.deepcopy(deployment)
    probe(named_port, "readinessProbe")["port"] = "grpc"
    misspelt = copy.deepcopy(deployment)
    misspelt["spec"]["template"]["spec"]["terminationGracePeriod"] = 20
    return [("a probe of a named port", named_port), ("a misspelt field", misspelt)]


def compare(resources: dict[str, dict], image: dict, program: Path, checks: Checks) -> None:
    container = container_of(resources)
    pod = resources["Deployment"]["spec"]["template"]["spec"]
    variables = image["env"] | {e["name"]: e["value"] for e in container["env"]}
    settings, warnings = settings_of(program, variables)

    checks("the program knows all of its variables", "", warnings)
    port = int(settings["listen"].rsplit(":", 1)[1])
    checks("the program listens on all addresses", f"0.0.0.0:{port}", settings["listen"])
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    checks("the container's port is the program's", {"grpc": port}, ports)
    checks("the image exposes it", port, image["port"])
    [service_port] = resources["Service"]["spec"]["ports"]
    checks("the Service leads to it", "grpc", service_port["targetPort"])
    [rule] = resources["NetworkPolicy"]["spec"]["ingress"]
    checks("the NetworkPolicy lets it through", ["grpc"], [p["port"] for p in rule["ports"]])
    for name, service in [
        ("startupProbe", "nanokv.v1.KvService"),
        ("readinessProbe", "nanokv.v1.KvService"),
        ("livenessProbe", "liveness"),
    ]:
        asked = probe(resources["Deployment"], name)
        checks(f"the {name} asks there for {service}", {"port": port, "service": service}, asked)

    drain_ms = settings["drain_grace_ms"] + settings["drain_ms_max"]
    grace_ms = pod["terminationGracePeriodSeconds"] * 1000
    checks(
        f"the pod's grace ({grace_ms} ms) covers the drain ({drain_ms} ms) and a reserve",
        True,
        grace_ms >= drain_ms + RESERVE_MS,
    )
    checks("the command is the image's", image["command"], container["args"])
    user = (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"])
    checks("the user is the image's", image["user"], user)

    labels = resources["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = {
        "Deployment": resources["Deployment"]["spec"]["selector"]["matchLabels"],
        "Service": resources["Service"]["spec"]["selector"],
        "PodDisruptionBudget": resources["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": resources["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        checks(f"the {kind} selects the pod", True, selector.items() <= labels.items())


def container_of(resources: dict[str, dict]) -> dict:
    [container] = resources["Deployment"]["spec"]["template"]["spec"]["containers"]
    return container


def probe(deployment: dict, name: str) -> dict:
    return deployment["spec"]["template"]["spec"]["containers"][0][name]["grpc"]


def version_of(root: Path) -> str:
    return tomllib.loads((root / "Cargo.toml").read_text())["package"]["version"]


def settings_of(program: Path, variables: dict[str, str]) -> tuple[dict, str]:
    """What the program makes of variables, and its warnings."""
    told = subprocess.run(
        [program, "config"], env=variables, capture_output=True, text=True, check=False
    )
    if told.returncode != 0:
        sys.exit(f"nanokv config: {told.stderr}")
    return tomllib.loads(told.stdout), told.stderr


def image_of(root: Path) -> dict:
    """What the Dockerfile says of the image."""
    text = (root / "Dockerfile").read_text()
    return {
        "env": dict(re.findall(r"^ENV (\w+)=(\S+)$", text, re.M)),
        "port": int(re.findall(r"^EXPOSE (\d+)$", text, re.M)[-1]),
        "user": tuple(map(int, re.findall(r"^USER (\d+):(\d+)$", text, re.M)[-1])),
        "command": yaml.safe_load(re.findall(r"^CMD (\[.*\])$", text, re.M)[-1]),
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
