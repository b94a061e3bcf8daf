"""The book's settings for plain Sphinx, read from `_config.yml`: jupyter-book 1.x needs an old one, this does not.

`make sphinx` builds with it. A setting that is not translated here is an error, so that the two builds stay one book.
"""

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))


def take(*keys):
    """Take a setting out of the book's, so that what is left at the end is known to be without effect here."""
    *above, last = keys
    place = BOOK
    for key in above:
        place = place[key]
    return place.pop(last)


# What jupyter-book loads of itself, without its LaTeX, comments and Thebe, which the book has no use for.
extensions = [
    "sphinx_togglebutton", "sphinx_copybutton", "myst_nb", "sphinx_external_toc", "sphinx_design", "sphinx_book_theme",
    "sphinxcontrib.bibtex", "sphinx_multitoc_numbering", *take("sphinx", "extra_extensions"),
]  # fmt: skip
for name, folder in take("sphinx", "local_extensions").items():
    sys.path.append(str(ROOT / folder))
    extensions.append(name)

html_title = take("title")
author = take("author")
project_copyright = take("copyright")
html_theme = "sphinx_book_theme"
html_favicon = str(ROOT / take("html", "favicon"))
html_sourcelink_suffix = ""
html_theme_options = {
    "repository_url": take("repository", "url"),
    "repository_branch": take("repository", "branch"),
    "path_to_docs": "",
    "launch_buttons": take("launch_buttons"),
    "home_page_in_toc": True,
    "use_issues_button": take("html", "use_issues_button"),
    "use_repository_button": take("html", "use_repository_button"),
    **take("sphinx", "config", "html_theme_options"),
}
external_toc_path = str(ROOT / "_toc.yml")
external_toc_exclude_missing = take("only_build_toc_files")
exclude_patterns = ["_build", "**.ipynb_checkpoints", *take("exclude_patterns")]
numfig = True
use_multitoc_numbering = True
myst_enable_extensions = take("parse", "myst_enable_extensions")
nb_execution_mode = take("execute", "execute_notebooks")
bibtex_bibfiles = [str(ROOT / each) for each in take("bibtex_bibfiles")]
html_static_path = [str(ROOT / each) for each in take("sphinx", "config", "html_static_path")]
take("sphinx", "recursive_update")  # how jupyter-book is to treat what comes next
globals().update(take("sphinx", "config"))


def left(settings, above=""):
    """The names of the settings that nobody has taken."""
    for key, value in settings.items():
        yield from left(value, f"{above}{key}.") if isinstance(value, dict) else [above + key]


if untaken := list(left(BOOK)):
    raise ValueError(f"book/_sphinx/conf.py does not know these settings of _config.yml: {', '.join(untaken)}")
