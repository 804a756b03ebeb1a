/**
 * What it costs a collector to bring hits into Kafka, beside the plain way: kafkajs, one hit a record. Both send the same
 * batches of one hit, packed with gzip, acknowledged by all replicas; ours also reads them from the log and looks at each.
 * Per second of this process's own processor time, for that is what limits a collector; the broker is another machine.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs, { type Kafka, type Producer } from 'kafkajs'
import { createKafka } from '../core/adapters/kafka/client.ts'
import { ensureTopic, type TopicSettings } from '../core/adapters/kafka/topic.ts'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../core/adapters/node/system.ts'
import { durableOf } from '../core/log/durable-source.ts'
import { openSegmentLog } from '../core/log/segment-log.ts'
import type { HitLog } from '../core/ports/hit-log.ts'
import { kafkaFeedWriter } from '../gateway/adapters/kafka/kafka-feed-writer.ts'
import { createForwarder } from '../gateway/core/forwarder.ts'
import { batchWithHits, memoryKeptFile } from '../gateway/core/forwarder-under-test.ts'
import { createMemoryControlStore } from '../lakehouse/adapters/memory/memory-control-store.ts'
import { logFeed } from '../pipelines/adapters/log/log-feed.ts'
import { encodeHitBatch } from '../schemas/avro/hit-batch.ts'
import type { Bench } from './runner.ts'

const brokers = process.env.HITLAKE_KAFKA_BROKERS
const hits = 100_000
const partitions = 12
/** Hits of one call of the plain way: as many as are in a chunk of ours, about. */
const plainHits = 5_000

interface World {
  readonly folder: string
  readonly log: HitLog
  readonly records: readonly { readonly key: string; readonly value: Buffer }[]
  readonly kafka: Kafka
  readonly topic: TopicSettings
  readonly plain: Producer
}
let world: World | undefined

async function setup(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-bench-'))
  const log = await openSegmentLog({
    disk: nodeDisk(folder),
    folder: 'log',
    timers: systemTimers,
    random: systemRandom,
  })
  const records = Array.from({ length: hits }, (_, i) => {
    const key = `shop-${(i * 7) % 499}`
    return { key, value: encodeHitBatch(batchWithHits(key, 1_772_355_600_000 + i, 1)) }
  })
  for (let i = 0; i < hits; i += 1_000) {
    await Promise.all(records.slice(i, i + 1_000).map(({ value }) => log.append(value)))
  }
  const kafka = createKafka({ brokers: (brokers ?? '').split(','), clientId: 'hitlake-bench', say: () => {} })
  const topic = {
    topic: `bench-${randomBytes(4).toString('hex')}`,
    partitions,
    replication: 1,
    retentionMs: 3_600_000,
  }
  await ensureTopic(kafka, topic)
  const plain = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    retry: { retries: 5 },
  })
  await plain.connect()
  world = { folder, log, records, kafka, topic, plain }
}

async function teardown(): Promise<void> {
  if (world === undefined) return
  const { plain, kafka, topic, log, folder } = world
  await plain.disconnect()
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic.topic] })
  await admin.disconnect()
  await log.close()
  rmSync(folder, { recursive: true })
}

/** Hits per second of processor time that `task` takes. */
async function perProcessorSecond(task: (made: World) => Promise<void>): Promise<number> {
  if (world === undefined) throw new Error('setup first')
  const before = process.cpuUsage()
  await task(world)
  const { user, system } = process.cpuUsage(before)
  return hits / ((user + system) / 1e6)
}

async function sendPlain({ plain, topic, records }: World): Promise<void> {
  for (let i = 0; i < hits; i += plainHits) {
    await plain.send({
      topic: topic.topic,
      acks: -1,
      compression: kafkajs.CompressionTypes.GZIP,
      messages: records.slice(i, i + plainHits),
    })
  }
}

async function forward({ log, kafka, topic, folder }: World): Promise<void> {
  const disk = nodeDisk(folder)
  const feed = logFeed({ source: log.id, disk, folder: 'log', durable: durableOf(log), timers: systemTimers })
  const forwarder = createForwarder({
    log,
    openReader: (from) => feed.read(0, from),
    writer: kafkaFeedWriter({ kafka, topic }),
    store: createMemoryControlStore(),
    jobs: ['hits-warehouse'],
    markFile: memoryKeptFile(),
    receivedNow: systemClock.now,
    clock: systemClock,
    timers: systemTimers,
  })
  await forwarder.start()
  // Timers of ours keep no process alive.
  const awake = setInterval(() => {}, 1_000)
  while (forwarder.acked < hits) await new Promise((resolve) => setTimeout(resolve, 5))
  clearInterval(awake)
  await forwarder.stop()
}

const produce: Bench = {
  name: 'forwarding to Kafka, hits per processor second',
  unit: 'hits/s',
  setup,
  teardown,
  control: { name: 'kafkajs, one hit a record', run: () => perProcessorSecond(sendPlain) },
  candidate: { name: 'forwarder', run: () => perProcessorSecond(forward) },
}

if (brokers === undefined) console.error(`left out: ${produce.name}; it needs HITLAKE_KAFKA_BROKERS`)
export const benches: readonly Bench[] = brokers === undefined ? [] : [produce]
