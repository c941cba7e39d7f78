"""Load tests against a running server: `headwater bench`.

Each virtual user sends its next request only when the one before is answered, after a pause, as people do. So a server
that is slow is asked less; compare the requests a second too, not the times alone.
"""

from headwater.operate.load.figures import Figures, Report
from headwater.operate.load.profiles import DATABASE, PROFILES, Profile
from headwater.operate.load.run import LoadTest
from headwater.operate.load.scenarios import reach, readable, reading
from headwater.operate.load.scripts import TOOLS, Tool, play, script
from headwater.operate.load.visit import Account, Scenario, SignInError, VirtualUser

__all__ = [
    "DATABASE",
    "PROFILES",
    "TOOLS",
    "Account",
    "Figures",
    "LoadTest",
    "Profile",
    "Report",
    "Scenario",
    "SignInError",
    "Tool",
    "VirtualUser",
    "play",
    "reach",
    "readable",
    "reading",
    "script",
]
