"""`python -m mlcontrol`."""

import sys

from mlcontrol.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
