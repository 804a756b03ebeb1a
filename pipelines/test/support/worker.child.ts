/**
 * Run by `workers.cluster.test.ts` in a process of its own: a worker of the job `hits` over Kafka and PostgreSQL. Says
 * `given <partitions>` when its assignment changes, `committed <records>` after each epoch, `trouble <code>` for errors;
 * ends when its input does.
 */

import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { createKafka } from '../../../core/adapters/kafka/client.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../../core/adapters/node/system.ts'
import { PlatformError } from '../../../core/errors.ts'
import { createHasher } from '../../../core/sketch/hasher.ts'
import { openPostgresControlStore } from '../../../lakehouse/adapters/postgres/control-store.ts'
import { kafkaGroupFeed } from '../../adapters/kafka/kafka-feed.ts'
import { createHitsJob } from '../../jobs/hits.ts'
import { createStreamRunner } from '../../runtime/stream-runner.ts'
import { fileLake } from './file-lake.ts'

export interface WorkerSettings {
  readonly owner: string
  readonly url: string
  readonly brokers: string
  readonly topic: string
  readonly source: string
  readonly partitions: number
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly folder: string
  readonly epochMs: number
}

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
const { owner, url, brokers, folder, epochMs } = settings
const tell = (...words: readonly unknown[]) => process.stdout.write(`${words.join(' ')}\n`)

const kafka = createKafka({ brokers: brokers.split(','), clientId: owner, say: () => {} })
const store = await openPostgresControlStore({ url, visible: 'published', poolSize: 2 })
const objects = await folderObjectStore(nodeDisk(folder), 'objects', { leftovers: 'keep' })
const { feed, assignment, close } = await kafkaGroupFeed({ ...settings, kafka, timers: systemTimers, say: () => {} })
const { visitorHash } = await createHasher()
const runner = createStreamRunner({
  ...createHitsJob({
    store,
    visitorHash,
    country: () => null,
    userAgents: { read: () => ({ bot: false, device: 'desktop', browser: null, os: null }) },
    dataSets: {},
  }),
  ...{ feed, assignment, store, objects, lake: fileLake(folder), owner, epochMs },
  ...{ clock: systemClock, timers: systemTimers, random: systemRandom },
  onEpoch: ({ records }) => tell('committed', records),
  onError: (error, then) => tell('trouble', error instanceof PlatformError ? error.code : error, then),
})
assignment.onChange(() => tell('given', assignment.partitions.join(',')))
tell('given', assignment.partitions.join(','))
await runner.start()

// Timers of the system keep no process alive.
const alive = setInterval(() => {}, 60_000)
process.stdin.on('end', async () => {
  await runner.stop()
  await close()
  await store.close()
  clearInterval(alive)
})
process.stdin.resume()
