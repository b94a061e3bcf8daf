"""The shared library of the book: equations, facts with sources, and ways to show them.

A notebook imports `costlib.book`; everything else is reached from there.
"""

import sys

# jsonschema, under both nbformat and frictionless, compiles a grammar for internationalised addresses when it is
# imported, if JupyterLab has brought the package along. That takes a second, and nothing here validates addresses.
sys.modules.setdefault("rfc3987_syntax", None)
