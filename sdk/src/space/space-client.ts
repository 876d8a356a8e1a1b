import { grpcServiceDefinition, type Quota as QuotaMessage, SpaceService } from "@quorate/proto";
import { quotaCalls } from "../arguments/calls.js";
import type { CallOptions } from "../client/options.js";
import type { MutationOptions } from "../kv/options.js";
import { fenceOf, int64, wirePath } from "../kv/request.js";
import type { UnaryRunner } from "../session/unary-runner.js";
import type { Quota, QuotaLimits, Quotas, SubtreeStat } from "./space.js";

const service = grpcServiceDefinition(SpaceService);

/** The client behind {@link Quotas}: single requests, to whichever node answers. */
export class SpaceClient implements Quotas {
  readonly #unary: UnaryRunner;

  constructor(unary: UnaryRunner) {
    this.#unary = unary;
  }

  async set(path: string, limits: QuotaLimits, options?: MutationOptions): Promise<Quota | undefined> {
    return this.#set(...quotaCalls.set(path, limits, options));
  }

  async #set(path: string, limits: QuotaLimits, options: MutationOptions): Promise<Quota | undefined> {
    const fence = fenceOf(options.fence);
    const { quota } = await this.#unary.call(
      {
        method: service.setQuota,
        request: {
          $typeName: "quorate.v1.SetQuotaRequest",
          path: wirePath(path),
          keysMax: int64("keysMax", limits.keysMax),
          bytesMax: int64("bytesMax", limits.bytesMax),
          ...(fence === undefined ? {} : { fence }),
        },
        mutation: true,
      },
      options,
    );
    return quotaOf(quota);
  }

  async get(path: string, options?: CallOptions): Promise<Quota | undefined> {
    const [subtree, taken] = quotaCalls.get(path, options);
    const { quota } = await this.#unary.call(
      {
        method: service.getQuota,
        request: { $typeName: "quorate.v1.GetQuotaRequest", path: wirePath(subtree) },
        mutation: false,
      },
      taken,
    );
    return quotaOf(quota);
  }

  async list(options?: CallOptions): Promise<Quota[]> {
    const [taken] = quotaCalls.list(options);
    const { quotas } = await this.#unary.call(
      {
        method: service.listQuotas,
        request: { $typeName: "quorate.v1.ListQuotasRequest" },
        mutation: false,
      },
      taken,
    );
    return quotas.map(toQuota);
  }

  async delete(path: string, options?: MutationOptions): Promise<void> {
    const [subtree, taken] = quotaCalls.delete(path, options);
    await this.#set(subtree, {}, taken);
  }
}

/** Counts what a subtree holds. */
export async function subtreeStat(
  unary: UnaryRunner,
  path: string,
  options: CallOptions,
): Promise<SubtreeStat> {
  const response = await unary.call(
    {
      method: service.stat,
      request: { $typeName: "quorate.v1.StatRequest", path: wirePath(path) },
      mutation: false,
    },
    options,
  );
  return {
    revision: Number(response.revision),
    keys: Number(response.keys),
    bytes: Number(response.bytes),
    quota: quotaOf(response.quota),
    spaceBytes: Number(response.spaceBytes),
    spaceBytesMax: Number(response.spaceBytesMax),
  };
}

function quotaOf(message: QuotaMessage | undefined): Quota | undefined {
  return message === undefined ? undefined : toQuota(message);
}

function toQuota({ path, keysMax, bytesMax, keys, bytes }: QuotaMessage): Quota {
  return {
    path,
    keysMax: Number(keysMax),
    bytesMax: Number(bytesMax),
    keys: Number(keys),
    bytes: Number(bytes),
  };
}
