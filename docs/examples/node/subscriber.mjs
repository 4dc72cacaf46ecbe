// Prints a line for every verdict, part and change, in order and each exactly once; what was missed is asked for first.
// node subscriber.mjs [--since N [--journal NAME]] [--keys FILE] [VERDICTS REPLAY]; the rules: docs/wire.md.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Dealer, Subscriber } from "zeromq";

const SILENCE_MS = 3000; // the daemon says something every second
const ANSWER_MS = 5000;
const TRIES = 2;

const { values, positionals } = parseArgs({
  options: { since: { type: "string" }, journal: { type: "string" }, keys: { type: "string" } },
  allowPositionals: true,
});
const [verdictsAddress = "tcp://127.0.0.1:5590", replayAddress = "tcp://127.0.0.1:5592"] = positionals;

// Numbers

let next = values.since && Number(values.since); // undefined: what comes from now on
let journal = values.journal;
let boot;
let state;

/** One message of the verdicts' socket: everything that must be told before it, and it. */
async function hear(message) {
  if (message.wire !== 1) throw new Error(`wire version ${message.wire}, not 1; update the older one`);
  const newest = message.kind === "heartbeat" ? message.sequence : message.sequence - 1; // the number before it
  noticeChanges(message, newest);
  next ??= newest + 1;
  if (next <= newest) await repair(newest);
  if (message.kind === "heartbeat") tellState(message.state);
  else if (message.sequence === next) tellNumbered(message); // a lower number was told already
}

function noticeChanges(message, newest) {
  const otherBoot = message.boot !== boot;
  if (otherBoot && boot) console.log(`restart ${message.boot}`);
  boot = message.boot;
  const wentBack = otherBoot && newest + 1 < next;
  if ((journal && journal !== message.journal) || wentBack) {
    console.log(`journal-replaced ${message.journal}: numbers begin anew, call an operator`);
    next = 1;
  }
  journal = message.journal;
}

/** Tell everything up to `last`: as it was published where it can be had, else as lost. */
async function repair(last) {
  console.log(`missing ${next} ${last}: asking for them`);
  while (next <= last) {
    const { verdicts, problem } = await ask(next, last);
    for (const verdict of verdicts) {
      tellLostUpTo(verdict.sequence, "no longer in the journal");
      tellNumbered(verdict);
    }
    if (verdicts.length === 0) tellLostUpTo(last + 1, problem);
  }
}

// Replay

/** One answer: the beginning of the range; empty, with the problem, where none is to be had. */
async function ask(first, last) {
  for (let tries = 0; tries < TRIES; tries++) {
    // What is left of an answer given up goes with its socket.
    const socket = connected(Dealer, replayAddress, ANSWER_MS);
    try {
      await socket.send(JSON.stringify({ request: "replay", first, last }));
      const verdicts = [];
      for await (const [kind, body] of socket) {
        const message = JSON.parse(body);
        if (kind.toString() === "verdict") verdicts.push(message);
        else if (kind.toString() === "replay_error") return { verdicts: [], problem: message.error };
        else if (message.journal !== journal) return { verdicts: [], problem: "the journal was replaced" };
        else if (message.sent !== verdicts.length) break;
        else return { verdicts, problem: "no longer in the journal" };
      }
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // no answer in time
    } finally {
      socket.close();
    }
  }
  return { verdicts: [], problem: `no answer from ${replayAddress}` };
}

// What is told: here an action of yours belongs

function tellNumbered(message) {
  next = message.sequence + 1;
  const { sequence, kind, outcome, reason, score } = message;
  if (kind === "change") console.log(`${sequence} change ${message.surface} ${message.action} ${message.bundle}`);
  else if (kind === "part") console.log(`${sequence} part ${message.part} ${outcome}`);
  else console.log(`${sequence} verdict ${message.camera} ${outcome} ${reason ?? Number(score.toPrecision(4))}`);
}

function tellLostUpTo(sequence, problem) {
  if (next < sequence) console.log(`lost ${next} ${sequence - 1}: ${problem}; take these parts for bad`);
  next = sequence;
}

function tellState(newState) {
  if (newState !== state) console.log(`state ${newState}`);
  state = newState;
}

function tellSilence() {
  if (state !== "silent") console.log(`silence ${SILENCE_MS / 1000} s: take every part for bad`);
  state = "silent";
}

// Sockets

function connected(Kind, address, receiveTimeout) {
  const keepalive = { tcpKeepalive: 1, tcpKeepaliveIdle: 2, tcpKeepaliveInterval: 2, tcpKeepaliveCount: 3 };
  const socket = new Kind({ receiveTimeout, linger: 0, ...keepalive, ...curve(values.keys) });
  socket.connect(address);
  return socket;
}

/** Options for a daemon with keys; the file is what `inspectd keys client` makes. */
function curve(file) {
  if (!file) return {};
  const text = readFileSync(file, "utf8");
  const field = (name) => text.match(new RegExp(`^\\s*${name}\\s*=\\s*"(.{40})"`, "m"))?.[1];
  return {
    curvePublicKey: field("public-key"),
    curveSecretKey: field("secret-key"),
    curveServerKey: field("server-key"),
  };
}

const verdicts = connected(Subscriber, verdictsAddress, SILENCE_MS);
verdicts.subscribe();
for (;;) {
  const parts = await verdicts.receive().catch((error) => {
    if (error.code !== "EAGAIN") throw error;
  });
  if (parts) await hear(JSON.parse(parts[1]));
  else tellSilence();
}
