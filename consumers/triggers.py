"""The words for what calls for an action, and for the actions a user may choose."""

from typing import Literal

Action = Literal["matter-or-dossier", "dossier", "business-card", "none"]
Trigger = Literal["ringing", "connected", "ended", "outgoing", "party-change", "click"]
Actions = dict[Trigger, Action]
