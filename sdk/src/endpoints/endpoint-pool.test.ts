import { describe, expect, it } from "vitest";
import { backoffMs } from "./backoff.js";
import { CircuitBreaker } from "./circuit-breaker.js";
import { EndpointPool, parseEndpoints } from "./endpoint-pool.js";

const breaker = { failuresMax: 2, open: { baseMs: 100, maxMs: 400 } };

describe("endpoints", () => {
  it("are read from lists and from comma-separated text, without duplicates", () => {
    expect(parseEndpoints(" a:1, b:2,a:1 ")).toEqual(["a:1", "b:2"]);
    expect(parseEndpoints(["[::1]:7400", "b:2,c:3"])).toEqual(["[::1]:7400", "b:2", "c:3"]);
  });

  it.each(["", "host", "host:0", "host:70000", "http://host:1", "host:x"])("refuse %j", (text) => {
    expect(() => parseEndpoints(text)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("a circuit breaker", () => {
  it("opens after failures in a row, lets one probe through, and closes on success", () => {
    const circuit = new CircuitBreaker(breaker, () => 1);
    circuit.failed(0);
    expect(circuit.state(0)).toBe("closed");
    circuit.failed(0);
    expect(circuit.state(99)).toBe("open");
    expect(circuit.state(100)).toBe("half-open");
    circuit.failed(100);
    expect(circuit.state(299)).toBe("open");
    expect(circuit.state(300)).toBe("half-open");
    circuit.succeeded();
    expect(circuit.state(300)).toBe("closed");
  });
});

describe("an endpoint pool", () => {
  const rotated = (pool: EndpointPool): string[][] => [
    pool.candidates(0),
    pool.candidates(0),
    pool.candidates(0),
  ];

  it("starts each round at another endpoint", () => {
    const pool = new EndpointPool(["a:1", "b:1", "c:1"], breaker, () => 0);
    expect(rotated(pool).map((round) => round[0])).toEqual(["a:1", "b:1", "c:1"]);
  });

  it("puts the preferred endpoint first and the avoided one last", () => {
    const pool = new EndpointPool(["a:1", "b:1", "c:1"], breaker, () => 0);
    expect(pool.candidates(0, "c:1", (endpoint) => endpoint === "a:1")).toEqual(["c:1", "b:1", "a:1"]);
  });

  it("leaves endpoints with an open breaker out, and says how long until one may be tried", () => {
    const pool = new EndpointPool(["a:1", "b:1"], breaker, () => 1);
    for (const endpoint of ["a:1", "a:1", "b:1", "b:1"]) pool.failed(endpoint, 0);
    expect(pool.candidates(50, "a:1")).toEqual([]);
    expect(pool.waitMs(50)).toBe(50);
    expect(pool.candidates(100).sort()).toEqual(["a:1", "b:1"]);
  });
});

describe("the members that a server lists", () => {
  it("are learned, and forgotten once they are none any more; those that were given stay", () => {
    const pool = new EndpointPool(["a:1", "b:1"], breaker, () => 0);
    pool.learnMembers(["b:1", "c:1"]);
    expect(pool.endpoints).toEqual(["a:1", "b:1", "c:1"]);
    pool.learnMembers(["d:1"]);
    expect(pool.endpoints).toEqual(["a:1", "b:1", "d:1"]);
    pool.learnMembers([]);
    expect(pool.endpoints).toEqual(["a:1", "b:1", "d:1"]);
  });
});

describe("backoff", () => {
  it("doubles its ceiling up to the maximum", () => {
    const bounds = { baseMs: 10, maxMs: 50 };
    expect([0, 1, 2, 3, 100].map((attempt) => backoffMs(attempt, bounds, () => 1))).toEqual([
      10, 20, 40, 50, 50,
    ]);
    expect(backoffMs(5, bounds, () => 0)).toBe(0);
  });
});
