"""SLEAP's skeletons: the graph in .slp files, and the .json and .yml files of skeletons alone.

In JSON they are NetworkX graphs as jsonpickle writes them: an object is spelled out where it first occurs and is a
number ("py/id", counted from 1 in the order of the text) after that. Nothing is unpickled here; names and numbers are
picked from the text. Source: sleap/skeleton.py (SLEAP 1.0 to 1.6), sleap_io/io/skeleton.py (0.9).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from krolik.errors import InvalidFile
from krolik.formats.imported import Imported, Wishes, decode_text
from krolik.formats.reading import load_json, refusing, skeleton_of, unique_names
from krolik.poses import Labels
from krolik.skeleton import Skeleton

TITLE = "SLEAP skeleton"
EDGE, SYMMETRY = 1, 2


def sniff(path: Path) -> bool:
    """Whether this is the file of a skeleton alone."""
    if path.suffix in (".yml", ".yaml") and path.is_file():
        with path.open("rb") as file:
            head = file.read(4096)
        return b"nodes:" in head and b"bodyparts" not in head
    if path.suffix != ".json":
        return False
    value = load_json(path)
    return isinstance(value, dict) and ("nx_graph" in value or {"links", "nodes"} <= set(value))


def read(path: Path, wishes: Wishes) -> Imported:
    """A skeleton without labels. Raises InvalidFile."""
    with refusing(path, "SLEAP skeleton"):
        skeleton = _read_yaml(path) if path.suffix != ".json" else decode(load_json(path))
        if not len(skeleton):
            raise ValueError("it has no nodes")
        return Imported(TITLE, Labels(skeleton), ())


def _read_yaml(path: Path) -> Skeleton:
    text, _ = decode_text(path.read_bytes(), path)
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidFile("not valid YAML", path) from error
    (graph,) = value.values() if isinstance(value, dict) and "nodes" not in value else (value,)
    names = unique_names(str(n["name"]) for n in graph["nodes"])
    at = {name: i for i, name in enumerate(names)}
    edges = [(at[str(e["source"]["name"])], at[str(e["destination"]["name"])]) for e in graph.get("edges") or ()]
    pairs = {tuple(sorted(at[str(n["name"])] for n in pair)) for pair in graph.get("symmetries") or ()}
    return skeleton_of(names, edges, sorted((p[0], p[1]) for p in pairs) or None)


def decode(graph: dict, nodes: list[str] | None = None) -> Skeleton:
    """The skeleton of a graph whose nodes are spelled out, or numbers into `nodes`. Raises ValueError, KeyError, ..."""
    graph = graph.get("nx_graph") or graph
    seen: list[str | int] = []  # what "py/id" counts
    links = []
    for link in graph.get("links", ()):
        source, target = (_node(link[end], seen, nodes) for end in ("source", "target"))
        links.append((link.get("edge_insert_idx", len(links)), source, target, _kind(link.get("type"), seen)))
    names = unique_names(_node(n["id"], seen, nodes) for n in graph.get("nodes", ()))
    at = {name: i for i, name in enumerate(names)}
    edges = [(at[a], at[b]) for _, a, b, kind in sorted(links, key=lambda link: link[0] or 0) if kind == EDGE]
    pairs = {tuple(sorted((at[a], at[b]))) for _, a, b, kind in links if kind == SYMMETRY}
    return skeleton_of(names, edges, sorted((p[0], p[1]) for p in pairs) or None)


def says_pairs(graph: dict) -> bool:
    """Whether a graph has symmetries of its own."""
    seen: list = []
    return SYMMETRY in [_kind(link.get("type"), seen) for link in (graph.get("nx_graph") or graph).get("links", ())]


def _node(value: Any, seen: list, nodes: list[str] | None) -> str:
    if nodes is not None and not isinstance(value, dict):
        return nodes[int(value)]
    if "py/id" in value:
        name = seen[value["py/id"] - 1]
        if not isinstance(name, str):
            raise ValueError(f"py/id {value['py/id']} is not a node")
        return name
    state = value.get("py/state", value)
    name = str(state["py/tuple"][0] if "py/tuple" in state else state["name"])
    seen.append(name)
    return name


def _kind(value, seen: list) -> int:
    if value is None:
        return EDGE
    if "py/reduce" in value:
        seen.append(int(value["py/reduce"][1]["py/tuple"][0]))
        return seen[-1]
    number = value["py/id"]
    kind = seen[number - 1] if number <= len(seen) else number
    return kind if isinstance(kind, int) else EDGE


def encode(skeleton: Skeleton) -> dict:
    """The graph of a skeleton, its nodes as numbers in the skeleton's order."""
    at = skeleton.position
    joins = [(at[a], at[b], EDGE) for a, b in skeleton.edges]
    joins += [join for a, b in skeleton.pairs for join in ((at[a], at[b], SYMMETRY), (at[b], at[a], SYMMETRY))]
    seen: list[int] = []
    links = []
    for i, (source, target, kind) in enumerate(joins):
        if kind in seen:
            spelled: dict = {"py/id": seen.index(kind) + 1}
        else:
            seen.append(kind)
            spelled = {"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [kind]}]}
        order = {"edge_insert_idx": i} if kind == EDGE else {}
        links.append({**order, "key": 0, "source": source, "target": target, "type": spelled})
    return {
        "directed": True, "graph": {"name": "Skeleton-0", "num_edges_inserted": len(skeleton.edges)}, "links": links,
        "multigraph": True, "nodes": [{"id": i} for i in range(len(skeleton))],
    }  # fmt: skip
