/** The collecting routes over a real log in memory, and a reader that gives what was stored since it last looked. */
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { errorEntry } from '../../core/error-table.ts'
import type { HitBatch } from '../../core/hit.ts'
import { openLogReader } from '../../core/log/log-reader.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import { type HitsWorld, hitsWorld } from '../../gateway/http/routes/hits-under-test.ts'
import { decodeHitBatch, encodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import { promised } from './target.ts'

/** Where the clock of these worlds stands: hits of the corpus are of that day. */
export const collectorNow = Date.parse('2026-03-01T12:00:00Z')

const readBytes = 64 * 1024 * 1024

export interface CollectorWorld extends HitsWorld {
  /** Batches that became durable since the last call. */
  storedSince(): Promise<readonly HitBatch[]>
  close(): Promise<void>
}

export async function collectorWorld(): Promise<CollectorWorld> {
  const disk = new MemoryDisk()
  const log = await openSegmentLog({ disk, folder: 'log', timers: new ManualClock(), random: seededRandom(7) })
  const world = await hitsWorld({ log })
  world.clock.advance(collectorNow - world.clock.now())
  const reader = await openLogReader({ disk, folder: 'log', id: log.id, from: log.next, durable: () => log.durable })
  return {
    ...world,
    async storedSince() {
      const records = await reader.read(readBytes)
      return records.map(({ payload }) => {
        const batch = decodeHitBatch(payload)
        promised(encodeHitBatch(batch).equals(payload), () => 'a record of the log is encoded otherwise than it was')
        return batch
      })
    },
    async close() {
      await reader.close()
      await world.app.close()
      await log.close()
    },
  }
}

/** The answer's code is in the table, of that status, and none of the server's faults. */
export function promisedProblem(status: number, body: unknown): void {
  const { code } = (body ?? {}) as { readonly code?: unknown }
  const entry = typeof code === 'string' ? errorEntry(code) : undefined
  promised(entry?.status === status, () => `status ${status} with the code ${String(code)}`)
  promised(status < 500, () => `status ${status}: ${JSON.stringify(body)}`)
}

interface Rejected {
  readonly index: number
  readonly code: string
  readonly pointer: string
}

/** Rejections have codes of their own kind and rise by index. */
export function promisedRejections(rejected: unknown): number {
  promised(Array.isArray(rejected), () => 'rejected is no list')
  let last = -1
  for (const { index, code, pointer } of rejected as readonly Rejected[]) {
    promised(errorEntry(code)?.kinds.includes('rejection') === true, () => `a hit is rejected with the code ${code}`)
    promised(index > last && typeof pointer === 'string', () => `rejection ${index} after ${last}`)
    last = index
  }
  return (rejected as readonly unknown[]).length
}
