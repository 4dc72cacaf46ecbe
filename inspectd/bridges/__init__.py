"""Bridges: what the daemon says, for machines that do not speak its wire: Modbus TCP, OPC UA and MQTT.

    Client ──▶ Line ──▶ Image ──▶ Peer            verdicts in order; one at a time is offered
               ▲  ╰──▶ Memory      │              what was acknowledged outlives the bridge
               ╰──────── ticket ◀──╯              the other side says what it has taken

The client is a patient one, which lets no gap be. All three share everything but the peer. docs/plc.md tells a user of
them.
"""
