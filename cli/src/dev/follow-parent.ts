// Preloaded into every node that `quorate dev` starts. Its stdin is a pipe from that process: when the pipe ends, the
// parent is gone, however it went, and the node must not outlive it.
process.stdin.on("error", () => {});
process.stdin.on("close", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
// Only the server decides how long the process lives.
if ("unref" in process.stdin && typeof process.stdin.unref === "function") process.stdin.unref();
