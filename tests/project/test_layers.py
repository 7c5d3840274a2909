"""Who may import whom, read from the source and, for torch, tried in a fresh process."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from detectors.methods import METHODS

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "detectors"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ENGINE.rglob("*.py"))
}
# The rooms of the engine, from the ground up, and what each may import. README shows them as a picture.
ROOMS = {
    "errors": set(),
    "result": {"errors"},
    "methods": {"errors"},
    "images": {"errors"},
    "datasets": {"errors", "images"},
    "features": {"errors", "result", "methods"},
    "evaluation": {"errors", "result", "images", "datasets"},
    "comparison": {"errors", "result", "methods", "images", "datasets", "features", "evaluation"},
    "export": {"errors", "methods", "images", "features", "evaluation", "comparison"},
    "stress": {"errors", "result", "methods", "datasets", "features", "evaluation", "comparison"},
    "plots": {"errors", "result", "methods", "evaluation", "stress"},
    "report": {"errors", "result", "methods", "evaluation", "plots", "stress"},
    "live": {  # processes of its own: a camera's frames are answered while workers are busy with runs
        "errors", "result", "methods", "images", "features", "evaluation", "comparison", "plots",
    },
    "queries": {
        "errors", "result", "methods", "images", "datasets", "features", "evaluation", "comparison", "export",
        "stress", "report",
    },
    "workers": {"errors", "result", "methods", "datasets", "features", "comparison", "queries"},
    "__main__": {
        "errors", "result", "methods", "images", "datasets", "features", "comparison", "export", "stress", "report",
    },
}  # fmt: skip
METHOD_FILES = sorted({card.home.partition(":")[0] for card in METHODS.values()})
REGISTRY = {"detectors.methods", "detectors.methods.card", "detectors.methods.settings", "detectors.errors"}
BELOW_METHODS = (
    "base", "inputs", "outputs", "neighbors", "coreset", "gaussian", "maps", "pyramid", "official_embedding",
    "training", "speed", "tracing",
)  # fmt: skip
ARITHMETIC = {f"detectors.methods.{name}" for name in BELOW_METHODS} | REGISTRY
PAGES = [*sorted((ROOT / "pages").rglob("*.py")), *ROOT.glob("app.py")]
FRAME = [path for path in sorted((ROOT / "pages" / "frame").glob("*.py")) if path.name != "main.py"]
TORCH_FREE = (
    "result", "errors", "methods", "methods.settings", "methods.card", "methods.base", "datasets", "images",
    "evaluation", "evaluation.thresholds", "datasets.builtin", "features.weights", "features.packages",
    "plots", "report", "workers.client", "live.service",
)  # fmt: skip
HEAVY = ("torch", "torchvision", "timm", "safetensors.torch")


@cache
def tree(path):
    return ast.parse(path.read_text("utf-8"))


def imports(path, everywhere=True):
    """Yield what a file imports; only while it is being imported unless `everywhere`."""
    bodies = [tree(path)]
    while bodies:
        node = bodies.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import in line {node.lineno}"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names
            if not MODULES.keys() >= set(names):  # something of the module itself, not only modules in it
                yield node.module
        elif not everywhere and later(node):
            continue
        bodies.extend(ast.iter_child_nodes(node))


def later(node):
    """Whether what is inside runs after the import, or never."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def own(path, **kwargs):
    return {name for name in imports(path, **kwargs) if name in MODULES and name != "detectors"}


def room(name):
    return name.split(".")[1]


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_import_only_what_lies_below_them(name):
    reached = {room(other) for module in MODULES if module != "detectors" and room(module) == name
               for other in own(MODULES[module])}  # fmt: skip
    assert reached - {name} <= ROOMS[name]
    below = list(ROOMS)[: list(ROOMS).index(name)]
    assert ROOMS[name] <= set(below), "a room stands above all that it imports"


def test_every_module_has_a_room():
    assert {room(name) for name in MODULES if name != "detectors"} == set(ROOMS)
    assert {path.stem for path in ENGINE.glob("*.py")} == {"__init__", "__main__", "errors", "result"}


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "app.py"], ids=lambda path: str(path))
def test_a_page_knows_itself_and_the_frame(path):
    page = path.relative_to(ROOT / "pages").parts[0]
    reached = {module.split(".")[1] for module in imports(path) if module.startswith("pages.")}
    assert reached <= {page, "frame"}


@pytest.mark.parametrize("path", FRAME, ids=lambda path: path.stem)
def test_the_frame_holds_only_what_several_use(path):
    name = f"pages.frame.{path.stem}"
    users = {user.relative_to(ROOT).parts[1] if user.name != "app.py" else "app"
             for user in PAGES if name in imports(user)}  # fmt: skip
    assert "app" in users or "frame" in users or len(users) > 1, f"only {users} use it"


@pytest.mark.parametrize("name", METHOD_FILES)
def test_methods_import_only_what_lies_below_them(name):
    assert own(MODULES[name]) <= ARITHMETIC
    outside = {module.split(".")[0] for module in imports(MODULES[name])} - {"detectors"}
    assert outside - set(sys.stdlib_module_names) <= {"torch", "numpy", "scipy", "sklearn"}


@pytest.mark.parametrize("name", sorted(ARITHMETIC))
def test_what_lies_below_the_methods_knows_none_of_them(name):
    assert own(MODULES[name]) <= ARITHMETIC


@pytest.mark.parametrize("name", MODULES)
def test_the_engine_knows_nothing_of_the_app(name):
    roots = {module.split(".")[0] for module in imports(MODULES[name])}
    assert not roots & {"streamlit", "pages", "app", "tests"}


def test_pages_leave_torch_to_the_workers():
    for path in PAGES:
        assert not {module.split(".")[0] for module in imports(path)} & {"torch", "torchvision", "timm"}, path.name


def test_imports_make_no_circle():
    needs = {name: own(path, everywhere=False) for name, path in MODULES.items()}
    while needs:
        free = [name for name, others in needs.items() if not others & needs.keys() - {name}]
        assert free, f"a circle among {sorted(needs)}"
        for name in free:
            del needs[name]


def present():
    return [name for name in TORCH_FREE if f"detectors.{name}" in MODULES]


@pytest.mark.parametrize("name", ["supervisor", "process", "attempt", "given_back"])
def test_what_starts_workers_and_what_a_scheduler_opens_imports_next_to_nothing(name):
    outside = {module.split(".")[0] for module in imports(MODULES[f"detectors.workers.{name}"], everywhere=False)}
    assert outside - set(sys.stdlib_module_names) <= {"detectors", "psutil"}
    parts = ("given_back", "journal", "timeline")
    light = {f"detectors.{module}" for module in ("errors", "workers", *(f"workers.{part}" for part in parts))}
    assert own(MODULES[f"detectors.workers.{name}"], everywhere=False) <= light


@pytest.mark.parametrize("name", present())
def test_no_torch_on_the_way_to(name):
    reached, waiting = set(), {f"detectors.{name}"}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        found = set(imports(MODULES[module], everywhere=False))
        assert not {f for f in found if f in HEAVY or f.split(".")[0] in HEAVY}, f"{module} imports torch"
        waiting |= (found & MODULES.keys()) - reached


def test_no_torch_in_a_fresh_process():
    names = ", ".join(f"detectors.{name}" for name in present())
    code = (
        f"import sys, detectors, {names}\n"
        "detectors.methods.settings_help('cfa')\n"
        "print([m for m in ('torch', 'streamlit', 'timm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_no_pickle_and_no_torch_load():
    """One file may call torch.load, on bytes whose hash it knows (tests of `packages`), and for weights only."""
    for name, path in MODULES.items():
        assert not {"pickle", "shelve", "marshal", "dill", "joblib"} & set(imports(path)), name
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called == "torch.load" and name == "detectors.features.packages":
                    assert {k.arg: ast.unparse(k.value) for k in node.keywords}["weights_only"] == "True"
                    continue
                assert called not in ("torch.load", "torch.jit.load", "eval", "exec"), f"{name} line {node.lineno}"
                for keyword in node.keywords:
                    if keyword.arg == "allow_pickle":
                        assert ast.unparse(keyword.value) == "False", f"{name} line {node.lineno}"


def test_nothing_happens_at_import():
    for name, path in MODULES.items():
        if name not in ("detectors", "detectors.__main__"):  # the first says where things of version 0.1 are now
            for node in tree(path).body:
                call = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
                assert not call, f"{name} line {node.lineno}"


def test_the_first_page_waits_for_no_heavy_package_that_it_does_not_need():
    heavy = ("torch", "matplotlib", "scipy.stats", "sklearn", "timm", "onnxruntime", "pandas")
    code = (
        "import sys\n"
        "from pages.frame import backend, data, sidebar, state, style, trouble\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
