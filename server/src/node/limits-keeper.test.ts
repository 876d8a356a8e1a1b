import { expect, it } from "vitest";
import type { CommandBody, Limits } from "../state-machine/index.js";
import { LimitsKeeper } from "./limits-keeper.js";

const wanted: Limits = { spaceBytesMax: 5_000_000, sessionResultBytesMax: 100 };

function keeper(known: { agreed: Limits; format: number }) {
  const submitted: { body: CommandBody; ended: () => void }[] = [];
  const limits = new LimitsKeeper({
    wanted,
    agreed: () => known.agreed,
    understood: (format) => known.format >= format,
    submit: (body, ended) => submitted.push({ body, ended }),
  });
  return { limits, submitted };
}

it("proposes the leader's limits once, and again when that came to nothing", () => {
  const known = { agreed: { spaceBytesMax: 0, sessionResultBytesMax: 0 }, format: 2 };
  const { limits, submitted } = keeper(known);
  limits.tick();
  limits.tick();
  expect(submitted.map(({ body }) => body)).toEqual([{ kind: "limits", ...wanted }]);
  submitted[0]?.ended();
  limits.tick();
  expect(submitted).toHaveLength(2);
  known.agreed = wanted;
  submitted[1]?.ended();
  limits.tick();
  expect(submitted).toHaveLength(2);
});

it("waits until every member understands them", () => {
  const known = { agreed: { spaceBytesMax: 0, sessionResultBytesMax: 0 }, format: 1 };
  const { limits, submitted } = keeper(known);
  limits.tick();
  expect(submitted).toEqual([]);
  known.format = 2;
  limits.tick();
  expect(submitted).toHaveLength(1);
});
