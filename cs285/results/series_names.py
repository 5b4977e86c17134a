"""Names that tell series from one another."""

from __future__ import annotations

from collections.abc import Sequence

from cs285.data.shipped import input_files
from cs285.results.series import FILES, Series, differing_settings

DIGITS = 6  # of a SHA-256


def series_names(series: Sequence[Series]) -> list[str]:
    """A name for each series on one task: its method, and the settings in which they differ."""
    names = [name for name in differing_settings(series) if name not in ("env_name", "do_dagger")]
    columns = [[f"{name}={value}" for value in values_that_differ(series, name)] for name in names]
    return [" ".join(parts) for parts in zip([s.method for s in series], *columns, strict=True)]


def values_that_differ(series: Sequence[Series], name: str) -> list[str]:
    """A setting's value in each series; of a file its stem or, where that is the same, what its SHA-256 begins with."""
    if name not in FILES:
        return [str(getattr(s.config, name)) for s in series]
    paths = [input_files(s.config).get(name) for s in series]
    digests = [s.inputs.get(name, "unknown") for s in series]
    stems = ["none" if path is None else path.stem for path in paths]
    beginnings = [digest[: None if digest == "unknown" else DIGITS] for digest in digests]
    different = len({*zip(paths, digests, strict=True)})
    both = [f"{path} {beginning}" for path, beginning in zip(paths, beginnings, strict=True)]
    return next((names for names in (stems, beginnings) if len(set(names)) == different), both)
