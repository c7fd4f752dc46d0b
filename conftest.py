"""Collection of tests: modules for optional packages are left out where these are missing."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["pyfly/torch/*.py"]
