"""``python -m dsagent``: the same as the ``dsagent`` command."""

import sys

from dsagent.cli import main

if __name__ == "__main__":
    sys.exit(main())
