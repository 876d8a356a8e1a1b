import { expect, it } from "vitest";
import { Process } from "./process.js";
import { Random } from "./random.js";
import { World } from "./world.js";

it("runs what waited for the disk before what came later, also when a pause came in between", () => {
  const world = new World();
  const process = new Process("n1", new Random(1), 0, (error) => {
    throw error;
  });
  const done: string[] = [];
  world.at(1, process, "writes", () => {
    done.push("writes");
    world.block(process, 99);
  });
  world.at(2, process, "first", () => done.push("first"));
  world.at(50, undefined, "pause", () => world.pause(process));
  world.at(60, process, "second", () => done.push("second"));
  world.at(70, undefined, "resume", () => world.resume(process));
  world.at(80, process, "third", () => done.push("third"));
  world.run(99, () => false);
  expect(done).toEqual(["writes"]);
  world.run(200, () => false);
  expect(done).toEqual(["writes", "first", "second", "third"]);
});
