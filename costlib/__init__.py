"""The shared library of the book: equations, facts with sources, and ways to show them.

A notebook imports `costlib.book`; everything else is reached from there.
"""

import os
import sys

# jsonschema, under both nbformat and frictionless, compiles a grammar for internationalised addresses when it is
# imported, if JupyterLab has brought the package along. That takes a second, and nothing here validates addresses.
sys.modules.setdefault("rfc3987_syntax", None)

# Notebooks run side by side on all cores, where the threads of linear algebra would only wait for each other: the fits
# of the serving model took twice as long with them. And the last digits of a sum depend on how many there are, while a
# book must be the same on every machine. numpy reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
