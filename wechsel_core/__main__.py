"""``python -m wechsel_core``."""

import sys

from wechsel_core.cli import main

sys.exit(main())
