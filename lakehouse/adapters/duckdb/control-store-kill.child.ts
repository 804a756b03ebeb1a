/**
 * Run by `control-store-kill.test.ts` in a process of its own: commits epoch after epoch to the database file named, says
 * the position after each, and goes on until it is killed.
 */
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { openDuckDbControlStore } from './control-store.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'

const file = process.argv[2] ?? ''
const instance = await openDatabase({
  file,
  memoryLimitBytes: 2 * minDatabaseMemoryBytes,
  threads: 1,
  scratch: `${file}.tmp`,
  // So small that a checkpoint comes every few epochs, and a kill now and then falls into one.
  checkpointBytes: 64 * 1024,
})
const store = await openDuckDbControlStore({ instance, foldBooksAt: 300 })
const { fence, positions } = await store.acquirePartitions('hits', 'feed-1', 'child', [0])
let next = positions[0]?.next ?? 0
process.stdout.write(`at ${next}\n`)
for (;;) {
  const from = next as Offset
  next += 1
  const merchants = Array.from({ length: 50 }, (_, i) => `shop-${(next + i) % 70}` as MerchantId)
  await store.commitEpoch({
    job: 'hits',
    source: 'feed-1',
    plan: 'plan',
    fence,
    partitions: [
      {
        partition: 0,
        from,
        next: next as Offset,
        checkpoint: `c${next}`,
        watermark: next,
        received: next,
        forwarded: {},
      },
    ],
    staged: [{ name: `staged/${next}`, table: 'hits', rows: 1, bytes: 1, firstDay: 0, lastDay: 0 }],
    touched: merchants.map((merchant) => ({ merchant, day: 1 })),
    books: merchants.map((merchant) => ({
      merchant,
      hour: 0,
      accepted: 0,
      stored: 1,
      duplicates: 0,
      failed: 0,
      dropped: {},
    })),
  })
  process.stdout.write(`committed ${next}\n`)
}
