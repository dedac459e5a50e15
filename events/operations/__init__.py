"""What an operator may do. Shared by the console and the commands; each leaves an audit row.

    replay_dead_letters   redeliver up to a hundred to the one group that failed, at once
    replay_edited         redeliver one with a payload that was put right
    propose_history       stored events to one group: catch up, handle again, or rehearse (shadow);
                          or said again to everyone, as new events
    propose_replay, begin the same for any number: the set is frozen and shown, then confirmed
    propose_decision      discard or restore any number that way
    pause, resume, cancel move an operation that is under way
    decide                discard dead letters, or restore them
    note_failure, silence_failure, look_into  say who owns a failure, and what is known of it
    export_letters        dead letters as they may leave the console: masked
    pause_group           have workers neither read nor run a group, until resume_group
    move_group, undo_move let a paused group go on from another place, and back
    handle_again          have a group forget what it has handled, and send it that once more
    detach_group          take a group nobody declares off its streams
    rehearse_letter       run the handlers on a dead letter's event and roll everything back
    publish_test_event    publish one event marked synthetic
    run_retries_now       make waiting retries of a group due at once
    give_up_retries       make dead letters of them
    hand_back             let held entries be taken over at once
    bury_pending          make dead letters of them
    repair_dangling       acknowledge held entries that are gone from their stream
    remove_consumer       remove one of a process that is gone and holds nothing

Every function takes the actor, and a reason where it changes what happens to somebody's events. It
raises Refused, and has then changed nothing, when the actor may not or the thing cannot be done.
"""

from events.audit import Actor
from events.errors import Refused
from events.operations.again import handle_again
from events.operations.consumers import remove_consumer
from events.operations.control import cancel, pause, resume
from events.operations.decisions import DECISIONS, DISCARD, RESTORE, Decision, decide
from events.operations.detaching import detach_group
from events.operations.edits import replay_edited
from events.operations.exports import export_letters
from events.operations.group_pauses import pause_group, resume_group
from events.operations.history import propose_history
from events.operations.mending import Mended
from events.operations.modes import (
    CATCH_UP,
    FOR_ADMINS,
    HANDLE_AGAIN,
    MODES,
    NEW_EVENTS,
    SHADOW,
    to_type,
)
from events.operations.moves import Way, move_group, undo_move
from events.operations.notes import look_into, note_failure, silence_failure
from events.operations.pending import bury_pending, hand_back, repair_dangling
from events.operations.permissions import MOST_WITHOUT_STEP_UP, note_step_up
from events.operations.proposals import Manner, begin, propose_decision, propose_replay, withdraw
from events.operations.redelivery import redeliver_waiting
from events.operations.rehearsal import rehearse_letter
from events.operations.replays import replay_dead_letters
from events.operations.running import advance_operations
from events.operations.shadows import advance_shadows
from events.operations.stage import Rehearsal
from events.operations.test_events import publish_test_event
from events.operations.waiting import give_up_retries, run_retries_now
from events.transport.mending import Held

__all__ = [
    "CATCH_UP",
    "DECISIONS",
    "DISCARD",
    "FOR_ADMINS",
    "HANDLE_AGAIN",
    "MODES",
    "MOST_WITHOUT_STEP_UP",
    "NEW_EVENTS",
    "RESTORE",
    "SHADOW",
    "Actor",
    "Decision",
    "Held",
    "Manner",
    "Mended",
    "Refused",
    "Rehearsal",
    "Way",
    "advance_operations",
    "advance_shadows",
    "begin",
    "bury_pending",
    "cancel",
    "decide",
    "detach_group",
    "export_letters",
    "give_up_retries",
    "hand_back",
    "handle_again",
    "look_into",
    "move_group",
    "note_failure",
    "note_step_up",
    "pause",
    "pause_group",
    "propose_decision",
    "propose_history",
    "propose_replay",
    "publish_test_event",
    "redeliver_waiting",
    "rehearse_letter",
    "remove_consumer",
    "repair_dangling",
    "replay_dead_letters",
    "replay_edited",
    "resume",
    "resume_group",
    "run_retries_now",
    "silence_failure",
    "to_type",
    "undo_move",
    "withdraw",
]
