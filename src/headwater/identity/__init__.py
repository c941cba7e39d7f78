"""Identity: accounts, sessions, and the tokens that stand for them."""

from headwater.identity.identity import Grant as Grant
from headwater.identity.identity import Identity as Identity
from headwater.identity.identity import Settings as Settings
from headwater.identity.resources import RESOURCES as RESOURCES
from headwater.identity.routes import routes as routes
