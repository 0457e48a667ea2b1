"""`python -m audit.licences`: writes docs/licences.md, the licence of everything that a deployment installs."""

from importlib.metadata import PackageMetadata, metadata

from audit.requirements import ROOT, pinned

PAGE = ROOT / "docs" / "licences.md"
#: Those that ask for no more than their text and their authors' names.
PERMISSIVE = frozenset(
    {"0BSD", "AFL-2.1", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
)
#: Those that ask for more, one by one.
EXCEPTIONS = {
    "certifi": ("MPL-2.0", "a list of authorities; used as it is, so nothing has to be published"),
    "tqdm": ("MPL-2.0 AND MIT", "comes with azure-ai-ml; used as it is, so nothing has to be published"),
}
#: What authors write instead of the identifiers of spdx.org.
_WORDS = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
}
_HEAD = """# Licences of what the app is made of

Everything that a deployment installs (`requirements.txt`, and the image's `requirements-container.txt`), as the
distributions themselves say; made by `make licences`, and held complete by a test. Each asks for no more than its
text and its authors' names, but:

"""


def licence_of(found: PackageMetadata) -> str:
    """As its author says it, in the identifiers of spdx.org."""
    said, short = (str((found.get_all(name) or [""])[0]).strip() for name in ("License-Expression", "License"))
    if not said and short and "\n" not in short and len(short) < 40:
        said = short
    classifiers = [str(text) for text in found.get_all("Classifier") or [] if text.startswith("License :: ")]
    if not said and classifiers:
        said = classifiers[0].rpartition(" :: ")[2]
    return _WORDS.get(said, said)


def is_allowed(name: str, licence: str) -> bool:
    """Whether it is permissive, whichever of several alternatives one takes, or an exception that was thought about."""
    if name in EXCEPTIONS:
        return EXCEPTIONS[name][0] == licence
    parts = licence.replace("(", "").replace(")", "").replace(" AND ", " OR ").split(" OR ")
    return all(part in PERMISSIVE for part in parts)


def licences() -> dict[str, str]:
    """By distribution."""
    return {name: licence_of(metadata(name)) for name in sorted({each.name for each in pinned()})}


def page() -> str:
    found = licences()
    exceptions = [f"- `{name}`: {licence}, {why}." for name, (licence, why) in sorted(EXCEPTIONS.items())]
    rows = [f"| {name} | {licence} |" for name, licence in found.items()]
    table = ["| distribution | licence |", "|---|---|", *rows]
    return _HEAD + "\n".join([*exceptions, "", *table]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
