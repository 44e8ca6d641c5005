"""Write tests/serving/kserve.json: the JSON schema of KServe's InferenceService, from the newest `kserve` on PyPI.

That package has a class for each type of KServe's API and needs some thirty others, so its sources are read, not run.
What is of Kubernetes refers to the schemas in the package `kubernetes-validate`.
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "tests" / "serving" / "kserve.json"
ROOT = "V1beta1InferenceService"
KUBERNETES = "https://kubernetes.io/api/_definitions.json#/$defs/io.k8s."
SIMPLE = {"str": "string", "int": "integer", "bool": "boolean"}
REQUIRED = re.compile(r"Invalid value for `(\w+)`, must not be `None`")


def main() -> None:
    """Download, read and write."""
    with tempfile.TemporaryDirectory() as folder:
        download = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", f"--dest={folder}", "kserve"]
        subprocess.run([sys.executable, "-m", "pip", *download], check=True)
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            names = [name for name in package.namelist() if name.startswith("kserve/models/v1")]
            sources = [package.read(name).decode() for name in names]
        version = wheel.name.split("-")[1]
    models = {name: schema for source in sources for name, schema in _schemas(source)}
    models[ROOT]["properties"] |= {"apiVersion": {"const": "serving.kserve.io/v1beta1"}, "kind": {"const": ROOT[7:]}}
    models[ROOT]["properties"].pop("status")  # KServe writes it
    models[ROOT]["required"] = ["apiVersion", "kind", "metadata", "spec"]
    comment = f"tools/kserve_schema.py wrote this from kserve {version} of PyPI; Apache-2.0, The KServe Authors"
    schema = {"$comment": comment, "$ref": f"#/$defs/{ROOT}", "$defs": _needed(models)}
    FILE.write_text(json.dumps(schema, indent=1) + "\n")


def _schemas(source: str) -> list[tuple[str, dict[str, Any]]]:
    """The name and the schema of each class in a module that OpenAPI Generator wrote."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            tables = {ast.unparse(each.targets[0]): each.value for each in node.body if isinstance(each, ast.Assign)}
            types = ast.literal_eval(tables["openapi_types"])
            names = ast.literal_eval(tables["attribute_map"])
            schema = {
                "type": "object",
                "properties": {names[each]: _schema(kind) for each, kind in types.items()},
                "required": sorted({names[each] for each in REQUIRED.findall(source)}),
                "additionalProperties": False,
            }
            found.append((node.name, schema))
    return found


def _schema(kind: str) -> dict[str, Any]:
    """The schema of a type as OpenAPI Generator names it."""
    if of_list := re.fullmatch(r"list\[(.+)\]", kind):
        return {"type": "array", "items": _schema(of_list[1])}
    if of_dict := re.fullmatch(r"dict\(str, (.+)\)", kind):
        return {"type": "object", "additionalProperties": _schema(of_dict[1])}
    if kind in SIMPLE:
        return {"type": SIMPLE[kind]}
    if kind in ("ResourceQuantity", "V1beta1MetricQuantity"):
        return {"$ref": f"{KUBERNETES}apimachinery.pkg.api.resource.Quantity"}
    if kind == "V1ObjectMeta":
        return {"$ref": f"{KUBERNETES}apimachinery.pkg.apis.meta.v1.ObjectMeta"}
    if of_group := re.fullmatch(r"K8sIoApi([A-Z][a-z]+)(V\d)(\w+)", kind):
        return {"$ref": f"{KUBERNETES}api.{of_group[1].lower()}.{of_group[2].lower()}.{of_group[3]}"}
    if of_core := re.fullmatch(r"V1([A-Z]\w+)", kind):
        return {"$ref": f"{KUBERNETES}api.core.v1.{of_core[1]}"}
    return {"$ref": f"#/$defs/{kind}"}


def _needed(models: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those models that the root refers to, directly or not."""
    needed: set[str] = set()
    waiting = {ROOT}
    while waiting:
        needed |= waiting
        text = json.dumps([models[each] for each in waiting])
        waiting = set(re.findall(r'"#/\$defs/(\w+)"', text)) - needed
    return {each: models[each] for each in sorted(needed)}


if __name__ == "__main__":
    main()
