/**
 * Run by the race tests in a process of its own: as one of several workers and publishers that know nothing of each other,
 * acquires partitions, commits epochs, publishes and finishes, until it is told to stop by the end of its input. Errors
 * that a correct caller meets are borne; any other ends it with code 1. At its end it says how often it did what.
 */
import {
  ControlStoreUnavailableError,
  PlatformError,
  PublicationOpenError,
  StaleEpochError,
  StaleLeaseError,
} from '../../../../core/errors.ts'
import type { MerchantId, Offset } from '../../../../core/ids.ts'
import type { ClusterStore } from '../../../../core/ports/cluster-store.ts'
import { openPostgresControlStore } from '../control-store.ts'

const [url = '', name = '', partitionCount = '4'] = process.argv.slice(2)
const store = await openWhenItAnswers()
const log = `log-${name}`
const counts = { epochs: 0, stale: 0, publications: 0, unavailable: 0, unknown: 0 }
let stopping = false
process.stdin.on('end', () => {
  stopping = true
})
process.stdin.resume()

/** The server may be away when this process comes to it. */
async function openWhenItAnswers(): Promise<ClusterStore> {
  for (;;) {
    try {
      return await openPostgresControlStore({ url, visible: 'published', poolSize: 2, chores: { rows: 50 } })
    } catch (error) {
      if (!(error instanceof ControlStoreUnavailableError)) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** Drawn by a generator of Lehmer's, each process its own numbers. */
let seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 2_147_483_647, 7)
function below(limit: number): number {
  seed = (seed * 48_271) % 2_147_483_647
  return Math.floor((seed / 2_147_483_647) * limit)
}

let made = 0

async function work(store: ClusterStore): Promise<void> {
  const all = Array.from({ length: Number(partitionCount) }, (_, i) => i)
  const wanted = all.filter(() => below(3) === 0)
  const mine = wanted.length === 0 ? [below(all.length)] : wanted
  const { fence, positions } = await store.acquirePartitions('hits', 'feed', name, mine)
  const next = new Map(mine.map((partition) => [partition, positions.find((at) => at.partition === partition)]))
  for (let round = 1 + below(4); round > 0 && !stopping; round--) {
    const moved = mine.filter((_, index) => index === 0 || below(2) === 0)
    const number = ++made
    await store.commitEpoch({
      job: 'hits',
      source: 'feed',
      plan: 'plan',
      fence,
      partitions: moved.map((partition) => {
        const from = next.get(partition)?.next ?? (0 as Offset)
        const forwarded = { ...next.get(partition)?.forwarded, [log]: number }
        const position = { checkpoint: `${name} ${number}`, watermark: number, received: number, forwarded }
        const to = (from + 1) as Offset
        next.set(partition, { ...position, partition, next: to })
        return { ...position, partition, from, next: to }
      }),
      // One file per moved record: at the end there must be as many of one as of the other.
      staged: moved.map((partition) => ({
        name: `staged/${name}-${number}-${partition}`,
        table: 'hits' as const,
        rows: 1,
        bytes: 1,
        firstDay: 0,
        lastDay: 0,
      })),
      touched: moved.map((partition) => ({ merchant: `m${partition}` as MerchantId, day: below(3) })),
      books: moved.map((partition) => ({
        merchant: `m${partition}` as MerchantId,
        hour: 0,
        accepted: 0,
        stored: 1,
        duplicates: 0,
        failed: 0,
        dropped: {},
      })),
    })
    counts.epochs += 1
  }
}

async function publish(store: ClusterStore): Promise<void> {
  // A lease so short that it moves while others still believe they hold it.
  const lease = await store.acquireLease('publish', name, 20, 0)
  if (lease === undefined) return
  const open = await store.openPublication('hits')
  const names = (await store.unpublished('hits')).map((file) => file.name).slice(0, 1 + below(20))
  if (open === undefined && names.length === 0) return
  const { id } = open ?? (await store.beginPublication('hits', 'publish', lease.fence, names))
  await store.finishPublication('hits', 'publish', lease.fence, id, `s${id}`)
  counts.publications += 1
}

while (!stopping) {
  try {
    await (below(3) === 0 ? publish(store) : work(store))
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    if (error.retry === 'outcomeUnknown') counts.unknown += 1
    else if (error.retry === 'afterBackoff') {
      counts.unavailable += 1
      await new Promise((resolve) => setTimeout(resolve, 100))
    } else if (
      error instanceof StaleEpochError ||
      error instanceof StaleLeaseError ||
      error instanceof PublicationOpenError
    ) {
      counts.stale += 1
    } else throw error
  }
}
await store.close()
process.stdout.write(JSON.stringify(counts))
