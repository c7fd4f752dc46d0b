"""Collection of tests: modules for optional packages are left out where these are missing."""

from importlib.util import find_spec

OPTIONAL = {"torch": "pyfly/torch/*.py", "threadpoolctl": "pyfly/_threadpool.py"}

collect_ignore_glob = [files for package, files in OPTIONAL.items() if not find_spec(package)]
