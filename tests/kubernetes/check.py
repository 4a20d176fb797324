"""Validates what deploy/ has for Kubernetes, and compares it with the program and the image."""

import copy
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import kubernetes_validate
import yaml
from kubernetes_validate.utils import all_versions

# gRPC probes are stable from here on.
OLDEST = (1, 27)

# What a pod needs after its drain, to flush its log and to be seen as ended.
RESERVE_MS = 3_000

# What a poor volume writes in a second.
SLOW_DISK_BYTES_PER_SECOND = 10 << 20

# Less would end a start that only takes long.
RECOVERY_S_MIN = 600

# What a limit of memory leaves for connections, spikes and the kernel's pages.
MEMORY_RESERVE_BYTES = 256 << 20

UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


def main(root: Path, program: Path) -> int:
    checks = Checks()
    image = image_of(root)
    for name, kind in [("kubernetes", "Deployment"), ("kubernetes-durable", "StatefulSet")]:
        print(f"\n== deploy/{name}")
        resources = load(root / "deploy" / name, checks)
        workload = resources[kind]
        validate(resources, workload, checks)
        settings = compare(resources, workload, image, program, checks)
        if kind == "StatefulSet":
            service = resources["Service"]["metadata"]["name"]
            checks("its serviceName is the Service", service, workload["spec"]["serviceName"])
            keeps(workload, settings, image, checks)
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
    documents = list(gather(folder, checks))
    resources = {document["kind"]: document for document in documents}
    checks("there is one resource of a kind", len(documents), len(resources))
    [workload] = [resources[kind] for kind in ("Deployment", "StatefulSet") if kind in resources]
    name, tag = container_of(workload)["image"].split(":")
    [image] = kustomization["images"]
    checks("kustomization.yaml names the image", (name, tag), (image["name"], image["newTag"]))
    checks("its tag is the version of Cargo.toml", version_of(folder.parents[1]), tag)
    return resources


def gather(folder: Path, checks: Checks) -> Iterator[dict]:
    """The documents of a kustomization, and of those that it builds on."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    files = {name for name in listed if not (folder / name).is_dir()}
    checks(f"the kustomization.yaml of {folder.name} lists every file", there, files)
    for name in listed:
        if name in files:
            yield from yaml.safe_load_all((folder / name).read_text())
        else:
            yield from gather((folder / name).resolve(), checks)


def validate(resources: dict[str, dict], workload: dict, checks: Checks) -> None:
    versions = [
        version
        for version in dict.fromkeys(all_versions())
        if tuple(map(int, version.split(".")[:2])) >= OLDEST
    ]
    claims = {
        f"{claim['kind']} {claim['metadata']['name']}": claim
        for claim in workload["spec"].get("volumeClaimTemplates", [])
    }
    for what, resource in (resources | claims).items():
        refused = {v: why for v in versions if (why := fault(resource, v))}
        checks(f"{what} fits the schemas of Kubernetes {', '.join(versions)}", {}, refused)
    # The schemas must be able to refuse something.
    for what, broken in faults(workload):
        passed = [version for version in versions if not fault(broken, version)]
        checks(f"a {workload['kind']} with {what} is refused by each", [], passed)


def fault(resource: dict, version: str) -> str | None:
    """What a version has against a resource."""
    try:
        kubernetes_validate.validate(resource, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return None


def faults(workload: dict) -> list[tuple[str, dict]]:
    named_port = copy.deepcopy(workload)
    probe(named_port, "readinessProbe")["port"] = "grpc"
    misspelt = copy.deepcopy(workload)
    misspelt["spec"]["template"]["spec"]["terminationGracePeriod"] = 20
    return [("a probe of a named port", named_port), ("a misspelt field", misspelt)]


def compare(
    resources: dict[str, dict], workload: dict, image: dict, program: Path, checks: Checks
) -> dict:
    """Holds them to each other, to the image and to the program; the program's settings."""
    container = container_of(workload)
    pod = pod_of(workload)
    variables = image["env"] | {e["name"]: e["value"] for e in container["env"]}
    settings, warnings = settings_of(program, variables)

    # Two would be two stores behind one name.
    checks("there is one replica", 1, workload["spec"]["replicas"])
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
        asked = probe(workload, name)
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

    labels = workload["spec"]["template"]["metadata"]["labels"]
    selectors = {
        workload["kind"]: workload["spec"]["selector"]["matchLabels"],
        "Service": resources["Service"]["spec"]["selector"],
        "PodDisruptionBudget": resources["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": resources["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        checks(f"the {kind} selects the pod", True, selector.items() <= labels.items())
    disruption = resources["PodDisruptionBudget"]["spec"]
    checks("the PodDisruptionBudget lets a node be drained", 1, disruption.get("maxUnavailable"))
    checks(
        "nobody is root, and the root file system is read-only",
        (True, True, False, ["ALL"]),
        (
            pod["securityContext"]["runAsNonRoot"],
            container["securityContext"]["readOnlyRootFilesystem"],
            container["securityContext"]["allowPrivilegeEscalation"],
            container["securityContext"]["capabilities"]["drop"],
        ),
    )
    memory = {name: container["resources"][name]["memory"] for name in ("requests", "limits")}
    checks("the request for memory is its limit", memory["limits"], memory["requests"])
    return settings


def keeps(workload: dict, settings: dict, image: dict, checks: Checks) -> None:
    """Holds a store that is kept to what it needs of the cluster."""
    spec, pod, container = workload["spec"], pod_of(workload), container_of(workload)
    [claim] = spec["volumeClaimTemplates"]
    [mount] = container["volumeMounts"]
    name = claim["metadata"]["name"]
    checks("the claim is what is mounted", (name, False), (mount["name"], mount.get("readOnly", False)))
    data_dir, volume = PurePosixPath(settings["data_dir"]), PurePosixPath(mount["mountPath"])
    checks(f"data_dir ({data_dir}) is in the volume ({volume})", True, volume in data_dir.parents)
    checks("the volume is where the image has a directory of its user", image["volume"], str(volume))
    checks("an answer has survived a power cut", "always", settings["durability"])
    checks("one pod alone has the volume", ["ReadWriteOncePod"], claim["spec"]["accessModes"])
    checks(
        "the user may write to the volume",
        (image["user"][1], "OnRootMismatch"),
        (pod["securityContext"]["fsGroup"], pod["securityContext"]["fsGroupChangePolicy"]),
    )
    kept = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    checks("the claim outlives the StatefulSet", kept, spec["persistentVolumeClaimRetentionPolicy"])
    checks(
        "a pod that never gets ready is replaced",
        ("Parallel", "RollingUpdate"),
        (spec["podManagementPolicy"], spec["updateStrategy"]["type"]),
    )

    drain_ms = settings["drain_grace_ms"] + settings["drain_ms_max"]
    queue = bytes_of(settings["journal_queue_bytes_max"])
    flush_ms = queue * 1000 // SLOW_DISK_BYTES_PER_SECOND
    grace_ms = pod["terminationGracePeriodSeconds"] * 1000
    checks(
        f"the pod's grace ({grace_ms} ms) covers the drain ({drain_ms} ms), the flush on a slow"
        f" disk ({flush_ms} ms) and a reserve",
        True,
        grace_ms >= drain_ms + flush_ms + RESERVE_MS,
    )
    startup = container["startupProbe"]
    recovery_s = startup["periodSeconds"] * startup["failureThreshold"]
    checks(
        f"a recovery may take {recovery_s} s, {RECOVERY_S_MIN} s or more",
        True,
        recovery_s >= RECOVERY_S_MIN,
    )

    memory_max = bytes_of(settings["memory_max"])
    waiting = ("bytes_in_flight_max", "watch_bytes_in_flight_max")
    memory = memory_max + queue + sum(bytes_of(settings[name]) for name in waiting)
    limit = bytes_of(container["resources"]["limits"]["memory"])
    named = [variable["name"] for variable in container["env"]]
    checks("memory_max is said, not a part of this machine", True, "NANOKV_MEMORY_MAX" in named)
    checks(
        f"the limit of memory ({limit} B) holds what the program may take ({memory} B) and a reserve",
        True,
        limit >= memory + MEMORY_RESERVE_BYTES,
    )
    # As docs/operations.md says: two snapshots, and the log since the last one,
    # which is as large again, and grows while the next one is written.
    log = max(memory_max, bytes_of(settings["snapshot_log_bytes_min"]))
    disk = 2 * memory_max + 2 * log + bytes_of(settings["disk_free_bytes_min"])
    room = bytes_of(claim["spec"]["resources"]["requests"]["storage"])
    checks(f"the volume ({room} B) holds snapshots and log ({disk} B)", True, room >= disk)


def pod_of(workload: dict) -> dict:
    return workload["spec"]["template"]["spec"]


def container_of(workload: dict) -> dict:
    [container] = pod_of(workload)["containers"]
    return container


def probe(workload: dict, name: str) -> dict:
    return container_of(workload)[name]["grpc"]


def bytes_of(size: str | int) -> int:
    """Of a size as Kubernetes (2Gi) or nanokv (2GiB) writes it."""
    number, unit = re.fullmatch(r"(\d+)(\w*)", str(size)).groups()
    return int(number) * ({"": 1, "B": 1} | UNITS)[unit if unit == "B" else unit.removesuffix("B")]


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
        # What it has for a volume, owned by its user.
        "volume": re.findall(r"^COPY --from=build --chown=65532:65532 \S+ (/var/\S+)$", text, re.M)[-1],
        "command": yaml.safe_load(re.findall(r"^CMD (\[.*\])$", text, re.M)[-1]),
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
