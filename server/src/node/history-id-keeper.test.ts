import { expect, it } from "vitest";
import type { CommandBody } from "../state-machine/index.js";
import { HistoryIdKeeper } from "./history-id-keeper.js";

function keeper(cluster: { id: string; format: number }) {
  const submitted: { body: CommandBody; ended: () => void }[] = [];
  let made = 0;
  const keeping = new HistoryIdKeeper({
    known: () => cluster.id,
    fresh: () => `id${++made}`,
    understood: (format) => cluster.format >= format,
    submit: (body, ended) => submitted.push({ body, ended }),
  });
  return { keeping, submitted };
}

it("proposes an id for a history that has none, one at a time, and another when that came to nothing", () => {
  const cluster = { id: "", format: 4 };
  const { keeping, submitted } = keeper(cluster);
  keeping.tick();
  keeping.tick();
  expect(submitted).toHaveLength(1);
  submitted[0]?.ended();
  keeping.tick();
  expect(submitted).toHaveLength(2);
  keeping.leaderChanged();
  keeping.tick();
  expect(submitted).toHaveLength(3);
  for (const { body } of submitted) expect(body.kind).toBe("historyId");
});

it("leaves a history that has one as it is", () => {
  const { keeping, submitted } = keeper({ id: "aa", format: 4 });
  keeping.tick();
  expect(submitted).toEqual([]);
});

it("waits until every member understands it", () => {
  const cluster = { id: "", format: 3 };
  const { keeping, submitted } = keeper(cluster);
  keeping.tick();
  expect(submitted).toEqual([]);
  cluster.format = 4;
  keeping.tick();
  expect(submitted).toHaveLength(1);
});
