"""Check that methods are neither overridden nor edited, before a faster equivalent replaces them."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Sequence


def source_digest(owner: type, names: Sequence[str]) -> str | None:
    """SHA-256 of the code of some methods of a class, without docstrings and comments.

    None if the source text is not available, or if a method has more wrappers than decorators in its source.
    """
    methods = [getattr(owner, name) for name in names]
    try:
        trees = [ast.parse(textwrap.dedent(inspect.getsource(method))) for method in methods]
    except (OSError, TypeError, SyntaxError):
        return None
    for method, tree in zip(methods, trees, strict=True):
        function, decorators = tree.body[0], 0
        while hasattr(method, "__wrapped__"):
            method, decorators = method.__wrapped__, decorators + 1
        if not isinstance(function, ast.FunctionDef) or len(function.decorator_list) != decorators:
            return None
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256("\n".join(map(ast.unparse, trees)).encode()).hexdigest()


def methods_are_known(instance: object, owner: type, names: Sequence[str], digest: str) -> bool:
    """Whether an object's methods are those of ``owner``, and their source text has the given digest.

    Args:
        instance: an object of ``owner`` or of a class derived from it.
        owner: the class whose methods are known.
        names: of the methods.
        digest: what `source_digest` gave for the known text.
    """
    if not isinstance(instance, owner):
        return False
    overridden = any(getattr(type(instance), name) is not getattr(owner, name) for name in names)
    replaced = any(name in vars(instance) for name in names)
    return not overridden and not replaced and source_digest(owner, names) == digest
