"""Check that a policy is a perceptron with unedited methods, before a faster equivalent replaces them."""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Sequence
from typing import Any

from torch import nn


def source_digest(owner: type, names: Sequence[str]) -> str | None:
    """SHA-256 of the code of some methods of a class, without docstrings and comments.

    None if the source text is not available, or if a method has more wrappers than decorators in its source.
    """
    code = []
    for name in names:
        method, wrappers = getattr(owner, name), 0
        try:
            function = ast.parse(textwrap.dedent(inspect.getsource(method))).body[0]
        except (OSError, TypeError, SyntaxError):
            return None
        while hasattr(method, "__wrapped__"):
            method, wrappers = method.__wrapped__, wrappers + 1
        if not isinstance(function, ast.FunctionDef) or len(function.decorator_list) != wrappers:
            return None
        if ast.get_docstring(function) is not None:
            function.body = function.body[1:] or [ast.Pass()]
        code.append(ast.unparse(function))
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


def known_perceptron(
    policy: Any, owner: Any, names: Sequence[str], digest: str
) -> tuple[list[nn.Linear], set[type]] | None:
    """The affine layers of a policy's perceptron and the types of the activations between; None for another policy.

    The policy must be an instance of ``owner``, and its methods ``names`` must be neither overridden nor edited.
    ``digest`` is the `source_digest` of the unedited methods.
    """
    if not isinstance(policy, owner) or any(name in vars(policy) for name in names):
        return None
    if any(getattr(type(policy), name) is not getattr(owner, name) for name in (*names, "network")):
        return None
    if source_digest(owner, names) != digest or type(policy.network) is not nn.Sequential:
        return None
    modules = [module for module in policy.network if type(module) is not nn.Identity]
    affine = [module for module in modules[::2] if type(module) is nn.Linear and module.bias is not None]
    return (affine, set(map(type, modules[1::2]))) if len(modules) == 2 * len(affine) - 1 else None
