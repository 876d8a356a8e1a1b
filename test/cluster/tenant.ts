import { connect } from "@quorate/sdk";

// A client in a process of its own that owns some keys by its session and does nothing more. Arguments: endpoints, the
// directory of its keys, how many, session TTL in milliseconds.

const [endpoints = "", directory = "", keys = "", ttlMs = ""] = process.argv.slice(2);

/** On the machine's monotonic clock, which all processes share. The session cannot have begun before it. */
const askedAtMs = Number(process.hrtime.bigint()) / 1e6;
const quorate = await connect(endpoints, { sessionTtlMs: Number(ttlMs), connectTimeoutMs: 15_000 });
for (let i = 0; i < Number(keys); i++) await quorate.put(`${directory}/${i}`, "here", { lease: "session" });
process.stdout.write(`${JSON.stringify({ kind: "ready", askedAtMs, sessionId: quorate.sessionId })}\n`);
