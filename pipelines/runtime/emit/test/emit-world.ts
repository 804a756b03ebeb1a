/** What a lake of live traffic has accepted, and emissions of it, for tests. */
import { seededRandom } from '../../../../core/adapters/memory/seeded-random.ts'
import type { FeedHit } from '../../../../core/hit.ts'
import type { Disk } from '../../../../core/ports/disk.ts'
import { firstGeneration } from '../../../../schemas/tables.ts'
import { type EmitToFileOptions, emitToFile } from '../../../adapters/emit/emit-to-file.ts'
import type { EmitFormat } from '../../../adapters/emit/formats.ts'
import { acceptedHit, acceptedHitOfFailed } from '../../../jobs/accepted-hit.ts'
import { everywhere, type RerunWorld } from '../../rerun/test/rerun-world.ts'
import { compareKeys, type HistoryKey, historyKey } from '../order.ts'
import { type EmitProgress, type EmitRequest, firstMark } from '../progress.ts'

export { everywhere }

export const everything: EmitRequest = { snapshot: 'latest', from: null, to: null, merchant: null }

export interface Accepted {
  readonly key: HistoryKey
  readonly hit: FeedHit
}

/** Every accepted hit once, in the order of emissions, as the tables say. */
export async function acceptedOf(world: RerunWorld): Promise<readonly Accepted[]> {
  const hourOf = (time: unknown) => Math.floor((time as number) / 3_600_000)
  const hits = (await world.live('hits')).map((row) => ({ hour: hourOf(row.time), hit: acceptedHit(row) }))
  const failed = (await world.live('failed_hits')).flatMap((row) => {
    const hit = acceptedHitOfFailed(row)
    return hit === null ? [] : [{ hour: hourOf(row.received), hit }]
  })
  return [...hits, ...failed]
    .map(({ hour, hit }) => ({ key: historyKey(hour, hit), hit }))
    .sort((a, b) => compareKeys(a.key, b.key))
}

export const begunOn = (world: RerunWorld, request: EmitRequest, output: string): EmitProgress => ({
  ...{ version: 1, emission: 'all', output, request, rows: world.rows },
  ...{ answers: { base: firstGeneration, entries: [] }, topic: null, state: 'going', mark: firstMark },
})

export function fileEmission(
  world: RerunWorld,
  disk: Disk,
  changes: Partial<EmitToFileOptions> & { readonly format: EmitFormat },
): EmitToFileOptions {
  const request = changes.request ?? everything
  const path = `out.${changes.format}`
  return {
    ...{ lake: world.rerun, store: world.store, pace: async () => {}, random: seededRandom(1) },
    ...{ disk, path, output: path, request, begin: async () => begunOn(world, request, path) },
    ...changes,
  }
}

const { signal } = new AbortController()

export const emitted = (options: EmitToFileOptions) => emitToFile(options, signal)

export async function bytesOf(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  try {
    return await file.read(await file.size(), 0)
  } finally {
    await file.close()
  }
}
