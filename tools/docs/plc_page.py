"""docs/plc.md: registers, nodes, topics and numbers of the bridges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from inspectd.bridges import mqtt
from inspectd.bridges.codes import REASONS, STATES, Kind, LostReason, OutcomeCode
from inspectd.bridges.command import MODBUS_PORT, MQTT_PORT, OPCUA_PORT
from inspectd.bridges.fields import (
    ACKNOWLEDGE_REGISTER,
    IMAGE_WORDS,
    STATUS_FIELDS,
    TICKET_WORDS,
    VERDICT_FIELDS,
    Field,
    Type,
)
from inspectd.bridges.handover import Position, frame_handover, lost_handover, part_handover
from inspectd.bridges.line import Image, Limits, Status
from inspectd.bridges.nodes import ACKNOWLEDGE, NAMESPACE, NODES, PATH, TRIGGER
from inspectd.wire.models import DaemonState, Reason
from tools.docs.examples import FAIL, PART
from tools.docs.tables import member_docs, table

SERIES = 1_772_346_600
"""Of the examples."""
TOPIC = "factory/line-3"
_TYPES = {Type.U16: "16 bits", Type.U32: "32 bits", Type.F32: "float, 32 bits", Type.TEXT: "text"}
_LOST = lost_handover(Position(SERIES, FAIL.journal, 1041), LostReason.NOT_IN_JOURNAL, 12)
_IMAGE = Image(
    life=318,
    status=Status.READY | Status.CAMERAS_RUN,
    state=STATES[DaemonState.INSPECTING],
    waiting=0,
    passed=516,
    failed=2,
    errors=1,
    lost=0,
    surface=FAIL.surface,
    bundle=FAIL.bundle,
    offered=None,
    camera_number=0,
)


def plc_parts() -> dict[str, str]:
    """What the template asks for."""
    limits = Limits()
    return {
        "status-registers": _registers(STATUS_FIELDS),
        "verdict-registers": _registers(VERDICT_FIELDS),
        "status-bits": _bits(),
        "outcomes": _numbers(member_docs(OutcomeCode)),
        "kinds": _numbers(member_docs(Kind)),
        "reasons": _reasons(),
        "states": _states(),
        "nodes": table(("node", "type", "meaning"), ((f"`{n.path}`", n.type, n.meaning) for n in NODES)),
        "topics": _topics(),
        "state-json": _pretty(mqtt.state_json(_IMAGE)),
        "offline-json": _pretty(mqtt.OFFLINE),
        "lost-json": _pretty(_LOST.to_json()),
        "last-register": str(IMAGE_WORDS - 1),
        "acknowledge-first": str(ACKNOWLEDGE_REGISTER),
        "acknowledge-last": str(ACKNOWLEDGE_REGISTER + TICKET_WORDS - 1),
        "acknowledge-node": ACKNOWLEDGE,
        "trigger-node": TRIGGER,
        "namespace": NAMESPACE,
        "path": PATH,
        "modbus-port": str(MODBUS_PORT),
        "opcua-port": str(OPCUA_PORT),
        "mqtt-port": str(MQTT_PORT),
        "silence-s": f"{limits.silence_s:g}",
        "ack-s": f"{limits.ack_s:g}",
        "waiting": str(limits.waiting),
        "keepalive-s": f"{1.5 * mqtt.KEEPALIVE_S:g}",
    }


def _registers(fields: Sequence[Field]) -> str:
    return table(
        ("register", "name", "type", "meaning"),
        ((_range(field), f"`{field.name}`", _TYPES[field.type], field.meaning) for field in fields),
    )


def _range(field: Field) -> str:
    last = field.register + field.words - 1
    return str(field.register) if field.words == 1 else f"{field.register}–{last}"


def _bits() -> str:
    docs = member_docs(Status)
    return table(
        ("bit", "name", "meaning"),
        ((str(flag.bit_length() - 1), f"`{str(flag.name).lower()}`", docs[flag.value]) for flag in Status),
    )


def _numbers(docs: dict[int, str]) -> str:
    return table(("number", "meaning"), ((str(number), text) for number, text in docs.items()))


def _reasons() -> str:
    docs = member_docs(Reason)
    rows = [(str(number), f"`{reason}`", docs[reason.value]) for reason, number in REASONS.items()]
    lost = member_docs(LostReason)
    rows += [(str(reason.value), f"`{reason.name.lower()}`", lost[reason.value]) for reason in LostReason]
    return table(("number", "reason", "meaning"), rows)


def _states() -> str:
    docs = member_docs(DaemonState)
    rows = [("0", "", "The daemon is not heard.")]
    return table(
        ("number", "state", "meaning"),
        rows + [(str(number), f"`{state}`", docs[state.value]) for state, number in STATES.items()],
    )


def _topics() -> str:
    camera = replace(frame_handover(FAIL, SERIES), camera="CAMERA")
    return table(
        ("topic", "QoS", "payload"),
        (
            (f"`{mqtt.state_topic('TOPIC')}`", "0, retained", "The state; the last will as well."),
            (f"`{mqtt.handover_topic('TOPIC', camera)}`", "1", "A verdict on a frame."),
            (f"`{mqtt.handover_topic('TOPIC', part_handover(PART, SERIES))}`", "1", "A verdict on a part."),
            (f"`{mqtt.handover_topic('TOPIC', _LOST)}`", "1", "Word that verdicts are lost."),
        ),
    )


def _pretty(text: str) -> str:
    return f"```json\n{json.dumps(json.loads(text), indent=2)}\n```"
