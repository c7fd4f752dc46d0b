import sys

from pyfly.cli import main

sys.exit(main())
